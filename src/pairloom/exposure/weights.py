"""Weights that undo display bias in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.exposure.click_cells import checked_clicks
from pairloom.exposure.position_bias import Examination

__all__ = ["inverse_propensity_weights", "relevance_targets"]

Float32Array = npt.NDArray[np.float32]
LARGEST = 20.0


def inverse_propensity_weights(
    positions: Any, examination: Examination, *, largest: float = LARGEST
) -> Float32Array:
    """Return ``1 / examination`` at each position, of shape (n_rows,): what one click there stands for.

    For learners from clicks alone: the ``sample_weight`` of ranking losses and the ``weight`` column of recommenders.

    Parameters
    ----------
    positions : array of shape (n_rows,)
    examination : Examination
    largest : float
        Weights above it count as it, so that single clicks at the bottom do not rule.

    References
    ----------
    Joachims, Swaminathan and Schnabel, "Unbiased Learning-to-Rank with Biased Feedback", WSDM 2017, eq. 4.
    """
    _check(largest)
    return np.minimum(1 / examination.at(positions), largest).astype(np.float32)


def relevance_targets(
    clicks: Any, positions: Any, examination: Examination, *, largest: float = LARGEST
) -> tuple[Float32Array, Float32Array]:
    """Return labels and sample weights with which a regressor learns relevance instead of clicks.

    The label is ``click / examination``, whose mean is the relevance whatever the position; the weight is
    ``examination^2``, since labels are the noisier the less a position is looked at. For regressors (squared loss) over
    all impressions, clicked or not.

    Parameters
    ----------
    clicks, positions : array of shape (n_rows,)
    examination : Examination
    largest : float
        Bound of ``1 / examination``: positions that are looked at less often are taken as looked at as often as that.

    Returns
    -------
    labels, weights : ndarrays of shape (n_rows,), float32
    """
    _check(largest)
    seen = np.maximum(examination.at(positions), 1 / largest)
    return (checked_clicks(clicks) / seen).astype(np.float32), np.square(seen).astype(np.float32)


def _check(largest: float) -> None:
    if not largest >= 1:
        raise UserError(f"Inverse propensity weights: 'largest' must be 1 or more. Got {largest}.")
