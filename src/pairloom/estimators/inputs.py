"""Whatever a user calls X and y, as rows and labels that were checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.estimators.conformance import warn_of_column_labels
from pairloom.rows import RowBatch

__all__ = ["feature_names", "labels_of", "rows_of", "weights_of"]

LARGEST_WIDTH = 2**31 - 1


def feature_names(X: Any) -> npt.NDArray[np.object_] | None:
    """Return the column names of a table whose names are all strings."""
    columns = getattr(X, "columns", None)
    if columns is None or isinstance(X, np.ndarray):
        return None
    names = list(columns)
    if names and all(isinstance(name, str) for name in names):
        return np.asarray(names, dtype=object)
    return None


def rows_of(X: Any) -> RowBatch:
    """Return X as rows: a RowBatch, a sparse or dense matrix, or a table of numbers."""
    if isinstance(X, RowBatch):
        return X
    if hasattr(X, "tocsr"):
        return _sparse_rows(X)
    return _dense_rows(X)


def _sparse_rows(X: Any) -> RowBatch:
    matrix = X.tocsr()
    if matrix.ndim != 2:
        raise UserError(f"Expected 2D array, got {matrix.ndim}D array instead. Reshape your data.")
    if matrix.shape[1] > LARGEST_WIDTH:
        raise UserError(
            f"X must have at most {LARGEST_WIDTH} columns. Got {matrix.shape[1]}. Hash the features."
        )
    values = _narrow(np.asarray(matrix.data), lambda position: _place_in_sparse(matrix, position))
    return RowBatch(
        matrix.indptr.astype(np.int64, copy=False),
        matrix.indices.astype(np.int32, copy=False),
        None if len(values) and (values == 1.0).all() else values,
        matrix.shape[1],
    )


def _dense_rows(X: Any) -> RowBatch:
    array = np.asarray(X)
    if array.ndim != 2:
        raise UserError(
            f"Expected 2D array, got {array.ndim}D array instead: shape {array.shape}. Reshape your data using "
            "array.reshape(-1, 1) if it has a single feature or array.reshape(1, -1) if it is a single sample."
        )
    dense = _narrow(array, lambda position: (position // array.shape[1] + 1, position % array.shape[1]))
    rows, columns = np.nonzero(dense)
    values = dense[rows, columns]
    indptr = np.zeros(len(dense) + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=len(dense)), out=indptr[1:])
    ones = len(values) > 0 and bool((values == 1.0).all())
    return RowBatch(indptr, columns.astype(np.int32), None if ones else values, dense.shape[1])


def _place_in_sparse(matrix: Any, position: int) -> tuple[int, int]:
    return int(np.searchsorted(matrix.indptr, position, side="right")), int(matrix.indices[position])


def _narrow(array: npt.NDArray[Any], place: Callable[[int], tuple[int, int]]) -> npt.NDArray[np.float32]:
    """Return finite float32, or say which value is not."""
    if array.dtype.kind == "c":
        raise UserError("Complex data not supported: X must hold real numbers.")
    try:
        with np.errstate(over="ignore"):
            narrow = array.astype(np.float32, copy=False)
    except TypeError as error:
        raise TypeError(f"X must hold numbers: {error}. Encode raw columns with a FeatureEncoder.") from error
    except ValueError as error:
        raise UserError(f"X must hold numbers: {error}. Encode raw columns with a FeatureEncoder.") from error
    finite = np.isfinite(narrow)
    if not finite.all():
        position = int(np.argmin(finite))
        row, column = place(position)
        what = "NaN" if np.isnan(narrow.ravel()[position]) else "infinity or a value too large for float32"
        raise UserError(
            f"Input X contains {what}, in row {row}, column {column}. Remove the row or mend the value."
        )
    return narrow


def labels_of(y: Any, n_rows: int) -> npt.NDArray[Any]:
    """Return y as an array of shape (n_rows,)."""
    if y is None:
        raise UserError("This estimator requires y to be passed, but the target y is None.")
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        warn_of_column_labels()
        labels = labels.ravel()
    if labels.ndim != 1:
        raise UserError(f"y should be a 1d array, got an array of shape {labels.shape} instead.")
    if len(labels) != n_rows:
        raise UserError(
            f"Found input variables with inconsistent numbers of samples: [{n_rows}, {len(labels)}]."
        )
    if labels.dtype.kind == "c":
        raise UserError("Complex data not supported: y must hold real numbers.")
    return labels


def weights_of(sample_weight: Any, n_rows: int) -> npt.NDArray[np.float32] | None:
    """Return sample weights of shape (n_rows,), none of them negative."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, np.float64)
    if weights.ndim == 0:
        weights = np.full(n_rows, float(weights))
    if weights.ndim != 1:
        raise UserError("Sample weights must be 1D array or scalar.")
    if len(weights) != n_rows:
        raise UserError(f"sample_weight.shape == {weights.shape}, expected ({n_rows},)!")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise UserError(
            "'sample_weight' must hold finite numbers of 0 or more. Drop or mend the rows that do not."
        )
    return weights.astype(np.float32)
