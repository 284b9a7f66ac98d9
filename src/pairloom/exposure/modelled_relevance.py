"""Position bias where lists are personal and hardly anything is shown twice: relevance by a model of features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.exposure.click_cells import checked_clicks, checked_positions
from pairloom.exposure.position_bias import Examination, examination_of
from pairloom.exposure.reward_model import taken
from pairloom.exposure.sums import summed

__all__ = ["WeightedRegressor", "fit_position_bias_by_model"]

Float64Array = npt.NDArray[np.float64]
LEAST, LEAST_LIKED = 0.01, 1e-3
TOLERANCE, LONGEST = 1e-3, 10.0


class WeightedRegressor(Protocol):
    """A regressor that takes sample weights, such as the estimators."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Learn."""
        ...

    def predict(self, X: Any) -> Any:
        """Return predictions of shape (n_rows,)."""
        ...


def fit_position_bias_by_model(
    make: Callable[[], WeightedRegressor],
    features: Any,
    positions: Any,
    clicks: Any,
    *,
    requests: Any = None,
    n_rounds: int = 20,
    n_folds: int = 2,
    n_bootstrap: int = 200,
    confidence: float = 0.95,
    random_state: int = 0,
) -> Examination:
    """Learn examination where `fit_position_bias` has no groups: a model tells how much each row is liked.

    In turn, a model learns relevance from clicks divided by examination, and examination is what is clicked at a
    position over what the model expects to be liked there. Each request is predicted by a model of other requests: one
    that remembered clicks would confirm whatever examination it was trained with. As good as the model: what it does
    not see of why the logging policy put things on top is taken for examination, and so is what a penalty shrinks, so
    penalties are best small or none. The interval is of the last round, for the relevance that was found. Time:
    ``n_rounds * n_folds`` fits at most.

    Parameters
    ----------
    make : callable
        Returns a new, unfitted regressor.
    features : array, sparse matrix, data frame or mapping of columns, of n_rows rows
        What was shown to whom, without the position.
    positions, clicks, requests, n_bootstrap, confidence, random_state : as in `fit_position_bias`
    n_rounds : int
        At most; it ends when examination moves by less than 0.001.
    n_folds : int

    Raises
    ------
    DataError
        For what is no click or no position, and predictions that are not finite.
    UserError
        If nothing was clicked at the top.

    References
    ----------
    Wang et al., "Position Bias Estimation for Unbiased Learning to Rank in Personal Search", WSDM 2018, section 4.3
    (regression-based EM); here by moments instead of the likelihood, and cross-fitted.
    """
    clicked = checked_clicks(clicks)
    place = checked_positions(positions, len(clicked)) - 1
    unit = (
        np.arange(len(clicked))
        if requests is None
        else np.unique(np.asarray(requests), return_inverse=True)[1]
    )
    if unit.shape != clicked.shape:
        raise UserError(f"Position bias: 'requests' must be of shape {clicked.shape}. Got {unit.shape}.")
    n_units, n_positions = int(unit.max()) + 1, int(place.max()) + 1
    if not 2 <= n_folds <= n_units or n_rounds < 1:
        raise UserError(
            f"Position bias: 'n_folds' must be in [2, {n_units}] and 'n_rounds' 1 or more. "
            f"Got {n_folds} and {n_rounds}."
        )
    of_position = summed(place, clicked, n_positions)
    if not of_position[0]:
        raise UserError("Position bias: something must be clicked at position 1. Got nothing. Log more.")
    rng = np.random.default_rng(random_state)
    fold = (rng.permutation(n_units) % n_folds)[unit]
    shown = np.maximum(np.bincount(place, minlength=n_positions), 1)
    found = (of_position / shown) / (of_position[0] / shown[0])
    liked, path = np.ones(len(clicked)), [np.log(np.maximum(found, LEAST))]
    for _ in range(n_rounds):
        seen = np.exp(np.maximum(path[-1], np.log(LEAST)))[place]
        liked = _relevance(make, features, clicked / seen, seen, fold)
        found = of_position / summed(place, liked, n_positions)
        found /= found[0]
        path.append(np.log(np.maximum(found, LEAST)))
        if float(np.abs(np.exp(path[-1]) - np.exp(path[-2])).max()) < TOLERANCE:
            break
        if len(path) == 3:
            path = [_ahead(*path)]
    clicks_of = summed(unit * n_positions + place, clicked, n_units * n_positions).reshape(n_units, -1)
    liked_of = summed(unit * n_positions + place, liked, n_units * n_positions).reshape(n_units, -1)
    draws: list[Float64Array] = []
    for _ in range(n_bootstrap):
        times = np.bincount(rng.integers(0, n_units, n_units), minlength=n_units)
        ratio = (times @ clicks_of) / np.maximum(times @ liked_of, LEAST_LIKED)
        draws.append(ratio / max(float(ratio[0]), LEAST_LIKED))
    return examination_of(found, draws, confidence, "PBM, relevance by a model", n_units)


def _ahead(first: Float64Array, second: Float64Array, third: Float64Array) -> Float64Array:
    """Go on in the direction of two steps, as far as their bend tells (SQUAREM)."""
    step, bend = second - first, third - 2 * second + first
    length = float(np.linalg.norm(step)) / max(float(np.linalg.norm(bend)), LEAST_LIKED)
    length = min(max(length, 1.0), LONGEST)
    return first + 2 * length * step + length**2 * bend


def _relevance(
    make: Callable[[], WeightedRegressor],
    features: Any,
    labels: Float64Array,
    weights: Float64Array,
    fold: npt.NDArray[np.int64],
) -> Float64Array:
    """Predict each row by a model of the other folds."""
    liked = np.empty(len(labels))
    for number in range(int(fold.max()) + 1):
        own, others = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        model = make()
        model.fit(taken(features, others), labels[others], sample_weight=weights[others])
        predicted = np.asarray(model.predict(taken(features, own)), np.float64).reshape(-1)
        if predicted.shape != own.shape or not np.isfinite(predicted).all():
            raise DataError(
                f"{len(own)} finite predictions", source="relevance model", got=str(predicted)[:80]
            )
        liked[own] = np.maximum(predicted, LEAST_LIKED)
    return liked
