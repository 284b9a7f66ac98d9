"""Metric functions, their streaming sums, names, directions and log patterns."""

from pairloom.metrics.classification import (
    BinaryCounts,
    accuracy,
    binary_cross_entropy,
    f_beta,
    precision,
    recall,
)
from pairloom.metrics.multiclass import MulticlassCounts
from pairloom.metrics.ranking import auc
from pairloom.metrics.regression import RegressionErrors, absolute_loss, mse, rmse
from pairloom.metrics.table import (
    BINARY,
    BINARY_LABELS,
    CLUSTERING,
    METRICS,
    MULTICLASS,
    OBJECTIVE,
    REGRESSION,
    Metric,
)

__all__ = [
    "BINARY",
    "BINARY_LABELS",
    "CLUSTERING",
    "METRICS",
    "MULTICLASS",
    "OBJECTIVE",
    "REGRESSION",
    "BinaryCounts",
    "Metric",
    "MulticlassCounts",
    "RegressionErrors",
    "absolute_loss",
    "accuracy",
    "auc",
    "binary_cross_entropy",
    "f_beta",
    "mse",
    "precision",
    "recall",
    "rmse",
]
