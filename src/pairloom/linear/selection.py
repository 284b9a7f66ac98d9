"""Which candidate is best, and at what threshold a row counts as positive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.linear.settings import LinearSettings

__all__ = ["Choice", "calibrated_threshold"]

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """A threshold and how good it is: by the criterion first, then by what decides among equals."""

    threshold: float
    goodness: tuple[float, ...]


def calibrated_threshold(
    scores: Float64Array,
    labels: npt.NDArray[np.floating],
    weights: Float64Array | None,
    settings: LinearSettings,
) -> Choice:
    """Sort scores once and sweep every threshold between two of them.

    Parameters
    ----------
    scores : ndarray of shape (n_rows,), float64
    labels : ndarray of shape (n_rows,)
        0 and 1.
    weights : ndarray of shape (n_rows,), optional

    Returns
    -------
    Choice
        Scores of at least the threshold count as positive. Where a target cannot be met, what comes nearest.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    positive = (labels[order] > 0.5).astype(np.float64)
    amounts = np.ones(len(ordered)) if weights is None else weights[order]
    ends = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])
    hits = np.r_[0.0, np.cumsum(amounts * positive)[ends]]
    false = np.r_[0.0, np.cumsum(amounts * (1 - positive))[ends]]
    n_positive, n_negative = hits[-1], false[-1]
    chosen = hits + false
    precision = np.where(chosen > 0, hits / np.where(chosen > 0, chosen, 1), 0.0)
    recall = hits / n_positive if n_positive > 0 else np.zeros_like(hits)
    match settings.criterion:
        case "f_beta":
            b = settings.beta**2
            whole = (1 + b) * hits + b * (n_positive - hits) + false
            keys = [np.where(whole > 0, (1 + b) * hits / np.where(whole > 0, whole, 1), 0.0)]
        case "precision_at_target_recall":
            keys = [np.minimum(recall, settings.target_recall), precision, -recall]
        case "recall_at_target_precision":
            keys = [np.minimum(precision, settings.target_precision), recall, precision]
        case _:
            total = n_positive + n_negative
            keys = [(hits + n_negative - false) / (total if total > 0 else 1)]
    best = int(np.lexsort(tuple(-key for key in reversed(keys)))[0])
    above = ordered[ends[best - 1]] if best > 0 else ordered[0] + 1.0
    below = ordered[ends[best]] if best < len(ends) else ordered[-1] - 1.0
    return Choice(float((above + below) / 2), tuple(float(key[best]) for key in keys))
