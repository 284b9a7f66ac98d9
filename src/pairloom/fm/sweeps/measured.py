"""How well rows are predicted in a sweep."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.fm.settings import Task
from pairloom.metrics import BINARY, REGRESSION, BinaryCounts, RegressionErrors

__all__ = ["loss_of", "measured"]

Float64Array = npt.NDArray[np.float64]
SMALLEST = 1e-12


def measured(
    task: Task, labels: Float64Array, predictions: Float64Array, weights: npt.NDArray[np.float32] | None
) -> tuple[float, dict[str, float]]:
    """Return `loss_of` and every metric by name; predictions of a classifier are probabilities of label 1."""
    if task == "classification":
        results = BinaryCounts().update(labels, np.clip(predictions, 0, 1), weights).result()
        metrics = {metric.name: results[metric.name] for metric in BINARY}
        return loss_of(task, labels, predictions, weights), metrics
    errors = predictions - labels
    with np.errstate(over="ignore", invalid="ignore"):
        if weights is None:
            sums = RegressionErrors(len(errors), float(errors @ errors), float(np.abs(errors).sum()))
        else:
            sums = RegressionErrors(
                float(weights.sum(dtype=np.float64)),
                float(weights @ np.square(errors)),
                float(weights @ np.abs(errors)),
            )
    results = sums.result()
    metrics = {metric.name: results[metric.name] for metric in REGRESSION}
    return sums.squares / sums.weight, metrics


def loss_of(
    task: Task, labels: Float64Array, predictions: Float64Array, weights: npt.NDArray[np.float32] | None
) -> float:
    """Return the mean squared error, or the log loss of probabilities."""
    if task == "classification":
        right = np.where(labels > 0.5, predictions, 1 - predictions)
        return float(np.average(-np.log(np.maximum(right, SMALLEST)), weights=weights))
    errors = predictions - labels
    if weights is None:
        return float(errors @ errors) / len(errors)
    return float(np.average(np.square(errors), weights=weights))
