"""Metrics of a classifier of several classes, from the scores it gives each of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.metrics.arrays import Float64Array, checked_pairs

__all__ = ["MulticlassCounts"]


@dataclass(slots=True)
class MulticlassCounts:
    """Sums from which the metrics of a classifier follow; batches add up, and so do two of these.

    The class with the highest score is predicted, the first of equals. Means over classes are over those that occur
    among labels or predictions.

    Parameters
    ----------
    n_classes : int
    top_k : int
        Likeliest classes among which the label counts as found.
    beta : float
        Weight of recall against precision in F.
    """

    n_classes: int
    top_k: int = 3
    beta: float = 1.0
    weight: float = 0.0
    found: float = 0.0
    gains: float = 0.0
    hits: Float64Array = field(init=False)
    labelled: Float64Array = field(init=False)
    predicted: Float64Array = field(init=False)

    def __post_init__(self) -> None:
        self.hits, self.labelled, self.predicted = (np.zeros(self.n_classes) for _ in range(3))

    def update(
        self, labels: npt.ArrayLike, scores: npt.NDArray[np.floating], weights: npt.ArrayLike | None = None
    ) -> MulticlassCounts:
        """Add rows and return self; labels of shape (n_rows,), scores of shape (n_rows, n_classes)."""
        pairs = checked_pairs(labels, np.zeros(len(scores)), weights)
        wrong = (pairs.labels < 0) | (pairs.labels >= self.n_classes) | (pairs.labels % 1 != 0)
        if scores.ndim != 2 or scores.shape[1] != self.n_classes:
            raise DataError(f"scores of shape (n_rows, {self.n_classes})", got=f"shape {scores.shape}")
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"a class from 0 to {self.n_classes - 1}",
                got=f"{pairs.labels[row]:g}",
                source="labels",
                row=row + 1,
            )
        classes = pairs.labels.astype(np.intp)
        of_label = np.take_along_axis(scores, classes[:, None], axis=1)
        before = np.arange(self.n_classes) < classes[:, None]
        ranks = 1 + ((scores > of_label) | ((scores == of_label) & before)).sum(axis=1)
        amounts = np.ones(len(classes)) if pairs.weights is None else pairs.weights
        self.weight += pairs.weight
        self.found += pairs.total(ranks <= self.top_k)
        self.gains += pairs.total(1 / np.log2(1.0 + ranks))
        self.hits += np.bincount(classes, amounts * (ranks == 1), self.n_classes)
        self.labelled += np.bincount(classes, amounts, self.n_classes)
        if len(classes):
            self.predicted += np.bincount(scores.argmax(axis=1), amounts, self.n_classes)
        return self

    def merge(self, other: MulticlassCounts) -> MulticlassCounts:
        """Add another's rows and return self."""
        for name in ("weight", "found", "gains", "hits", "labelled", "predicted"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    def result(self) -> dict[str, float]:
        """Return every metric by its name; DataError when nothing was weighed."""
        if self.weight <= 0:
            raise DataError("at least one row with a weight above 0 to measure", got="none")
        occurs = (self.labelled > 0) | (self.predicted > 0)
        recall = _shares(self.hits, self.labelled)[occurs]
        precision = _shares(self.hits, self.predicted)[occurs]
        b = self.beta**2
        f = _shares((1 + b) * self.hits, b * self.labelled + self.predicted)[occurs]
        return {
            "multiclass_accuracy": float(self.hits.sum()) / self.weight,
            "multiclass_top_k_accuracy": self.found / self.weight,
            "dcg": self.gains / self.weight,
            "macro_recall": float(recall.mean()),
            "macro_precision": float(precision.mean()),
            "macro_f_beta": float(f.mean()),
        }


def _shares(parts: Float64Array, wholes: Float64Array) -> Float64Array:
    return np.where(wholes > 0, parts / np.where(wholes > 0, wholes, 1), 0.0)
