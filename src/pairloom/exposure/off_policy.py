"""What another policy would have earned, from what one policy did: the standard estimators on logged actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.exposure.intervals import Estimate, ratio_estimate
from pairloom.exposure.sums import summed

__all__ = [
    "LoggedActions",
    "direct_method",
    "doubly_robust",
    "evaluate_policy",
    "ips",
    "naive_mean",
    "snips",
    "switch_doubly_robust",
]

Float64Array = npt.NDArray[np.float64]
FEW_EFFECTIVE, MANY_ERRORS, LARGE_SHARE = 100.0, 4.0, 0.05
N_THRESHOLDS = 24


@dataclass(frozen=True, slots=True)
class LoggedActions:
    """What a policy did, what it earned, and how likely another is to do the same.

    Parameters
    ----------
    rewards : array of shape (n_rows,)
        What the logged action earned: 1 for a click, or a value.
    propensities : array of shape (n_rows,)
        Probability of the logged action by the policy that took it, in (0, 1].
    target : array of shape (n_rows,)
        Probability of the same action by the policy to evaluate, in [0, 1].
    predicted : array of shape (n_rows,), optional
        What a reward model, trained on other rows (see `cross_fitted`), expects of the logged action.
    predicted_target : array of shape (n_rows,), optional
        What it expects of the policy to evaluate: the mean over actions by that policy's probabilities.
    units : array of shape (n_rows,), optional
        Rows with the same value (of one request, or one user) are no independent draws; intervals count them as one.

    Raises
    ------
    DataError
        For a number that is none of these, with its row: a propensity of 0 above all, since nothing can be learned
        from an action that could not be taken.
    """

    rewards: Any
    propensities: Any
    target: Any
    predicted: Any = None
    predicted_target: Any = None
    units: Any = None

    def __post_init__(self) -> None:
        rewards = _column(self.rewards, "rewards")
        object.__setattr__(self, "rewards", rewards)
        for name, what, least in (
            ("propensities", "a probability above 0 and at most 1", np.nextafter(0, 1)),
            ("target", "a probability in [0, 1]", 0.0),
        ):
            values = _column(getattr(self, name), name, len(rewards))
            wrong = ~((values >= least) & (values <= 1 + 1e-9))
            if wrong.any():
                row = int(np.argmax(wrong))
                action = (
                    "Log with a policy that gives every action a chance" if name == "propensities" else None
                )
                raise DataError(
                    what,
                    got=f"{values[row]:g}",
                    source="logged actions",
                    row=row + 1,
                    field=name,
                    action=action,
                )
            object.__setattr__(self, name, values)
        for name in ("predicted", "predicted_target"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _column(getattr(self, name), name, len(rewards)))
        if self.units is not None:
            units = np.asarray(self.units)
            if units.shape != rewards.shape:
                raise UserError(
                    f"Logged actions: 'units' must be of shape {rewards.shape}. Got {units.shape}."
                )
            object.__setattr__(self, "units", np.unique(units, return_inverse=True)[1])

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def weights(self) -> Float64Array:
        """Target probability over propensity, of shape (n_rows,)."""
        return self.target / self.propensities

    def with_predictions(self, predicted: Any, predicted_target: Any) -> LoggedActions:
        """Return them with what a reward model says."""
        return replace(self, predicted=predicted, predicted_target=predicted_target)


def naive_mean(logged: LoggedActions, **interval: Any) -> Estimate:
    """Return the mean reward where the two policies may agree: what looks right and is not, to compare with."""
    agree = (logged.target > 0).astype(np.float64)
    return _estimate("naive", logged, agree * logged.rewards, agree, weights=agree, interval=interval)


def ips(logged: LoggedActions, *, clip: float | None = None, **interval: Any) -> Estimate:
    """Inverse propensity scoring: the mean of rewards times weights; unbiased if propensities are right.

    Parameters
    ----------
    logged : LoggedActions
    clip : float, optional
        Weights above it count as it: less variance for a bias toward 0.
    **interval
        ``interval``, ``confidence``, ``n_bootstrap``, ``random_state`` of `ratio_estimate`.

    References
    ----------
    Horvitz and Thompson, JASA 1952; clipping: Strehl et al., NIPS 2010.
    """
    weights = _clipped(logged.weights, clip)
    return _estimate("IPS", logged, weights * logged.rewards, None, weights=weights, interval=interval)


def snips(logged: LoggedActions, *, clip: float | None = None, **interval: Any) -> Estimate:
    """Self-normalised IPS: rewards averaged by weights; a small bias for less variance, and never outside the rewards.

    References
    ----------
    Swaminathan and Joachims, "The Self-Normalized Estimator for Counterfactual Learning", NIPS 2015.
    """
    weights = _clipped(logged.weights, clip)
    return _estimate("SNIPS", logged, weights * logged.rewards, weights, weights=weights, interval=interval)


def direct_method(logged: LoggedActions, **interval: Any) -> Estimate:
    """What the reward model expects: little variance, all of the model's bias. Needs ``predicted_target``."""
    expected = _needed(logged, "predicted_target", "DM")
    return _estimate("DM", logged, expected, None, weights=np.ones(len(logged)), interval=interval)


