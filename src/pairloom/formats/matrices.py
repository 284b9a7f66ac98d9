"""Matrices and frames in memory as sparse rows, without a copy where their layout allows it."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.formats.float32 import Place, as_float32
from pairloom.formats.frames import as_frame
from pairloom.rows import RowBatch

__all__ = [
    "present_rows_of_dense",
    "rows_of_csr",
    "rows_of_dense",
    "rows_of_frame",
    "rows_of_matrix",
    "rows_of_sparse",
]

Array = npt.NDArray[Any]
Float32Array = npt.NDArray[np.float32]

_MAX_FEATURES = 2**31
_BLOCK_CELLS = 1 << 22


def rows_of_matrix(
    matrix: Any,
    labels: Any = None,
    weights: Any = None,
    *,
    n_features: int | None = None,
    name: str = "X",
    labels_name: str = "y",
    weights_name: str = "sample_weight",
) -> RowBatch:
    """Take rows from anything that holds a matrix of numbers.

    Parameters
    ----------
    matrix : matrix of shape (n_rows, n_columns)
        A scipy sparse matrix or array (CSR of float32 and int32 is not copied), a numpy array, a pandas, polars
        or Arrow table of numbers, or nested lists.
    labels, weights : array-like of shape (n_rows,), optional
        Weights must not be negative.
    n_features : int, optional
        What n_columns must be.
    name, labels_name, weights_name : str
        What errors call the arguments.

    Returns
    -------
    RowBatch
        Zeros of dense matrices are left out, those that a sparse matrix stores are kept.

    Raises
    ------
    DataError
        Naming argument, row and column: for a number that is not finite or does not fit float32, a missing
        value, something other than numbers, an index out of range, a wrong number of dimensions, or lengths
        that do not agree.

    Examples
    --------
    >>> import numpy as np
    >>> rows_of_matrix(np.array([[0, 2.5], [1, 0]]), labels=[1, 0]).indices
    array([1, 0], dtype=int32)
    """
    if hasattr(matrix, "tocsr"):
        rows = rows_of_sparse(matrix, name=name)
    elif (frame := as_frame(matrix)) is not None:
        rows = rows_of_frame(frame, name=name)
    else:
        rows = rows_of_dense(_as_array(matrix, name), name=name)
    if n_features is not None and rows.n_features != n_features:
        raise DataError(f"{n_features} columns", got=str(rows.n_features), source=name)
    return RowBatch(
        rows.indptr,
        rows.indices,
        rows.values,
        rows.n_features,
        None if labels is None else _vector(labels, rows.n_rows, labels_name),
        None if weights is None else _weights(weights, rows.n_rows, weights_name),
    )


def rows_of_sparse(matrix: Any, *, name: str) -> RowBatch:
    """Take rows from a scipy sparse matrix of any format; see `rows_of_matrix`."""
    _check_dimensions(matrix.shape, name)
    csr = matrix.tocsr()
    n_rows, n_features = (int(size) for size in csr.shape)
    if len(csr.indptr) != n_rows + 1:
        raise DataError(f"an indptr of {n_rows + 1} offsets", got=str(len(csr.indptr)), source=name)
    return rows_of_csr(csr.indptr, csr.indices, csr.data, n_features, name=name)


def rows_of_csr(
    indptr: Array, indices: Array, values: Array, n_features: int, *, name: str, first_row: int = 0
) -> RowBatch:
    """Take rows from the arrays of a CSR matrix, of any dtype; errors count rows from `first_row`."""
    if n_features > _MAX_FEATURES:
        raise DataError("at most 2147483648 columns", got=str(n_features), source=name)
    if indptr.dtype.kind not in "iu":
        raise DataError("an indptr of integers", got=str(indptr.dtype), source=name)
    indptr = np.ascontiguousarray(indptr, np.int64)
    if len(indptr) == 0 or indptr[0] != 0 or (np.diff(indptr) < 0).any():
        raise DataError("an indptr that rises from 0", got="another", source=name)
    n_nonzeros = int(indptr[-1])
    if len(indices) < n_nonzeros or len(values) < n_nonzeros:
        got = f"{len(indices)} indices, {len(values)} values"
        raise DataError(f"{n_nonzeros} indices and values, as indptr says", got=got, source=name)
    indices, values = indices[:n_nonzeros], values[:n_nonzeros]

    def place(at: int) -> tuple[int, str]:
        row = int(np.searchsorted(indptr, at, side="right")) - 1
        return first_row + row, f"column {int(indices[at])}"

    _check_indices(indices, n_features, place, name)
    numbers = as_float32(values, place, name)
    return RowBatch(
        indptr,
        np.ascontiguousarray(indices, np.int32),
        None if _all_ones(numbers) else numbers,
        n_features,
    )


def rows_of_dense(array: Array, *, name: str) -> RowBatch:
    """Take rows from a numpy array; see `rows_of_matrix`."""
    _check_dimensions(array.shape, name)
    n_rows, n_features = array.shape
    block_rows = max(_BLOCK_CELLS // max(n_features, 1), 1)
    counts, indices, values = [np.zeros(1, np.int64)], list[npt.NDArray[np.int32]](), list[Float32Array]()
    for start in range(0, n_rows, block_rows):
        place = _block_place(start, n_features)
        cells = array[start : start + block_rows]
        block = as_float32(cells.reshape(-1), place, name).reshape(cells.shape)
        kept = block != 0
        counts.append(np.count_nonzero(kept, axis=1))
        indices.append(np.nonzero(kept)[1].astype(np.int32))
        values.append(block[kept])
    found = np.concatenate([*values, np.empty(0, np.float32)])
    return RowBatch(
        np.cumsum(np.concatenate(counts), dtype=np.int64),
        np.concatenate([*indices, np.empty(0, np.int32)]),
        None if _all_ones(found) else found,
        n_features,
    )


def present_rows_of_dense(array: Float32Array) -> RowBatch:
    """Take rows from finite numbers and NaN: NaN is left out, zeros are kept."""
    n_rows, n_features = array.shape
    present = ~np.isnan(array)
    ends = np.cumsum(np.count_nonzero(present, axis=1), dtype=np.int64)
    found = array[present]
    return RowBatch(
        np.concatenate([np.zeros(1, np.int64), ends]),
        np.nonzero(present)[1].astype(np.int32),
        None if n_rows and _all_ones(found) else found,
        n_features,
    )


def rows_of_frame(frame: nw.DataFrame[Any], *, name: str) -> RowBatch:
    """Take rows from a frame whose columns are numbers; see `rows_of_matrix`."""
    cells = np.empty((len(frame), len(frame.columns)), np.float32)
    for i, (column, series) in enumerate(zip(frame.columns, frame.iter_columns(), strict=True)):
        cells[:, i] = _column(series, str(column), name)
    return rows_of_dense(cells, name=name)


def _column(series: nw.Series[Any], column: str, name: str) -> Float32Array:
    if not (series.dtype.is_numeric() or isinstance(series.dtype, nw.Boolean)):
        raise DataError(
            "a column of numbers",
            got=str(series.dtype),
            action="Leave it out, or encode it with FeatureEncoder",
            source=name,
            field=column,
        )
    missing = series.is_null()
    if missing.any():
        row = int(np.argmax(missing.to_numpy())) + 1
        raise DataError("a finite number", got="a missing value", source=name, row=row, field=column)
    return as_float32(series.to_numpy(), lambda at: (at, column), name)


def _vector(numbers: Any, n_rows: int, name: str) -> Float32Array:
    array = _as_array(numbers, name)
    if array.ndim != 1:
        action = f"Pass {name}.ravel()" if array.size == n_rows else None
        raise DataError("1 dimension", got=f"shape {array.shape}", action=action, source=name)
    if len(array) != n_rows:
        raise DataError(f"{n_rows} numbers, one per row", got=str(len(array)), source=name)
    return as_float32(array, lambda at: (at, None), name)


def _weights(weights: Any, n_rows: int, name: str) -> Float32Array:
    numbers = _vector(weights, n_rows, name)
    if (numbers < 0).any():
        row = int(np.argmax(numbers < 0))
        raise DataError("a weight of at least 0", got=str(numbers[row]), source=name, row=row + 1)
    return numbers


def _as_array(data: Any, name: str) -> Array:
    try:
        return np.asarray(data)
    except ValueError as fault:
        raise DataError("an array with rows of one length", got=str(fault), source=name) from None


def _check_dimensions(shape: tuple[int, ...], name: str) -> None:
    if len(shape) != 2:
        action = "Reshape your data: array.reshape(-1, 1) for one column, array.reshape(1, -1) for one row"
        raise DataError(
            "2 dimensions, rows x columns", got=f"shape {tuple(shape)}", action=action, source=name
        )


def _check_indices(indices: Array, n_features: int, place: Place, name: str) -> None:
    if indices.dtype.kind not in "iu":
        raise DataError("integer indices", got=str(indices.dtype), source=name)
    if len(indices) > 0 and not 0 <= indices.min() <= indices.max() < n_features:
        at = int(np.argmax((indices < 0) | (indices >= n_features)))
        expected, got = f"a column index in [0, {n_features})", str(indices[at])
        raise DataError(expected, got=got, source=name, row=place(at)[0] + 1)


def _block_place(start: int, n_features: int) -> Place:
    return lambda at: (start + at // n_features, f"column {at % n_features}")


def _all_ones(values: Float32Array) -> bool:
    return len(values) == 0 or (values[0] == 1 and bool((values == 1).all()))
