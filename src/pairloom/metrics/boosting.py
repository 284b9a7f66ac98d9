"""The metrics that boosting reports under names of its own, and those of them that are measured here.

Most are computed by the library behind it. `class_metric` and `r2` stand for what SageMaker's container takes from
scikit-learn.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.metrics.arrays import checked_pairs
from pairloom.metrics.regression import mse

__all__ = ["MEASURED_HERE", "class_metric", "measure", "r2"]

MEASURED_HERE = frozenset(
    {
        "accuracy", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "mse", "precision", "precision_macro",
        "precision_micro", "r2", "recall", "recall_macro", "recall_micro",
    }
)  # fmt: skip


def measure(
    name: str,
    labels: npt.ArrayLike,
    predictions: npt.NDArray[np.float32],
    weights: npt.ArrayLike | None = None,
) -> float:
    """Measure predictions by one of `MEASURED_HERE`.

    Parameters
    ----------
    name : str
    labels : array of shape (n_rows,)
    predictions : ndarray of shape (n_rows,) or (n_rows, n_classes)
        Numbers, probabilities of class 1, classes, or a probability for each class.
    weights : array of shape (n_rows,), optional
    """
    if name == "mse":
        return mse(labels, predictions, weights)
    if name == "r2":
        return r2(labels, predictions, weights)
    chosen = np.argmax(predictions, axis=1) if predictions.ndim > 1 else np.rint(predictions)
    return class_metric(name, labels, chosen, weights)


def r2(labels: npt.ArrayLike, predictions: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Share of the labels' variance that predictions explain; arrays of shape (n_rows,).

    0 where labels do not vary and are not met exactly.
    """
    pairs = checked_pairs(labels, predictions, weights)
    mean = pairs.total(pairs.labels) / pairs.weight
    around = pairs.total((pairs.labels - mean) ** 2)
    left = pairs.total((pairs.labels - pairs.predictions) ** 2)
    if around == 0:
        return 1.0 if left == 0 else 0.0
    return 1 - left / around


def class_metric(
    name: str, labels: npt.ArrayLike, chosen: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Measure the classes that were chosen; arrays of shape (n_rows,) of whole numbers.

    Without a suffix, ``precision`` and ``recall`` are those of class 1 and ``f1`` is the mean over classes; ratios
    with nothing in their denominator are 0. Classes count if a row has them or they were chosen.
    """
    pairs = checked_pairs(labels, chosen, weights)
    present, codes = np.unique(np.concatenate([pairs.labels, pairs.predictions]), return_inverse=True)
    n, n_classes = len(pairs.labels), len(present)
    counts = np.bincount(codes[:n] * n_classes + codes[n:], pairs.weights, n_classes**2)
    confusion = counts.reshape(n_classes, n_classes).astype(np.float64)
    right, truly, called = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    recalls, precisions = _shares(right, truly), _shares(right, called)
    f1 = _shares(2 * right, truly + called)
    one = present == 1
    accuracy = right.sum() / confusion.sum()
    found = {
        "accuracy": accuracy,
        "precision_micro": accuracy,
        "recall_micro": accuracy,
        "balanced_accuracy": recalls[truly > 0].mean(),
        "f1": f1.mean(),
        "f1_macro": f1.mean(),
        "f1_binary": f1[one].sum(),
        "precision": precisions[one].sum(),
        "recall": recalls[one].sum(),
        "precision_macro": precisions.mean(),
        "recall_macro": recalls.mean(),
    }
    return float(found[name])


def _shares(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
