"""Metric functions, their streaming sums, names, directions and log patterns."""

from pairloom.metrics.boosting import MEASURED_HERE, class_metric, measure, r2
from pairloom.metrics.calibration import ReliabilityCurve, expected_calibration_error, reliability_curve
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
    BOOSTING,
    CLUSTERING,
    METRICS,
    MULTICLASS,
    OBJECTIVE,
    PROJECTION,
    REGRESSION,
    Metric,
    base_name,
    metric_of,
)

__all__ = [
    "BINARY",
    "BINARY_LABELS",
    "BOOSTING",
    "CLUSTERING",
    "MEASURED_HERE",
    "METRICS",
    "MULTICLASS",
    "OBJECTIVE",
    "PROJECTION",
    "REGRESSION",
    "BinaryCounts",
    "Metric",
    "MulticlassCounts",
    "RegressionErrors",
    "ReliabilityCurve",
    "absolute_loss",
    "accuracy",
    "auc",
    "base_name",
    "binary_cross_entropy",
    "class_metric",
    "expected_calibration_error",
    "f_beta",
    "measure",
    "metric_of",
    "mse",
    "precision",
    "r2",
    "recall",
    "reliability_curve",
    "rmse",
]
