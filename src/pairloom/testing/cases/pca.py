"""Rows near a plane of a few dimensions."""

from __future__ import annotations

import numpy as np

from pairloom.algorithms.contract import Predictions
from pairloom.rows import RowBatch
from pairloom.testing.cases.case import Case

__all__ = ["CASES", "planted_plane"]

N_FEATURES, RANK, NOISE = 40, 3, 1.0


def planted_plane(n_rows: int, seed: int) -> RowBatch:
    """Draw dense rows of 40 features about a mean, near a plane of three dimensions, both the same for every seed."""
    fixed, rng = np.random.default_rng(0), np.random.default_rng([1, seed])
    mean = fixed.normal(size=N_FEATURES) * 3
    plane = fixed.normal(size=(RANK, N_FEATURES)) * np.array([[3], [2], [1]])
    matrix = mean + rng.normal(size=(n_rows, RANK)) @ plane + NOISE * rng.normal(size=(n_rows, N_FEATURES))
    indptr = np.arange(0, n_rows * N_FEATURES + 1, N_FEATURES)
    indices = np.tile(np.arange(N_FEATURES, dtype=np.int32), n_rows)
    return RowBatch(indptr, indices, matrix.astype(np.float32).reshape(-1), N_FEATURES)


TRAIN, TEST = planted_plane(1500, 1), planted_plane(400, 2)


def _error(answers: Predictions, rows: RowBatch) -> float:
    """Squares about the training mean, less those of the projection."""
    assert TRAIN.values is not None
    assert rows.values is not None
    mean = TRAIN.values.reshape(-1, N_FEATURES).mean(axis=0, dtype=np.float64)
    squares = np.square(rows.values.reshape(-1, N_FEATURES) - mean).sum(axis=1)
    return float(np.mean(squares - np.square(answers["projection"].astype(np.float64)).sum(axis=1)))


CASES = tuple(
    Case(
        "pca",
        mode,
        {"num_components": "3", "feature_dim": "40", "mini_batch_size": "200", "algorithm_mode": mode},
        TRAIN,
        TEST,
        "reconstruction_error",
        1.03 * NOISE**2 * (N_FEATURES - RANK),
        _error,
        passes=None,
        supervised=False,
        exact=False,
    )
    for mode in ("regular", "randomized")
)
