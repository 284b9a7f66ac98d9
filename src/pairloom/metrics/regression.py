"""Errors of predicted numbers: mean squared error, its root, and mean absolute error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.metrics.arrays import checked_pairs

__all__ = ["RegressionErrors", "absolute_loss", "mse", "rmse"]


@dataclass(slots=True)
class RegressionErrors:
    """Sums from which every metric of a regressor follows; batches add up, and so do two of these.

    Parameters
    ----------
    weight : float
        Sum of the weights so far.
    squares, absolutes : float
        Weighted sums of squared and absolute errors.
    """

    weight: float = 0.0
    squares: float = 0.0
    absolutes: float = 0.0

    def update(
        self, labels: npt.ArrayLike, predictions: npt.ArrayLike, weights: npt.ArrayLike | None = None
    ) -> RegressionErrors:
        """Add rows and return self; arrays of shape (n_rows,)."""
        pairs = checked_pairs(labels, predictions, weights)
        errors = pairs.predictions - pairs.labels
        self.weight += pairs.weight
        self.squares += pairs.total(errors**2)
        self.absolutes += pairs.total(np.abs(errors))
        return self

    def merge(self, other: RegressionErrors) -> RegressionErrors:
        """Add another's rows and return self."""
        self.weight += other.weight
        self.squares += other.squares
        self.absolutes += other.absolutes
        return self

    @property
    def mse(self) -> float:
        """Mean squared error."""
        return self.squares / self._weight()

    @property
    def rmse(self) -> float:
        """Root of the mean squared error."""
        return math.sqrt(self.mse)

    @property
    def absolute_loss(self) -> float:
        """Mean absolute error."""
        return self.absolutes / self._weight()

    def result(self) -> dict[str, float]:
        """Return every metric by its name; DataError when nothing was weighed."""
        return {"rmse": self.rmse, "mse": self.mse, "absolute_loss": self.absolute_loss}

    def _weight(self) -> float:
        if self.weight <= 0:
            raise DataError("at least one row with a weight above 0 to measure", got="none")
        return self.weight


def mse(labels: npt.ArrayLike, predictions: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Mean squared error of predictions of shape (n_rows,)."""
    return RegressionErrors().update(labels, predictions, weights).mse


def rmse(labels: npt.ArrayLike, predictions: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Root mean squared error of predictions of shape (n_rows,)."""
    return RegressionErrors().update(labels, predictions, weights).rmse


def absolute_loss(
    labels: npt.ArrayLike, predictions: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Mean absolute error of predictions of shape (n_rows,)."""
    return RegressionErrors().update(labels, predictions, weights).absolute_loss
