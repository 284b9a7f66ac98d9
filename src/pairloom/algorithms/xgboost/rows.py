"""Rows on their way into the library: labels that fit the objective, columns in order, matrices without copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.checked_rows import checked_rows
from pairloom.algorithms.contract import RowSource
from pairloom.algorithms.xgboost.objectives import Objective
from pairloom.errors import DataError
from pairloom.rows import RowBatch

__all__ = ["in_order", "matrix_of", "training_rows", "within"]


def training_rows(
    source: RowSource, channel: str, objective: Objective, n_classes: int | None, categories: list[int]
) -> RowSource:
    """Check every batch, and put its columns in order.

    Refused are, with channel and row, what `checked_rows` refuses, labels that the objective does not take, and
    categories that are no whole numbers from 0.
    """
    checked = checked_rows(source, channel, binary=False)
    low, high, clause = objective.low, objective.high, objective.labels
    if objective.classes:
        assert n_classes is not None
        low, high, clause = 0, n_classes - 1, f"a class, a whole number in [0, {n_classes - 1}]"
    where = f"Channel '{channel}'"

    def open_pass() -> Iterator[RowBatch]:
        n_rows = 0
        for batch in checked():
            labels = batch.labels
            assert labels is not None
            wrong = np.zeros(batch.n_rows, np.bool_)
            if low is not None:
                wrong |= labels <= low if objective.above else labels < low
            if high is not None:
                wrong |= labels > high
            if objective.classes:
                wrong |= labels != np.rint(labels)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise DataError(
                    f"{clause} for '{objective.name}'", got=f"{labels[row]:g}", source=where, row=n_rows + row + 1,
                    action="Correct the label, leave the row out or choose another objective",
                )  # fmt: skip
            if categories:
                _check_categories(batch, categories, where, n_rows)
            n_rows += batch.n_rows
            yield in_order(batch)

    return open_pass


def in_order(rows: RowBatch) -> RowBatch:
    """Return rows whose indices ascend without repetition: the same, or a copy in which repeated ones add up."""
    if len(rows.indices) < 2:
        return rows
    rises = rows.indices[1:] > rows.indices[:-1]
    starts = rows.indptr[1:-1]
    rises[starts[(starts > 0) & (starts < len(rows.indices))] - 1] = True
    if rises.all():
        return rows
    matrix = matrix_of(rows, rows.n_features).copy()
    matrix.sum_duplicates()
    return RowBatch(
        matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data, rows.n_features,
        rows.labels, rows.weights, groups=rows.groups,
    )  # fmt: skip


def within(rows: RowBatch, n_features: int) -> RowBatch:
    """Leave out the entries in columns from `n_features` on: no tree asks for them."""
    if not len(rows.indices) or int(rows.indices.max()) < n_features:
        return rows
    kept = rows.indices < n_features
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept, dtype=np.int64)])
    values = None if rows.values is None else rows.values[kept]
    return RowBatch(
        ends[rows.indptr],
        rows.indices[kept],
        values,
        n_features,
        rows.labels,
        rows.weights,
        groups=rows.groups,
    )


def matrix_of(rows: RowBatch, n_features: int) -> Any:
    """Return rows as a scipy CSR matrix over the same arrays; an entry that is absent is missing."""
    from scipy.sparse import csr_matrix

    values = np.ones(len(rows.indices), np.float32) if rows.values is None else rows.values
    return csr_matrix((values, rows.indices, rows.indptr), (rows.n_rows, n_features), copy=False)


def _check_categories(batch: RowBatch, categories: list[int], where: str, rows_before: int) -> None:
    of_category = np.isin(batch.indices, categories)
    values: npt.NDArray[np.float32] = (
        np.ones(len(batch.indices), np.float32) if batch.values is None else batch.values
    )
    wrong = of_category & ((values < 0) | (values != np.rint(values)) | (values >= 2**24))
    if wrong.any():
        position = int(np.argmax(wrong))
        row = int(np.searchsorted(batch.indptr, position, side="right"))
        raise DataError(
            f"the number of a category, a whole number from 0, in column {batch.indices[position]}",
            got=f"{values[position]:g}",
            source=where,
            row=rows_before + row,
            action="Number the categories, or take the column out of 'pairloom_categorical_features'",
        )
