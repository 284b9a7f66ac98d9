"""How far probabilities can be believed: the reliability curve and what is summed from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.metrics.arrays import Float64Array, Pairs, checked_pairs, require_binary

__all__ = ["Bins", "ReliabilityCurve", "expected_calibration_error", "reliability_curve"]

Bins = Literal["quantile", "uniform"]


@dataclass(frozen=True, slots=True)
class ReliabilityCurve:
    """Rows in bins of like probability: what was predicted there beside what happened.

    Parameters
    ----------
    predicted : ndarray of shape (n_bins,), float64
        Mean probability of the rows of each bin, ascending.
    observed : ndarray of shape (n_bins,), float64
        Share of them that were positive.
    weights : ndarray of shape (n_bins,), float64
        Sum of their weights: their number, where rows have none.
    """

    predicted: Float64Array
    observed: Float64Array
    weights: Float64Array

    @property
    def expected_calibration_error(self) -> float:
        """Mean distance of predicted and observed over all rows (Naeini et al. 2015)."""
        return float(self.weights @ np.abs(self.predicted - self.observed) / self.weights.sum())

    @property
    def maximum_calibration_error(self) -> float:
        """Distance in the worst bin."""
        return float(np.abs(self.predicted - self.observed).max())


def reliability_curve(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    n_bins: int = 10,
    bins: Bins = "quantile",
) -> ReliabilityCurve:
    """Compare probabilities with what happened, bin by bin.

    Parameters
    ----------
    labels : array-like of shape (n_rows,)
        0 or 1.
    probabilities : array-like of shape (n_rows,)
        Of label 1, in [0, 1].
    weights : array-like of shape (n_rows,), optional
    n_bins : int
        At most so many bins; those without a row are left out.
    bins : {"quantile", "uniform"}
        Bins of the same number of rows, where equal probabilities stay together, or of the same width.

    Raises
    ------
    DataError
        For labels other than 0 and 1, or a probability outside [0, 1].

    References
    ----------
    Niculescu-Mizil and Caruana, "Predicting good probabilities with supervised learning", ICML 2005.
    """
    if n_bins < 1 or bins not in ("quantile", "uniform"):
        raise UserError(
            "reliability_curve: 'n_bins' must be 1 or more and 'bins' quantile or uniform. "
            f"Got {n_bins} and {bins!r}."
        )
    pairs = checked_pairs(labels, probabilities, weights)
    require_binary(pairs)
    outside = (pairs.predictions < 0) | (pairs.predictions > 1)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            "a probability in [0, 1]", got=f"{pairs.predictions[row]:g}", source="probabilities", row=row + 1
        )
    if not len(pairs.labels) or pairs.weight <= 0:
        raise DataError("at least one row with a weight above 0 to measure", got="none")
    places = _bins_of(pairs, n_bins, bins)
    amounts = np.ones(len(pairs.labels)) if pairs.weights is None else pairs.weights
    mass = np.bincount(places, amounts).astype(np.float64)
    taken = mass > 0
    predicted = np.bincount(places, amounts * pairs.predictions)[taken] / mass[taken]
    observed = np.bincount(places, amounts * pairs.labels)[taken] / mass[taken]
    return ReliabilityCurve(predicted, observed, mass[taken])


def _bins_of(pairs: Pairs, n_bins: int, bins: Bins) -> npt.NDArray[np.int64]:
    if bins == "uniform":
        edges = np.linspace(0, 1, n_bins + 1)[1:-1]
    else:
        edges = np.unique(
            np.quantile(pairs.predictions, np.linspace(0, 1, n_bins + 1)[1:-1], method="higher")
        )
    return np.searchsorted(edges, pairs.predictions, side="right").astype(np.int64)


def expected_calibration_error(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    n_bins: int = 10,
    bins: Bins = "quantile",
) -> float:
    """Mean distance of predicted and observed share over the bins of `reliability_curve`."""
    curve = reliability_curve(labels, probabilities, weights, n_bins=n_bins, bins=bins)
    return curve.expected_calibration_error
