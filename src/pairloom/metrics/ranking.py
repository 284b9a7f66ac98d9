"""How well scores put positive rows before negative ones."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.metrics.arrays import checked_pairs, require_binary

__all__ = ["auc"]


def auc(labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Area under the ROC curve, exactly.

    The chance that a positive row scores above a negative one, a tie counting half. Sorting costs
    O(n_rows log n_rows).

    Parameters
    ----------
    labels : array of shape (n_rows,)
        0 and 1.
    scores : array of shape (n_rows,)
        Any finite numbers; only their order counts.
    weights : array of shape (n_rows,), optional

    Returns
    -------
    float
        NaN when rows of one class have no weight: there is no pair to order.

    Raises
    ------
    DataError
        If there is no row, or an array does not fit.

    References
    ----------
    Mann and Whitney, "On a test of whether one of two random variables is stochastically larger than the
    other", 1947.
    """
    pairs = checked_pairs(labels, scores, weights)
    require_binary(pairs)
    if len(pairs.labels) == 0:
        raise DataError("at least one row to measure", got="none")
    order = np.argsort(pairs.predictions, kind="stable")
    ordered, positive = pairs.predictions[order], pairs.labels[order]
    weight = np.ones_like(positive) if pairs.weights is None else pairs.weights[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    positives = np.add.reduceat(weight * positive, starts)
    negatives = np.add.reduceat(weight * (1 - positive), starts)
    n_pairs = float(positives.sum() * negatives.sum())
    if n_pairs == 0:
        return math.nan
    below = np.cumsum(negatives) - negatives
    return float(positives @ (below + negatives / 2)) / n_pairs
