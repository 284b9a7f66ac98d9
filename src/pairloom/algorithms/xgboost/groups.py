"""The groups that rows are ranked in: told by the format, or by a column of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.contract import RowSource
from pairloom.algorithms.xgboost.objectives import Objective
from pairloom.errors import DataError
from pairloom.rows import RowBatch

__all__ = ["grouped_rows"]


def grouped_rows(source: RowSource, channel: str, objective: Objective, column: int | None) -> RowSource:
    """Give rows their groups, if the objective ranks within any.

    Parameters
    ----------
    source : callable
    channel : str
        Named in errors.
    objective : Objective
    column : int, optional
        Holds the group; else the groups that the rows came with count, if they have any.

    Returns
    -------
    callable
        Opens a pass that raises DataError for groups that are missing, no whole numbers, or descend.
    """
    where = f"Channel '{channel}'"

    def open_pass() -> Iterator[RowBatch]:
        n_rows, last = 0, 0
        for batch in source():
            if not objective.groups:
                yield replace(batch, groups=None)
                continue
            grouped = batch if column is None else _with_groups(batch, column, where, n_rows)
            if grouped.groups is not None and grouped.n_rows:
                last = _check_ascending(grouped.groups, last, where, n_rows)
            n_rows += grouped.n_rows
            yield grouped

    return open_pass


def _with_groups(batch: RowBatch, column: int, where: str, rows_before: int) -> RowBatch:
    """Take the column of groups out of the features; its width stays."""
    of_group = batch.indices == column
    values = np.ones(len(batch.indices), np.float32) if batch.values is None else batch.values
    found = values[of_group]
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(of_group, dtype=np.int64)])
    counts = np.diff(ends[batch.indptr])
    if (counts != 1).any():
        row = int(np.argmax(counts != 1))
        raise DataError(
            f"one group in column {column}", got=f"{counts[row]} values", source=where, row=rows_before + row + 1,
            action="Give every row its group, or correct 'pairloom_group_column'",
        )  # fmt: skip
    wrong = (found < 0) | (found != np.rint(found)) | (found >= 2**24)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"the number of a group, a whole number in [0, 2^24), in column {column}", got=f"{found[row]:g}",
            source=where, row=rows_before + row + 1, action="Number the groups from 0",
        )  # fmt: skip
    kept = ~of_group
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept, dtype=np.int64)])
    return RowBatch(
        starts[batch.indptr], batch.indices[kept], values[kept], batch.n_features, batch.labels, batch.weights,
        groups=found.astype(np.int64),
    )  # fmt: skip


def _check_ascending(groups: npt.NDArray[np.int64], last: int, where: str, rows_before: int) -> int:
    """Refuse a group that comes after a higher one; returns the last one."""
    before = np.concatenate([[last], groups[:-1]])
    if (groups < before).any():
        row = int(np.argmax(groups < before))
        raise DataError(
            f"a group of at least {before[row]}, that of the row before", got=str(groups[row]), source=where,
            row=rows_before + row + 1, action="Sort the rows by their groups",
        )  # fmt: skip
    return int(groups[-1])
