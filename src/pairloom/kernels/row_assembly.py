"""Putting the non-zeros of several raw columns side by side into CSR rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.kernels.arrays import check_vector
from pairloom.rows import RowBatch

__all__ = ["RowPart", "assemble_rows"]


@dataclass(frozen=True, slots=True)
class RowPart:
    """What one raw column adds to each row.

    Parameters
    ----------
    columns : ndarray of shape (n_nonzeros,), int32
    values : ndarray of shape (n_nonzeros,), float32, optional
        None when all are one.
    indptr : ndarray of shape (n_rows + 1,), int64, optional
        Row i has the non-zeros ``indptr[i]`` to ``indptr[i + 1] - 1``; None for an equal number in each row.
    """

    columns: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32] | None = None
    indptr: npt.NDArray[np.int64] | None = None


def assemble_rows(
    parts: Sequence[RowPart], n_rows: int, n_features: int, *, with_fields: bool = False
) -> RowBatch:
    """Join parts to rows; part k is field k. Values are left out where every part leaves them out."""
    widths = [_width(k, part, n_rows) for k, part in enumerate(parts)]
    lengths = np.full(n_rows, sum(width for width in widths if width is not None), np.int64)
    for part in parts:
        if part.indptr is not None:
            lengths += np.diff(part.indptr)
    indptr = np.zeros(n_rows + 1, np.int64)
    np.cumsum(lengths, out=indptr[1:])
    n_nonzeros = int(indptr[-1])
    columns = np.empty(n_nonzeros, np.int32)
    values = None if all(part.values is None for part in parts) else np.empty(n_nonzeros, np.float32)
    fields = np.empty(n_nonzeros, np.int32) if with_fields else None
    cursors = indptr[:-1].copy()
    for k, (part, width) in enumerate(zip(parts, widths, strict=True)):
        _native.append_to_rows(
            part.indptr, width or 0, part.columns, part.values, k, cursors, columns, values, fields
        )
    return RowBatch(indptr, columns, values, n_features, fields=fields)


def _width(k: int, part: RowPart, n_rows: int) -> int | None:
    who = f"assemble_rows, part {k}"
    check_vector(who, "columns", part.columns, np.int32)
    if part.values is not None:
        check_vector(who, "values", part.values, np.float32, len(part.columns))
    if part.indptr is None:
        if n_rows == 0 or len(part.columns) % n_rows:
            raise UserError(
                f"{who}: 'columns' must be as many for each of {n_rows} rows. Got {len(part.columns)}."
            )
        return len(part.columns) // n_rows
    check_vector(who, "indptr", part.indptr, np.int64, n_rows + 1)
    if part.indptr[0] != 0 or part.indptr[-1] != len(part.columns) or (np.diff(part.indptr) < 0).any():
        raise UserError(f"{who}: 'indptr' must rise from 0 to the {len(part.columns)} columns.")
    return None
