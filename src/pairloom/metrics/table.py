"""The one table of metrics: name, direction, and name in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "BINARY",
    "BINARY_LABELS",
    "CLUSTERING",
    "METRICS",
    "MULTICLASS",
    "OBJECTIVE",
    "REGRESSION",
    "Metric",
]


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
OBJECTIVE = Metric(
    "objective_loss", "minimize", "objective", r"\S+_objective", "Mean of the loss that is trained on."
)
PRECISION = _score("precision", "Share of rows predicted positive that are.")
RECALL = _score("recall", "Share of positive rows that are predicted so.")
BINARY_LABELS = (
    BINARY[0],
    BINARY[2],
    PRECISION,
    RECALL,
    _score("roc_auc_score", "Area under the ROC curve."),
)
"""Metrics of a binary classifier that chooses its own threshold."""
MULTICLASS = (
    _score("multiclass_accuracy", "Share of rows whose class is predicted right."),
    Metric(
        "multiclass_top_k_accuracy", "maximize", "multiclass_top_k_accuracy_3", r"multiclass_top_k_accuracy_\S+",
        "Share of rows whose class is among the k likeliest.",
    ),
    _score("dcg", "Mean of 1 / log2(1 + rank of the true class)."),
    _score("macro_recall", "Mean over classes of recall."),
    _score("macro_precision", "Mean over classes of precision."),
    Metric("macro_f_beta", "maximize", "macro_f_1.000", r"macro_f_\S+", "Mean over classes of F."),
)  # fmt: skip
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        OBJECTIVE,
        *REGRESSION,
        *BINARY,
        *CLUSTERING,
        *BINARY_LABELS,
        *MULTICLASS,
        _score("auc", "Area under the ROC curve."),
    )
}
