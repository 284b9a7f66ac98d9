"""Rows on their way into an algorithm: what cannot be trained on is refused, with channel and row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.contract import RowSource
from pairloom.errors import DataError
from pairloom.kernels.dense_rows import are_full
from pairloom.rows import RelationalRows, RelationalSource, RowBatch

__all__ = ["checked_relational", "checked_rows"]

LABELS_ADVICE = "Correct the label or leave the row out"


def checked_rows(
    source: RowSource,
    channel: str,
    *,
    binary: bool = False,
    n_classes: int | None = None,
    feature_dim: int | None = None,
    labelled: bool = True,
) -> RowSource:
    """Check every batch that `source` yields.

    Parameters
    ----------
    source : callable
        Opens a pass over the rows.
    channel : str
        Named in errors.
    binary : bool
        Whether labels must be 0 and 1.
    n_classes : int, optional
        Labels must be whole numbers below it.
    feature_dim : int, optional
        Every column index must be less.
    labelled : bool
        Whether labels count; if not, they are left out.

    Returns
    -------
    callable
        Opens a pass that raises DataError when it meets rows without labels, a label or value that is not
        finite, a label that does not fit the task, a negative weight or a column out of range, and when it
        ends without a row.
    """
    where = f"Channel '{channel}'"

    def open_pass() -> Iterator[RowBatch]:
        n_rows = 0
        for batch in source():
            if batch.n_rows:
                if labelled:
                    _check_labels(batch, where, n_rows, 2 if binary else n_classes)
                _check(batch, where, n_rows, feature_dim)
                n_rows += batch.n_rows
                yield batch if labelled else replace(batch, labels=None)
        if not n_rows:
            raise DataError("at least one row", got="none", source=where, action="Give it a file with rows")

    return open_pass


def checked_relational(
    source: RelationalSource, channel: str, *, binary: bool = False, feature_dim: int | None = None
) -> Callable[[], Iterator[RelationalRows]]:
    """Check every batch of rows with shared parts as `checked_rows` does; shared parts once.

    Parameters
    ----------
    source : RelationalSource
    channel, binary, feature_dim : as of `checked_rows`
    """
    where = f"Channel '{channel}'"

    def open_pass() -> Iterator[RelationalRows]:
        n_rows, seen = 0, set[int]()
        for batch in source.relational():
            _check_labels(batch.main, where, n_rows, 2 if binary else None)
            _check(batch.main, where, n_rows, feature_dim)
            for relation in batch.relations:
                if id(relation.rows) not in seen:
                    seen.add(id(relation.rows))
                    _check(relation.rows, f"{where}, parts that rows share", 0, feature_dim)
            n_rows += batch.n_rows
            yield batch
        if not n_rows:
            raise DataError("at least one row", got="none", source=where, action="Give it a file with rows")

    return open_pass


def _check_labels(batch: RowBatch, where: str, rows_before: int, n_classes: int | None) -> None:
    if batch.labels is None:
        raise DataError(
            "a label in every row", got="rows without labels", source=where, row=rows_before + 1,
            action="Say which column holds the label, or give data that has one",
        )  # fmt: skip
    if not np.isfinite(batch.labels).all():
        _refuse_label("a finite label", batch.labels, ~np.isfinite(batch.labels), where, rows_before)
    if n_classes is not None:
        wrong = (batch.labels < 0) | (batch.labels >= n_classes) | (batch.labels != np.floor(batch.labels))
        if wrong.any():
            expected = (
                "a label of 0 or 1 for 'binary_classifier'"
                if n_classes == 2
                else f"a label that is a whole number from 0 to {n_classes - 1}, below 'num_classes'"
            )
            _refuse_label(expected, batch.labels, wrong, where, rows_before)


def _check(batch: RowBatch, where: str, rows_before: int, feature_dim: int | None) -> None:
    if batch.weights is not None and not (np.isfinite(batch.weights) & (batch.weights >= 0)).all():
        row = int(np.argmin(np.isfinite(batch.weights) & (batch.weights >= 0)))
        raise DataError(
            "a finite weight >= 0", got=str(batch.weights[row]), source=where, row=rows_before + row + 1
        )
    if feature_dim is not None and are_full(batch, feature_dim):
        return
    if batch.values is not None and not np.isfinite(batch.values).all():
        position = int(np.argmin(np.isfinite(batch.values)))
        raise DataError(
            f"a finite value in column {batch.indices[position]}",
            got=str(batch.values[position]),
            source=where,
            row=rows_before + _row_of(batch, position),
            action="Replace it by a number or leave the column out",
        )
    _check_columns(batch, where, rows_before, feature_dim)


def _check_columns(batch: RowBatch, where: str, rows_before: int, feature_dim: int | None) -> None:
    if not len(batch.indices):
        return
    wrong = batch.indices.min() < 0 or (feature_dim is not None and batch.indices.max() >= feature_dim)
    if not wrong:
        return
    outside = batch.indices < 0
    if feature_dim is not None:
        outside |= batch.indices >= feature_dim
    position = int(np.argmax(outside))
    raise DataError(
        "a column index >= 0" if feature_dim is None else f"a column index in [0, {feature_dim - 1}]",
        got=str(batch.indices[position]),
        source=where,
        row=rows_before + _row_of(batch, position),
        action=None if feature_dim is None else "Raise 'feature_dim', or leave it out to have it inferred",
    )


def _refuse_label(
    expected: str, labels: npt.NDArray[np.float32], wrong: npt.NDArray[np.bool_], where: str, rows_before: int
) -> None:
    row = int(np.argmax(wrong))
    raise DataError(
        expected, got=f"{labels[row]:g}", source=where, row=rows_before + row + 1, action=LABELS_ADVICE
    )


def _row_of(batch: RowBatch, position: int) -> int:
    return int(np.searchsorted(batch.indptr, position, side="right"))
