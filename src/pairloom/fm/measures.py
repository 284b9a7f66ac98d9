"""How well training rows were scored before they were learned from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.fm.settings import Task
from pairloom.kernels.fm import FmTotals
from pairloom.metrics import BINARY, REGRESSION, BinaryCounts, RegressionErrors

__all__ = ["Measures"]


class Measures:
    """Sums over rows of a pass; those of several hosts add up.

    Attributes
    ----------
    sums : ndarray of shape (8,), float64
        Loss, weight, absolute error, weights by outcome (true and false negatives, false and true positives),
        rows.
    """

    __slots__ = ("sums",)

    def __init__(self) -> None:
        self.sums: npt.NDArray[np.float64] = np.zeros(8)

    def add(self, totals: FmTotals, n_rows: int) -> None:
        """Take in what a kernel measured."""
        self.sums += (totals.loss, totals.weight, totals.absolute_error, *totals.outcomes, n_rows)

    @property
    def n_rows(self) -> int:
        """Rows so far."""
        return int(self.sums[7])

    @property
    def loss(self) -> float:
        """Mean loss, labels scaled as they are trained on; 0 of rows that weigh nothing."""
        return float(self.sums[0] / self.sums[1]) if self.sums[1] > 0 else 0.0

    def metrics(self, task: Task, scale: float) -> dict[str, float]:
        """Return every metric of the task by name, in the units of the labels; none where nothing was weighed."""
        loss, weight, absolute, *outcomes = (float(x) for x in self.sums[:7])
        if weight <= 0:
            return {}
        if task == "regression":
            results = RegressionErrors(weight, loss * scale**2, absolute * scale).result()
            return {metric.name: results[metric.name] for metric in REGRESSION}
        true_negatives, false_negatives, false_positives, true_positives = outcomes
        counts = BinaryCounts(
            true_positives=true_positives, false_positives=false_positives, true_negatives=true_negatives,
            false_negatives=false_negatives, loss=loss,
        )  # fmt: skip
        results = counts.result()
        return {metric.name: results[metric.name] for metric in BINARY}
