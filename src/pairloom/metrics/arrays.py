"""The one check of labels, predictions and weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError

__all__ = ["Float64Array", "Pairs", "checked_pairs", "require_binary"]

Float64Array = npt.NDArray[np.float64]


class Pairs(NamedTuple):
    """Labels and predictions of shape (n_rows,) and their weights, all finite and float64."""

    labels: Float64Array
    predictions: Float64Array
    weights: Float64Array | None

    def total(self, amounts: npt.NDArray[np.float64 | np.bool_]) -> float:
        """Weighted sum of one amount per row."""
        return float(amounts.sum() if self.weights is None else self.weights @ amounts)

    @property
    def weight(self) -> float:
        """Sum of the weights: the number of rows where there are none."""
        return float(len(self.labels) if self.weights is None else self.weights.sum())


def checked_pairs(labels: npt.ArrayLike, predictions: npt.ArrayLike, weights: npt.ArrayLike | None) -> Pairs:
    """Bring the arguments of a metric into one form.

    Raises
    ------
    DataError
        If an array is not one-dimensional, lengths differ, a value is not finite or a weight negative.
    """
    truth = _vector(labels, "labels", None)
    scores = _vector(predictions, "predictions", len(truth))
    if weights is None:
        return Pairs(truth, scores, None)
    amounts = _vector(weights, "weights", len(truth))
    if (amounts < 0).any():
        row = int(np.argmax(amounts < 0))
        raise DataError("a weight >= 0", got=f"{amounts[row]:g}", source="weights", row=row + 1)
    return Pairs(truth, scores, amounts)


def require_binary(pairs: Pairs) -> None:
    """Refuse labels other than 0 and 1."""
    wrong = (pairs.labels != 0) & (pairs.labels != 1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError("a label of 0 or 1", got=f"{pairs.labels[row]:g}", source="labels", row=row + 1)


def _vector(values: npt.ArrayLike, name: str, length: int | None) -> Float64Array:
    vector = np.asarray(values, np.float64)
    if vector.ndim != 1 or length not in (None, len(vector)):
        shape = "(n_rows,)" if length is None else f"({length},), one value per label"
        raise DataError(f"an array of shape {shape}", got=f"shape {vector.shape}", source=name)
    finite = np.isfinite(vector)
    if not finite.all():
        row = int(np.argmin(finite))
        raise DataError("a finite number", got=str(vector[row]), source=name, row=row + 1)
    return vector
