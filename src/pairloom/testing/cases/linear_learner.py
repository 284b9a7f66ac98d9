"""A planted yes or no and a planted number of dense rows, three planted classes of sparse ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.contract import Predictions
from pairloom.rows import RowBatch
from pairloom.testing.cases.case import Case

__all__ = ["CASES"]

N_FEATURES = 12


def _dense(features: npt.NDArray[np.float64], labels: npt.NDArray[np.generic]) -> RowBatch:
    n_rows, width = features.shape
    return RowBatch(
        np.arange(0, n_rows * width + 1, width, dtype=np.int64),
        np.tile(np.arange(width, dtype=np.int32), n_rows),
        features.astype(np.float32).ravel(),
        width,
        labels=labels.astype(np.float32),
    )


def _planted(n_rows: int, seed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return features on unlike scales, and sums of them whose standard deviation is 2."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(n_rows, N_FEATURES))
    weights = np.cos(np.arange(N_FEATURES))
    sums = 2 * (features @ weights) / np.linalg.norm(weights)
    return features * np.geomspace(0.01, 100, N_FEATURES) + 3.0, sums


def _binary() -> Case:
    features, sums = _planted(3000, 1)
    labels = np.random.default_rng(2).random(3000) < 1 / (1 + np.exp(-sums))
    rows = _dense(features, labels)
    best = float(np.mean((sums[2000:] > 0) == labels[2000:]))
    return Case(
        "linear-learner", "binary classifier",
        {"predictor_type": "binary_classifier", "mini_batch_size": "100", "epochs": "5"},
        rows.part(0, 2000), rows.part(2000, 3000), "binary_classification_accuracy", best - 0.02, _accuracy,
    )  # fmt: skip


def _regression() -> Case:
    features, sums = _planted(3000, 3)
    noise = 0.5
    labels = 10 + 5 * (sums + noise * np.random.default_rng(4).normal(size=3000))
    rows = _dense(features, labels)
    return Case(
        "linear-learner", "regressor",
        {"predictor_type": "regressor", "mini_batch_size": "100", "epochs": "5"},
        rows.part(0, 2000), rows.part(2000, 3000), "mse", 1.1 * (5 * noise) ** 2, _mean_squared_error,
    )  # fmt: skip


def _multiclass() -> Case:
    random = np.random.default_rng(5)
    n_rows, width, n_ones = 3000, 60, 4
    indices = np.argsort(random.random((n_rows, width)), axis=1)[:, :n_ones].astype(np.int32)
    scores = random.normal(size=(width, 3))[indices].sum(axis=1) * 2
    labels = (scores + random.gumbel(size=scores.shape)).argmax(axis=1)
    best = float(np.mean(scores[2000:].argmax(axis=1) == labels[2000:]))
    indptr = np.arange(0, n_rows * n_ones + 1, n_ones, dtype=np.int64)
    rows = RowBatch(indptr, indices.ravel(), None, width, labels=labels.astype(np.float32))
    return Case(
        "linear-learner", "multiclass classifier",
        {"predictor_type": "multiclass_classifier", "num_classes": "3", "epochs": "5"},
        rows.part(0, 2000), rows.part(2000, 3000), "multiclass_accuracy", best - 0.03, _accuracy,
    )  # fmt: skip


def _accuracy(answers: Predictions, rows: RowBatch) -> float:
    return float(np.mean(answers["predicted_label"] == rows.labels))


def _mean_squared_error(answers: Predictions, rows: RowBatch) -> float:
    assert rows.labels is not None
    return float(np.mean((answers["score"].astype(np.float64) - rows.labels) ** 2))


CASES = (_binary(), _regression(), _multiclass())
