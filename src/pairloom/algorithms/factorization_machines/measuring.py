"""What a factorization machine is measured by."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import numpy as np

from pairloom.collective import ALONE, Collective
from pairloom.fm.model import FactorizationMachine
from pairloom.metrics import BINARY, REGRESSION, BinaryCounts, RegressionErrors
from pairloom.rows import RelationalRows, RowBatch

__all__ = ["loss_metrics", "measured"]


def measured(
    machine: FactorizationMachine,
    source: Callable[[], Iterator[RowBatch | RelationalRows]],
    *,
    n_threads: int,
    collective: Collective = ALONE,
) -> dict[str, float]:
    """Score one pass over the labelled rows of all hosts; metrics by name, in the order of SageMaker's log."""
    binary = machine.task == "classification"
    sums = BinaryCounts() if binary else RegressionErrors()
    for rows in source():
        if rows.labels is not None:
            sums.update(rows.labels, machine.predict(rows, n_threads=n_threads), rows.weights)
    if collective.size > 1:
        names = [field.name for field in fields(sums) if field.name not in ("threshold", "beta")]
        added = collective.allreduce(np.array([getattr(sums, name) for name in names], np.float64))
        sums = replace(sums, **dict(zip(names, added.tolist(), strict=True)))
    results = sums.result()
    return {metric.name: results[metric.name] for metric in (BINARY if binary else REGRESSION)}


def loss_metrics(loss: float, *, binary: bool) -> dict[str, float]:
    """Return the metrics that follow from the mean loss alone."""
    if binary:
        return {"binary_classification_cross_entropy": loss}
    return {"rmse": math.sqrt(loss), "mse": loss}
