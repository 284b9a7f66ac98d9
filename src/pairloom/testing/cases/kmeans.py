"""Planted clusters, dense and sparse."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.contract import Predictions
from pairloom.rows import RowBatch
from pairloom.testing.cases.case import Case

__all__ = ["CASES", "planted_clusters"]

SPREAD = 0.3


def planted_clusters(
    n_rows: int, n_clusters: int, n_features: int, seed: int, *, share: float = 1.0
) -> tuple[RowBatch, npt.NDArray[np.intp]]:
    """Draw rows about centres that the first seed decides, a share of the values left out, and their clusters."""
    centers = np.random.default_rng(0).normal(size=(n_clusters, n_features)) * 2
    rng = np.random.default_rng([1, seed])
    clusters = rng.integers(0, n_clusters, n_rows)
    matrix = (centers[clusters] + SPREAD * rng.normal(size=(n_rows, n_features))).astype(np.float32)
    kept = (
        np.ones(matrix.shape, np.bool_)
        if share == 1
        else np.tile(np.arange(n_features) % 3 == 0, (n_rows, 1))
    )
    indptr = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64)
    indices = np.nonzero(kept)[1].astype(np.int32)
    return RowBatch(indptr, indices, matrix[kept], n_features), clusters


def _case(task: str, share: float, **more: str) -> Case:
    train, _ = planted_clusters(2000, 6, 12, 1, share=share)
    test, _ = planted_clusters(500, 6, 12, 2, share=share)
    hyperparameters = {"k": "6", "mini_batch_size": "300", "feature_dim": "12", **more}
    floor = 1.1 * SPREAD**2 * 12 * (1 if share == 1 else 1 / 3)
    return Case("kmeans", task, hyperparameters, train, test, "msd", floor, _msd, supervised=False)


def _msd(answers: Predictions, rows: RowBatch) -> float:
    return float(np.mean(np.square(answers["distance_to_cluster"].astype(np.float64))))


CASES = (
    _case("dense clusters", 1.0),
    _case(
        "sparse clusters", 1 / 3,
        init_method="kmeans++", eval_metrics='["msd","ssd"]', half_life_time_size="5000",
    ),
)  # fmt: skip
