"""Finds the fields of sparse rows: ranges of columns of which a row holds at most one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.rows import RowBatch

__all__ = ["RowFields", "find_fields"]

Int32Array = npt.NDArray[np.int32]
MOST_FIELDS = 64


@dataclass(frozen=True, slots=True)
class RowFields:
    """Columns in ranges that no row holds two columns of.

    Parameters
    ----------
    starts : ndarray of shape (n_fields + 1,), int64
        Field j has the columns ``starts[j]`` to ``starts[j + 1] - 1``.
    chosen : ndarray of int64
        Fields with the most non-zeros, at most 64, ascending; the columns of the others hold the rest.
    """

    starts: npt.NDArray[np.int64]
    chosen: npt.NDArray[np.int64]


def find_fields(rows: RowBatch, *, most: int = MOST_FIELDS) -> RowFields:
    """Cut columns into as few ranges as there can be such that no row holds two columns of one.

    Parameters
    ----------
    rows : RowBatch
        Indices ascend within a row and do not repeat.
    most : int
        Fields to choose.
    """
    width = rows.n_features
    # A column's next neighbour in any row: a range that begins at or before the column ends before the neighbour.
    neighbour = np.full(width + 1, width, np.int64)
    if len(rows.indices) > 1:
        inside = np.ones(len(rows.indices), np.bool_)
        ends = rows.indptr[1:-1]
        inside[ends[ends < len(inside)]] = False
        inside[0] = False
        second = np.flatnonzero(inside)
        np.minimum.at(neighbour, rows.indices[second - 1], rows.indices[second])
    furthest = np.minimum.accumulate(neighbour[::-1])[::-1]
    starts = [0]
    while starts[-1] < width:
        starts.append(int(furthest[starts[-1]]))
    counts = np.bincount(rows.indices, minlength=width) if len(rows.indices) else np.zeros(width, np.int64)
    totals = np.add.reduceat(counts, starts[:-1]) if width else np.zeros(0, np.int64)
    most_held = np.sort(np.argsort(-totals, kind="stable")[:most])
    return RowFields(np.asarray(starts, np.int64), most_held[totals[most_held] > 0])