def doubly_robust(logged: LoggedActions, *, clip: float | None = None, **interval: Any) -> Estimate:
    """The reward model, corrected by IPS of what it got wrong: right if either the model or the propensities are.

    References
    ----------
    Dudik, Langford and Li, "Doubly Robust Policy Evaluation and Learning", ICML 2011, eq. 2.
    """
    weights = _clipped(logged.weights, clip)
    return _estimate("DR", logged, _doubly_robust(logged, weights), None, weights=weights, interval=interval)


def switch_doubly_robust(
    logged: LoggedActions,
    *,
    threshold: float | None = None,
    largest_reward: float | None = None,
    **interval: Any,
) -> Estimate:
    """Doubly robust where weights are at most a threshold, the reward model alone where they are larger.

    Parameters
    ----------
    logged : LoggedActions
    threshold : float, optional
        Default: of a row of candidates, the one with the least estimate of variance plus squared bias, where the bias
        is bounded by the largest reward times the target's share of actions above the threshold.
    largest_reward : float, optional
        That bound. Default: the largest in the log.

    References
    ----------
    Wang, Agarwal and Dudik, "Optimal and Adaptive Off-policy Evaluation in Contextual Bandits", ICML 2017,
    sections 3 and 4.
    """
    weights = logged.weights
    if threshold is None:
        bound = float(np.abs(logged.rewards).max()) if largest_reward is None else largest_reward
        threshold = _best_threshold(logged, weights, bound)
    elif not threshold >= 0:
        raise UserError(f"switch-DR: 'threshold' must be 0 or more. Got {threshold}.")
    kept = np.where(weights <= threshold, weights, 0.0)
    return _estimate(
        "switch-DR", logged, _doubly_robust(logged, kept), None, weights=kept, interval=interval, whole=False
    )


def _best_threshold(logged: LoggedActions, weights: Float64Array, bound: float) -> float:
    candidates = np.unique(np.quantile(weights, np.linspace(0, 1, N_THRESHOLDS)))
    best, least = float(candidates[-1]), np.inf
    for candidate in candidates.tolist():
        above = weights > candidate
        terms = _doubly_robust(logged, np.where(above, 0.0, weights))
        bias = bound * float(weights[above].sum()) / len(weights)
        risk = float(terms.var()) / len(terms) + bias**2
        if risk < least:
            best, least = candidate, risk
    return best


def _doubly_robust(logged: LoggedActions, weights: Float64Array) -> Float64Array:
    predicted = _needed(logged, "predicted", "DR")
    return _needed(logged, "predicted_target", "DR") + weights * (logged.rewards - predicted)


