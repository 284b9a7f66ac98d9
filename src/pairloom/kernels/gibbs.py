"""Kernels of the solvers that sweep over columns: rows joined from terms, and their random numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.kernels import _native
from pairloom.kernels._native import JoinedRows, gibbs_stride
from pairloom.kernels.levels import chosen_level

__all__ = ["JoinedRows", "column_normals", "gibbs_stride", "joined_rows"]


def joined_rows(
    n_rows: int,
    n_factors: int,
    *,
    root_weights: npt.NDArray[np.float32] | None = None,
    n_threads: int = 1,
    stored_sums: bool = False,
) -> JoinedRows:
    """Return rows to add terms to, at the level in use.

    Parameters
    ----------
    n_rows, n_factors : int
    root_weights : ndarray of shape (n_rows,), float32, optional
        Roots of the sample weights, all above 0.
    n_threads : int
        The result does not depend on it.
    stored_sums : bool
        Rows keep their sums over terms during a sweep: faster from four terms on, at the memory of at most 16 floats
        a row.
    """
    return JoinedRows(n_rows, n_factors, root_weights, n_threads, stored_sums, chosen_level())


def column_normals(key: int, column: int, first: int, n: int) -> npt.NDArray[np.float32]:
    """Return standard normal numbers `first` to ``first + n - 1`` that a sweep with this key draws for a column."""
    out = np.empty(n, np.float32)
    _native.gibbs_normals(key, column, first, out, chosen_level())
    return out
