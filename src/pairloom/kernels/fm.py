"""Factorization-machine kernels: the table of parameters, a pass over rows, scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.kernels._native import (
    AdamSettings,
    FmInitial,
    FmState,
    FmStep,
    FmTotals,
    Initializer,
    Loss,
    Solver,
)
from pairloom.kernels.levels import chosen_level

__all__ = [
    "AdamSettings",
    "FmInitial",
    "FmState",
    "FmStep",
    "FmTotals",
    "Initializer",
    "Loss",
    "Solver",
    "allocate_table",
    "create_state",
    "fm_scores",
]

CACHE_LINE_FLOATS = 16
Table = npt.NDArray[np.float32]


def allocate_table(n_features: int, stride: int) -> Table:
    """Return zeros of shape (n_features, stride), float32, that begin on a cache line."""
    try:
        raw = np.zeros(n_features * stride + CACHE_LINE_FLOATS, np.float32)
    except MemoryError as error:
        size_gb = n_features * stride * 4 / 1e9
        raise UserError(
            f"A table of {n_features} features x {stride} floats needs {size_gb:.1f} GB, more than this "
            "machine gives. Lower 'n_factors', or hash the features to fewer columns."
        ) from error
    start = (-raw.ctypes.data // 4) % CACHE_LINE_FLOATS
    return raw[start : start + n_features * stride].reshape(n_features, stride)


def create_state(solver: str, n_factors: int) -> FmState:
    """Return the state of a solver (bias, step count, row layout) at the level in use.

    Parameters
    ----------
    solver : {"sgd", "adagrad", "ftrl", "adam"}
    n_factors : int
    """
    return FmState(Solver[solver.upper()], n_factors, chosen_level())


def fm_scores(
    table: Table, k_padded: int, bias: float, rows: _native.Rows, n_rows: int, *, n_threads: int = 1
) -> npt.NDArray[np.float32]:
    """Score rows with a second-order factorization machine, in O(n_factors * nonzeros).

    Parameters
    ----------
    table : ndarray of shape (n_features, stride), float32
        Factors, padded with zeros to k_padded, then the linear weight.
    k_padded : int
    bias : float
    rows : Rows
        Indices beyond the table add nothing.
    n_rows : int
    n_threads : int

    Returns
    -------
    ndarray of shape (n_rows,), float32
        Raw scores; log-odds for a classifier.

    References
    ----------
    Rendle, "Factorization Machines", ICDM 2010, eq. 1 and lemma 3.1.
    """
    out = np.empty(n_rows, np.float32)
    _native.fm_scores(table, k_padded, bias, rows, out, n_threads, chosen_level())
    return out