ESTIMATORS: Mapping[str, Callable[..., Estimate]] = {
    "naive": naive_mean,
    "ips": ips,
    "snips": snips,
    "dm": direct_method,
    "dr": doubly_robust,
    "switch-dr": switch_doubly_robust,
}


def evaluate_policy(logged: LoggedActions, **interval: Any) -> dict[str, Estimate]:
    """Return all estimates by name; those that need a reward model where there are its predictions."""
    modelled = logged.predicted is not None and logged.predicted_target is not None
    names = [name for name in ESTIMATORS if modelled or name in ("naive", "ips", "snips")]
    return {name: ESTIMATORS[name](logged, **interval) for name in names}


def _estimate(
    method: str,
    logged: LoggedActions,
    numerators: Float64Array,
    denominators: Float64Array | None,
    *,
    weights: Float64Array,
    interval: Mapping[str, Any],
    whole: bool = True,
) -> Estimate:
    """Estimate over units, and say what is doubtful about the weights."""
    if logged.units is not None:
        below = np.ones(len(numerators)) if denominators is None else denominators
        numerators = summed(logged.units, numerators)
        denominators = summed(logged.units, below)
    found = ratio_estimate(method, numerators, denominators, **interval)
    found = replace(found, largest_weight=float(weights.max()), effective_n=effective_size(weights))
    uses_weights = method not in ("naive", "DM")
    return found.warned(*weight_warnings(weights, whole=whole)) if uses_weights else found


def effective_size(weights: Float64Array) -> float:
    """Return ``(sum w)^2 / sum w^2``; 0 where all weights are."""
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def weight_warnings(weights: Float64Array, *, whole: bool = True) -> list[str]:
    """Say what about weights makes an estimate doubtful; those of the whole target have a mean of 1."""
    found: list[str] = []
    size, total = effective_size(weights), float(weights.sum())
    if size < min(FEW_EFFECTIVE, 0.5 * len(weights)):
        found.append(
            f"only {size:.1f} of {len(weights):,} rows count effectively: the interval is too narrow"
        )
    if total > 0 and weights.max() / total > LARGE_SHARE:
        row = int(np.argmax(weights))
        found.append(f"row {row + 1} alone has {weights[row] / total:.0%} of all weight ({weights[row]:.3g})")
    error = float(weights.std()) / np.sqrt(len(weights))
    if whole and abs(float(weights.mean()) - 1) > MANY_ERRORS * error + 1e-6:
        found.append(
            f"weights have a mean of {weights.mean():.3f}, not 1: propensities are wrong, weights are clipped, or the "
            "policy does what the log never did"
        )
    return found


def _clipped(weights: Float64Array, clip: float | None) -> Float64Array:
    if clip is None:
        return weights
    if not clip > 0:
        raise UserError(f"Off-policy estimate: 'clip' must be above 0. Got {clip}.")
    return np.minimum(weights, clip)


def _needed(logged: LoggedActions, name: str, method: str) -> Float64Array:
    values = getattr(logged, name)
    if values is None:
        raise UserError(f"{method}: needs {name!r} of a reward model. Got none. Make them with cross_fitted.")
    return values


def _column(values: Any, name: str, n_rows: int | None = None) -> Float64Array:
    try:
        found = np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError("numbers", got=str(error), source="logged actions", field=name) from None
    if found.ndim != 1 or n_rows not in (None, len(found)):
        wanted = "(n_rows,)" if n_rows is None else f"({n_rows},)"
        raise DataError(
            f"an array of shape {wanted}", got=str(found.shape), source="logged actions", field=name
        )
    if not np.isfinite(found).all():
        row = int(np.argmin(np.isfinite(found)))
        raise DataError(
            "a finite number", got=f"{found[row]}", source="logged actions", row=row + 1, field=name,
            action="Log propensities with every request" if name == "propensities" else None,
        )  # fmt: skip
    return found
