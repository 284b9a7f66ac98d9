"""What a factorization machine is measured by."""

from __future__ import annotations

import math

from pairloom.algorithms.contract import RowSource
from pairloom.fm.model import FactorizationMachine
from pairloom.metrics import BINARY, REGRESSION, BinaryCounts, RegressionErrors

__all__ = ["loss_metrics", "measured"]


def measured(machine: FactorizationMachine, source: RowSource, *, n_threads: int) -> dict[str, float]:
    """Score one pass over labelled rows; every metric by name, in the order of SageMaker's log."""
    binary = machine.task == "classification"
    sums = BinaryCounts() if binary else RegressionErrors()
    for rows in source():
        if rows.labels is not None:
            sums.update(rows.labels, machine.predict(rows, n_threads=n_threads), rows.weights)
    results = sums.result()
    return {metric.name: results[metric.name] for metric in (BINARY if binary else REGRESSION)}


def loss_metrics(loss: float, *, binary: bool) -> dict[str, float]:
    """Return the metrics that follow from the mean loss alone."""
    if binary:
        return {"binary_classification_cross_entropy": loss}
    return {"rmse": math.sqrt(loss), "mse": loss}
