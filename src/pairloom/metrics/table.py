"""The one table of metrics: name, direction, and name in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["BINARY", "CLUSTERING", "METRICS", "REGRESSION", "Metric"]


@dataclass(frozen=True, slots=True)
class Metric:
    r"""One quantity that algorithms report and tuners optimise.

    Parameters
    ----------
    name : str
    direction : "minimize" or "maximize"
    log_name : str
        How log lines write it.
    log_expression : str
        Regular expression that matches `log_name` in all its variants (``binary_f_\S+``).
    doc : str
    """

    name: str
    direction: Literal["minimize", "maximize"]
    log_name: str
    log_expression: str
    doc: str

    @property
    def kind(self) -> str:
        """Word that log lines put in brackets: what is minimised is a loss, what is maximised a score."""
        return "loss" if self.direction == "minimize" else "score"

    def better(self, value: float, other: float) -> bool:
        """Whether `value` beats `other`."""
        return value < other if self.direction == "minimize" else value > other


def _loss(name: str, doc: str) -> Metric:
    return Metric(name, "minimize", name, name, doc)


def _score(name: str, doc: str) -> Metric:
    return Metric(name, "maximize", name, name, doc)


REGRESSION = (
    _loss("rmse", "Root mean squared error."),
    _loss("mse", "Mean squared error."),
    _loss("absolute_loss", "Mean absolute error."),
)
BINARY = (
    _score("binary_classification_accuracy", "Share of rows predicted right at threshold 0.5."),
    _loss("binary_classification_cross_entropy", "Mean of -log(probability of the true label)."),
    Metric(
        "binary_f_beta", "maximize", "binary_f_1.000", r"binary_f_\S+",
        "Harmonic mean of precision and recall at threshold 0.5.",
    ),
)  # fmt: skip
CLUSTERING = (
    _loss("msd", "Mean squared distance of a row to the nearest centre."),
    _loss("ssd", "Sum of the squared distances of all rows to the nearest centre."),
)
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        *REGRESSION,
        *BINARY,
        *CLUSTERING,
        _score("precision", "Share of rows predicted positive that are."),
        _score("recall", "Share of positive rows that are predicted so."),
        _score("auc", "Area under the ROC curve."),
    )
}
