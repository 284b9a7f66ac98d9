"""Whatever a user calls X and y, as rows and labels that were checked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.estimators.conformance import warn_of_column_labels
from pairloom.fm.sweeps.collected import plain_rows
from pairloom.formats.frames import as_frame
from pairloom.formats.matrices import rows_of_matrix
from pairloom.rows import RelationalRows, RowBatch

if TYPE_CHECKING:
    from pairloom.fm.model import FactorizationMachine

__all__ = ["feature_names", "labels_of", "parts_of", "rows_of", "weights_of", "with_column_fields"]

MOST_COLUMNS_AS_FIELDS = 256
"""Of a matrix no wider, each column is a field of its own where nothing else is said."""


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
    """Return X as rows: a RowBatch, a sparse or dense matrix, or a table of numbers; relations are joined."""
    if isinstance(X, RowBatch):
        return X
    if isinstance(X, RelationalRows):
        return plain_rows(X)
    is_matrix = hasattr(X, "tocsr") or as_frame(X) is not None
    return rows_of_matrix(X if is_matrix else _numbers(np.asarray(X)), name="Input X")


def parts_of(X: Any) -> RowBatch | RelationalRows:
    """Return X as rows, of which relations stay apart."""
    return X if isinstance(X, RelationalRows) else rows_of(X)


def _numbers(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array of two dimensions, objects as the numbers that they are."""
    if array.ndim != 2:
        raise UserError(
            f"Expected 2D array, got {array.ndim}D array instead: shape {array.shape}. Reshape your data using "
            "array.reshape(-1, 1) if it has a single feature or array.reshape(1, -1) if it is a single sample."
        )
    if array.dtype.kind not in "OUS":
        return array
    try:
        return array.astype(np.float64)
    except TypeError as error:
        raise TypeError(f"X must hold numbers: {error}. Encode raw columns with a FeatureEncoder.") from error
    except ValueError as error:
        raise UserError(f"X must hold numbers: {error}. Encode raw columns with a FeatureEncoder.") from error


def with_column_fields(
    rows: RowBatch, fields: Any, model: FactorizationMachine | None, owner: str
) -> RowBatch:
    """Return rows with the field of every value.

    Parameters
    ----------
    rows : RowBatch
        Fields that they have are kept.
    fields : array-like of shape (n_features,), optional
        Field of each column.
    model : FactorizationMachine, optional
        That was trained before; of the columns that it knows, it knows the fields.
    owner : str
        Named in errors.

    Raises
    ------
    UserError
        For `fields` that do not fit, or where nothing says the fields of more than 256 columns.
    """
    if rows.fields is not None:
        return rows
    if fields is not None:
        of = np.asarray(fields)
        if of.ndim != 1 or of.dtype.kind not in "iu" or (len(of) and int(of.min()) < 0):
            raise UserError(f"{owner}: 'fields' must be whole numbers of 0 or more, one for each column.")
        if len(of) < rows.n_features:
            raise UserError(
                f"{owner}: 'fields' must hold the field of each of the {rows.n_features} columns. Got {len(of)}."
            )
        return replace(rows, fields=of[rows.indices].astype(np.int32))
    if model is not None:
        return rows
    if rows.n_features > MOST_COLUMNS_AS_FIELDS:
        raise UserError(
            f"{owner}: 'fields' must say the field of each of the {rows.n_features} columns, as FeatureEncoder.fields_ "
            "does. Got None. Give it, or rows that have fields (text/libffm)."
        )
    return replace(rows, fields=rows.indices.copy())


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
