"""Rows that hold every column: told from others in one look, and added up by label."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.rows import RowBatch

__all__ = ["add_by_label", "are_full"]


def are_full(rows: RowBatch, n_features: int) -> bool:
    """Whether every row holds the columns 0 to `n_features` - 1 in order, all values finite."""
    return _native.rows_are_full(
        np.ascontiguousarray(rows.indptr, np.int64),
        np.ascontiguousarray(rows.indices, np.int32),
        None if rows.values is None else np.ascontiguousarray(rows.values, np.float32),
        n_features,
    )


def add_by_label(
    rows: npt.NDArray[np.float32],
    labels: npt.NDArray[np.intp],
    n_labels: int,
    weights: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """Return the sums of the rows of each label.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32
    labels : ndarray of shape (n_rows,), integers in [0, n_labels)
    n_labels : int
    weights : ndarray of shape (n_rows,), optional
        Multiply the rows.

    Returns
    -------
    ndarray of shape (n_labels, n_features), float64

    Raises
    ------
    UserError
        For labels or weights that do not fit the rows.
    """
    own = np.ascontiguousarray(labels, np.int64)
    if len(own) != len(rows) or (len(own) and not (own.min() >= 0 and own.max() < n_labels)):
        raise UserError(
            f"labels must be one of [0, {n_labels}) for each of the {len(rows)} rows. Got {len(own)} of them."
        )
    if weights is not None and len(weights) != len(rows):
        raise UserError(f"weights must be as many as rows, {len(rows)}. Got {len(weights)}.")
    sums = np.zeros((n_labels, rows.shape[1]))
    _native.add_by_label(
        np.ascontiguousarray(rows, np.float32),
        own,
        None if weights is None else np.ascontiguousarray(weights, np.float64),
        sums,
    )
    return sums
