"""Rows as the kernels take them, checked once before any kernel reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.kernels import _native
from pairloom.rows import RowBatch

__all__ = ["checked_rows", "find_repeated", "gather_fields", "native_rows", "sum_repeated", "take_rows"]

REPEATED, OFFSETS, INDEX_RANGE, NOT_FINITE = 1, 2, 3, 4


def _contiguous(
    name: str, array: npt.NDArray[Any] | None, dtype: type, length: int
) -> npt.NDArray[Any] | None:
    if array is None:
        return None
    if array.ndim != 1 or len(array) != length:
        raise UserError(f"Rows: '{name}' must be an array of shape ({length},). Got shape {array.shape}.")
    return np.ascontiguousarray(array, dtype)


def native_rows(batch: RowBatch, *, row_length: int | None = None) -> _native.Rows:
    """Hand the arrays of a batch to the kernels, without a copy where dtype and order fit.

    Parameters
    ----------
    batch : RowBatch
    row_length : int, optional
        When every row holds this many non-zeros; `batch.indptr` is then not read.
    """
    n_nonzeros = len(batch.indices)
    return _native.Rows(
        None if row_length is not None else _contiguous("indptr", batch.indptr, np.int64, batch.n_rows + 1),
        row_length or 0,
        np.ascontiguousarray(batch.indices, np.int32),
        _contiguous("values", batch.values, np.float32, n_nonzeros),
        _contiguous("labels", batch.labels, np.float32, batch.n_rows),
        _contiguous("weights", batch.weights, np.float32, batch.n_rows),
        batch.n_rows,
    )


def take_rows(batch: RowBatch, order: npt.NDArray[np.int64]) -> RowBatch:
    """Return some rows of a batch, in any order."""
    indptr = np.empty(len(order) + 1, np.int64)
    n_nonzeros = int(np.diff(batch.indptr)[order].sum())
    indices = np.empty(n_nonzeros, np.int32)
    values = None if batch.values is None else np.empty(n_nonzeros, np.float32)
    _native.gather_rows(native_rows(batch), np.ascontiguousarray(order, np.int64), indptr, indices, values)
    return RowBatch(
        indptr,
        indices,
        values,
        batch.n_features,
        None if batch.labels is None else batch.labels[order],
        None if batch.weights is None else batch.weights[order],
        None if batch.fields is None else gather_fields(native_rows(batch), batch.fields, order, n_nonzeros),
    )


def gather_fields(
    rows: _native.Rows, fields: npt.NDArray[np.int32], order: npt.NDArray[np.int64], n_nonzeros: int
) -> npt.NDArray[np.int32]:
    """Return the fields of `n_nonzeros` non-zeros of some rows, in their order."""
    taken = np.empty(n_nonzeros, np.int32)
    indptr = np.empty(len(order) + 1, np.int64)
    as_indices = rows.with_indices(np.ascontiguousarray(fields, np.int32))
    _native.gather_rows(as_indices, np.ascontiguousarray(order, np.int64), indptr, taken, None)
    return taken


def checked_rows(batch: RowBatch, *, n_features: int | None = None) -> RowBatch:
    """Return the batch, repeated indices of a row summed, or say what is wrong with it.

    Parameters
    ----------
    batch : RowBatch
    n_features : int, optional
        Upper bound of the indices; any non-negative index will do where it is None.

    Raises
    ------
    DataError
        Naming the row, for offsets that do not fit, an index out of range, NaN or infinity.
    """
    return batch if find_repeated(batch, n_features=n_features) is None else sum_repeated(batch)


def find_repeated(batch: RowBatch, *, n_features: int | None = None) -> npt.NDArray[np.bool_] | None:
    """Check a batch as `checked_rows` does, and say which rows hold an index more than once; None if none does."""
    rows = native_rows(batch)
    fault = _native.check_rows(rows, -1 if n_features is None else n_features)
    if fault == OFFSETS:
        raise DataError(
            "offsets that begin at 0, never fall and end at the number of non-zeros", field="indptr"
        )
    if fault == INDEX_RANGE:
        _raise_for_index(batch, n_features)
    if fault == NOT_FINITE:
        _raise_for_infinity(batch)
    if fault != REPEATED:
        return None
    repeated = np.zeros(batch.n_rows, np.bool_)
    _native.mark_repeated(rows, repeated)
    return repeated


def _row_of(batch: RowBatch, position: int) -> int:
    return int(np.searchsorted(batch.indptr, position, side="right"))


def _raise_for_index(batch: RowBatch, n_features: int | None) -> None:
    bad = batch.indices < 0
    if n_features is not None:
        bad |= batch.indices >= n_features
    position = int(np.argmax(bad))
    limit = "" if n_features is None else f" in [0, {n_features - 1}]"
    raise DataError(
        f"a column index{limit}" if limit else "a column index of 0 or more",
        got=str(int(batch.indices[position])),
        row=_row_of(batch, position),
        action="Raise the number of features or mend the row",
    )


def _raise_for_infinity(batch: RowBatch) -> None:
    if batch.values is not None and not np.isfinite(batch.values).all():
        position = int(np.argmin(np.isfinite(batch.values)))
        raise DataError(
            "a finite value",
            got=str(batch.values[position]),
            row=_row_of(batch, position),
            field=f"column {batch.indices[position]}",
            action="Remove the row or give the value a number",
        )
    for field, array in (("label", batch.labels), ("weight", batch.weights)):
        if array is not None and not np.isfinite(array).all():
            row = int(np.argmin(np.isfinite(array)))
            raise DataError(
                "a finite number",
                got=str(array[row]),
                row=row + 1,
                field=field,
                action="Remove the row or mend it",
            )


def sum_repeated(batch: RowBatch, *, by_field: bool = False) -> RowBatch:
    """Add up the values of indices that repeat within a row; indices come out ascending.

    Parameters
    ----------
    batch : RowBatch
    by_field : bool
        Only where their fields are the same too.
    """
    rows = np.repeat(np.arange(batch.n_rows), np.diff(batch.indptr))
    fields = batch.fields if by_field else None
    order = np.lexsort((batch.indices, rows) if fields is None else (fields, batch.indices, rows))
    rows, indices = rows[order], batch.indices[order]
    values = np.ones(len(indices), np.float32) if batch.values is None else batch.values[order]
    first = np.empty(len(indices), np.bool_)
    first[:1] = True
    first[1:] = (rows[1:] != rows[:-1]) | (indices[1:] != indices[:-1])
    if fields is not None:
        first[1:] |= np.diff(fields[order]) != 0
    starts = np.flatnonzero(first)
    with np.errstate(over="ignore"):
        sums = np.add.reduceat(values, starts).astype(np.float32) if len(starts) else values
    if not np.isfinite(sums).all():
        row = int(rows[starts[int(np.argmin(np.isfinite(sums)))]])
        raise DataError(
            "a sum of repeated values that is finite", row=row + 1, action="Scale the values down"
        )
    indptr = np.zeros(batch.n_rows + 1, np.int64)
    np.cumsum(np.bincount(rows[starts], minlength=batch.n_rows), out=indptr[1:])
    return RowBatch(
        indptr,
        indices[starts],
        sums,
        batch.n_features,
        batch.labels,
        batch.weights,
        None if batch.fields is None else batch.fields[order][starts],
    )
