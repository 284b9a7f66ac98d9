"""Metrics of a binary classifier that answers probabilities.

A row is predicted positive when its probability is at least the threshold, as SageMaker's algorithms do. A
ratio with nothing in its denominator (no row predicted positive, no positive row) is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.metrics.arrays import Pairs, checked_pairs, require_binary

__all__ = ["BinaryCounts", "accuracy", "binary_cross_entropy", "f_beta", "precision", "recall"]

SMALLEST = float(np.finfo(np.float64).eps)


@dataclass(slots=True)
class BinaryCounts:
    """Sums from which the metrics of a binary classifier follow; batches add up, and so do two of these.

    AUC alone needs all scores: see `auc`.

    Parameters
    ----------
    threshold : float
        Least probability that counts as positive.
    beta : float
        Weight of recall against precision in F.
    true_positives, false_positives, true_negatives, false_negatives : float
        Sums of weights so far.
    loss : float
        Weighted sum of the cross-entropy. A probability nearer to 0 or 1 than 2.2e-16 counts as that far, so
        one certain error costs 36 and not infinity.
    """

    threshold: float = 0.5
    beta: float = 1.0
    true_positives: float = 0.0
    false_positives: float = 0.0
    true_negatives: float = 0.0
    false_negatives: float = 0.0
    loss: float = 0.0

    def update(
        self, labels: npt.ArrayLike, probabilities: npt.ArrayLike, weights: npt.ArrayLike | None = None
    ) -> BinaryCounts:
        """Add rows and return self; arrays of shape (n_rows,), labels 0 and 1."""
        pairs = checked_pairs(labels, probabilities, weights)
        require_binary(pairs)
        _require_probabilities(pairs)
        positive, chosen = pairs.labels == 1, pairs.predictions >= self.threshold
        self.true_positives += pairs.total(positive & chosen)
        self.false_positives += pairs.total(~positive & chosen)
        self.true_negatives += pairs.total(~(positive | chosen))
        self.false_negatives += pairs.total(positive & ~chosen)
        of_the_truth = np.where(positive, pairs.predictions, 1 - pairs.predictions)
        self.loss -= pairs.total(np.log(np.clip(of_the_truth, SMALLEST, 1 - SMALLEST)))
        return self

    def merge(self, other: BinaryCounts) -> BinaryCounts:
        """Add another's rows, counted at the same threshold, and return self."""
        self.true_positives += other.true_positives
        self.false_positives += other.false_positives
        self.true_negatives += other.true_negatives
        self.false_negatives += other.false_negatives
        self.loss += other.loss
        return self

    @property
    def weight(self) -> float:
        """Sum of the weights so far."""
        return self.true_positives + self.false_positives + self.true_negatives + self.false_negatives

    @property
    def binary_cross_entropy(self) -> float:
        """Mean of -log(probability of the true label)."""
        return self.loss / self._weight()

    @property
    def accuracy(self) -> float:
        """Share of rows predicted right."""
        return (self.true_positives + self.true_negatives) / self._weight()

    @property
    def precision(self) -> float:
        """Share of rows predicted positive that are."""
        return self._share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of positive rows that are predicted so."""
        return self._share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f_beta(self) -> float:
        """Weighted harmonic mean of precision and recall."""
        gain = (1 + self.beta**2) * self.true_positives
        return self._share(gain, gain + self.beta**2 * self.false_negatives + self.false_positives)

    def result(self) -> dict[str, float]:
        """Return every metric by its name; DataError when nothing was weighed."""
        return {
            "binary_classification_cross_entropy": self.binary_cross_entropy,
            "binary_classification_accuracy": self.accuracy,
            "binary_f_beta": self.f_beta,
            "precision": self.precision,
            "recall": self.recall,
        }

    def _weight(self) -> float:
        if self.weight <= 0:
            raise DataError("at least one row with a weight above 0 to measure", got="none")
        return self.weight

    def _share(self, part: float, whole: float) -> float:
        self._weight()
        return part / whole if whole > 0 else 0.0


def binary_cross_entropy(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Mean of -log(probability of the true label), the log loss; arrays of shape (n_rows,)."""
    return BinaryCounts().update(labels, probabilities, weights).binary_cross_entropy


def accuracy(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    threshold: float = 0.5,
) -> float:
    """Share of rows predicted right; arrays of shape (n_rows,)."""
    return BinaryCounts(threshold).update(labels, probabilities, weights).accuracy


def precision(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    threshold: float = 0.5,
) -> float:
    """Share of rows predicted positive that are; 0 when no row is. Arrays of shape (n_rows,)."""
    return BinaryCounts(threshold).update(labels, probabilities, weights).precision


def recall(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    threshold: float = 0.5,
) -> float:
    """Share of positive rows predicted so; 0 when there are none. Arrays of shape (n_rows,)."""
    return BinaryCounts(threshold).update(labels, probabilities, weights).recall


def f_beta(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    beta: float = 1.0,
    threshold: float = 0.5,
) -> float:
    """Harmonic mean of precision and recall, recall weighing `beta` times; 0 when both are 0."""
    return BinaryCounts(threshold, beta).update(labels, probabilities, weights).f_beta


def _require_probabilities(pairs: Pairs) -> None:
    wrong = (pairs.predictions < 0) | (pairs.predictions > 1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            "a probability in [0, 1]", got=f"{pairs.predictions[row]:g}", source="probabilities", row=row + 1
        )
