"""Training rows of a solver that keeps them in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import overload

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.fm.data import LARGEST_UNSCALED, LabelSums
from pairloom.fm.settings import Task
from pairloom.kernels.native_rows import checked_rows
from pairloom.kernels.row_assembly import join_rows, joined_lengths
from pairloom.rows import Relation, RelationalRows, RowBatch

__all__ = ["checked_parts", "collect_rows", "joined", "large_values", "plain_rows", "rows_to_score"]


def collect_rows(
    batches: Iterable[RowBatch | RelationalRows], task: Task
) -> tuple[RowBatch | RelationalRows, LabelSums]:
    """Read all rows into one batch, checked, and measure their labels.

    It is relational where every batch is, with the same shared parts.

    Raises
    ------
    DataError
        For no rows, a missing label, or one that does not fit the task.
    """
    parts: list[RowBatch | RelationalRows] = []
    checked: dict[int, RowBatch] = {}
    labels = LabelSums()
    n_rows = 0
    for batch in batches:
        if not batch.n_rows:
            continue
        if batch.labels is None:
            raise DataError("a label in every row", action="Give labels to the training data")
        if task == "classification":
            wrong = (batch.labels != 0) & (batch.labels != 1)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise DataError(
                    "a label of 0 or 1", got=f"{batch.labels[row]:g}", row=n_rows + row + 1, field="label",
                    action="Map the labels to 0 and 1",
                )  # fmt: skip
        n_rows += batch.n_rows
        labels.add(batch.main if isinstance(batch, RelationalRows) else batch)
        parts.append(checked_parts(batch, checked))
    if not parts:
        raise DataError(
            "at least one row of training data", got="none", action="Check the path and the format"
        )
    if len(parts) == 1:
        return parts[0], labels
    relational = [part for part in parts if isinstance(part, RelationalRows)]
    if len(relational) == len(parts) and _share(relational):
        return RelationalRows.stacked(relational), labels
    return joined([join_rows(part) if isinstance(part, RelationalRows) else part for part in parts]), labels


def _share(parts: list[RelationalRows]) -> bool:
    """Whether all batches have the same shared parts."""
    first = parts[0].relations
    return all(
        len(part.relations) == len(first)
        and all(one.rows is other.rows for one, other in zip(part.relations, first, strict=True))
        for part in parts
    )


@overload
def checked_parts(rows: RelationalRows, known: dict[int, RowBatch] | None = None) -> RelationalRows: ...
@overload
def checked_parts(
    rows: RowBatch | RelationalRows, known: dict[int, RowBatch] | None = None
) -> RowBatch | RelationalRows: ...
def checked_parts(
    rows: RowBatch | RelationalRows, known: dict[int, RowBatch] | None = None
) -> RowBatch | RelationalRows:
    """Return rows after checking them and what they share; DataError names what is wrong.

    Parameters
    ----------
    rows : RowBatch or RelationalRows
    known : dict, optional
        Shared parts that were checked before, by identity; is added to.
    """
    known = {} if known is None else known
    if isinstance(rows, RowBatch):
        return checked_rows(rows)
    relations: list[Relation] = []
    for relation in rows.relations:
        n_parts, index = relation.rows.n_rows, relation.index
        if index.shape != (rows.n_rows,):
            raise DataError(f"an index of shape ({rows.n_rows},)", got=str(index.shape), field="relation")
        wrong = (index < -1) | (index >= n_parts)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"an index of the {n_parts} shared parts, or -1",
                got=str(index[row]),
                row=row + 1,
                field="relation",
            )
        if id(relation.rows) not in known:
            known[id(relation.rows)] = checked_rows(relation.rows)
        relations.append(Relation(np.ascontiguousarray(index, np.int32), known[id(relation.rows)]))
    return RelationalRows(checked_rows(rows.main), tuple(relations))


def plain_rows(rows: RowBatch | RelationalRows) -> RowBatch:
    """Return checked rows, relations joined."""
    checked = rows_to_score(rows)
    return join_rows(checked) if isinstance(checked, RelationalRows) else checked


def rows_to_score(rows: RowBatch | RelationalRows) -> RowBatch | RelationalRows:
    """Return checked rows in their shorter form: a few rows joined, when more is shared than they hold."""
    if isinstance(rows, RelationalRows):
        n_shared = sum(len(relation.rows.indices) for relation in rows.relations)
        if int(joined_lengths(rows).sum()) <= n_shared:
            return checked_rows(join_rows(rows))
    return checked_parts(rows)


def joined(parts: list[RowBatch]) -> RowBatch:
    """Put batches one after the other."""
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(part.indices) for part in parts)])
    offsets = [part.indptr[1:] + start for part, start in zip(parts, starts, strict=False)]
    labels = [part.labels for part in parts if part.labels is not None]
    valued = any(part.values is not None for part in parts)
    weighted = any(part.weights is not None for part in parts)

    def ones(n: int) -> npt.NDArray[np.float32]:
        return np.ones(n, np.float32)

    return RowBatch(
        np.concatenate([np.zeros(1, np.int64), *offsets]),
        np.concatenate([part.indices for part in parts]),
        np.concatenate([ones(len(p.indices)) if p.values is None else p.values for p in parts])
        if valued
        else None,
        max(part.n_features for part in parts),
        np.concatenate(labels) if len(labels) == len(parts) else None,
        np.concatenate([ones(p.n_rows) if p.weights is None else p.weights for p in parts])
        if weighted
        else None,
    )


def large_values(rows: RowBatch | RelationalRows, n_features: int) -> npt.NDArray[np.float32] | None:
    """Return what features are divided by: the largest absolute value where that exceeds four, else one."""
    parts = (
        [rows] if isinstance(rows, RowBatch) else [rows.main, *(relation.rows for relation in rows.relations)]
    )
    valued = [(part.indices, np.abs(part.values)) for part in parts if part.values is not None]
    if all(values.max(initial=0) <= LARGEST_UNSCALED for _, values in valued):
        return None
    scale = np.ones(n_features, np.float32)
    for indices, values in valued:
        np.maximum.at(scale, indices, values)
    scale[scale <= LARGEST_UNSCALED] = 1
    return scale
