"""The one table of metrics: name, direction, and name in the log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

__all__ = [
    "BINARY",
    "BINARY_LABELS",
    "BOOSTING",
    "CLUSTERING",
    "METRICS",
    "MULTICLASS",
    "OBJECTIVE",
    "PROJECTION",
    "REGRESSION",
    "Metric",
    "base_name",
    "metric_of",
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
PROJECTION = (
    _loss("reconstruction_error", "Mean squared distance of a row to its projection."),
    _score("explained_variance", "Share of the squares about the model's mean that the projection keeps."),
)
AUC = _score("auc", "Area under the ROC curve.")
BOOSTING = (
    _score("accuracy", "Share of rows whose class is predicted right."),
    AUC,
    _score("aucpr", "Area under the curve of precision over recall."),
    _score("balanced_accuracy", "Mean over classes of the share of their rows that are predicted right."),
    _score("f1", "Mean over classes of the harmonic mean of precision and recall."),
    _score("f1_binary", "Harmonic mean of precision and recall of class 1."),
    _score("f1_macro", "Mean over classes of the harmonic mean of precision and recall."),
    _score("map", "Mean average precision of rankings."),
    _score("ndcg", "Normalized discounted cumulative gain of rankings."),
    PRECISION,
    _score("r2", "Share of the labels' variance that predictions explain."),
    RECALL,
    _score("precision_macro", "Mean precision over classes."),
    _score("precision_micro", "Precision over the rows of all classes."),
    _score("recall_macro", "Mean recall over classes."),
    _score("recall_micro", "Recall over the rows of all classes."),
    _loss("aft-nloglik", "Negative log likelihood of accelerated failure times."),
    _loss("cox-nloglik", "Negative partial log likelihood of proportional hazards."),
    _loss("error", "Share of rows predicted wrong at threshold 0.5, or that behind an @."),
    _loss("gamma-deviance", "Deviance of a gamma distribution."),
    _loss("gamma-nloglik", "Negative log likelihood of a gamma distribution."),
    _score("interval-regression-accuracy", "Share of rows whose prediction lies within their bounds."),
    _loss("logloss", "Mean of -log(probability of the true label)."),
    _loss("mae", "Mean absolute error."),
    _loss("mape", "Mean absolute error as a share of the label."),
    _loss("merror", "Share of rows whose class is predicted wrong."),
    _loss("mlogloss", "Mean of -log(probability of the true class)."),
    _loss("mphe", "Mean pseudo Huber error."),
    REGRESSION[1],
    _loss("poisson-nloglik", "Negative log likelihood of a Poisson distribution."),
    REGRESSION[0],
    _loss("rmsle", "Root mean squared error of the logarithm of 1 + label."),
    _loss("tweedie-nloglik", "Negative log likelihood of a Tweedie distribution, its power behind an @."),
)
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        OBJECTIVE,
        *REGRESSION,
        *BINARY,
        *CLUSTERING,
        *PROJECTION,
        *BINARY_LABELS,
        *MULTICLASS,
        *BOOSTING,
    )
}


def base_name(name: str) -> str:
    """Return the name without the number behind an @: ``error`` of ``error@0.7``."""
    return name.partition("@")[0]


def metric_of(name: str) -> Metric:
    """Return the metric of a name, ``error@0.7`` among them."""
    base = METRICS[base_name(name)]
    return base if base.name == name else replace(base, name=name, log_name=name, log_expression=name)
