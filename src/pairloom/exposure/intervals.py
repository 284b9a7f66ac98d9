"""Estimates with their uncertainty: a mean or a ratio of sums over units that were drawn independently."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError

__all__ = ["Estimate", "IntervalKind", "ratio_estimate", "resampled"]

Float64Array = npt.NDArray[np.float64]
IntervalKind = Literal["normal", "bootstrap"]
N_BOOTSTRAP = 1000
CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and how sure it is.

    Parameters
    ----------
    method : str
    value : float
    low, high : float
        The interval, of 95 % unless asked otherwise.
    standard_error : float
    n_units : int
        Units that count as drawn independently: rows, or requests, or users.
    effective_n : float
        As many rows of equal weight would be as informative: Kish's ``(sum w)^2 / sum w^2``.
    largest_weight : float
    warnings : tuple of str
        What makes the number or its interval doubtful.
    """

    method: str
    value: float
    low: float
    high: float
    standard_error: float
    n_units: int
    effective_n: float = float("nan")
    largest_weight: float = float("nan")
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.method}: {self.value:.5g} [{self.low:.5g}, {self.high:.5g}]"

    def warned(self, *warnings: str) -> Estimate:
        """Return it with more warnings."""
        return replace(self, warnings=(*self.warnings, *warnings))


def ratio_estimate(
    method: str,
    numerators: Float64Array,
    denominators: Float64Array | None = None,
    *,
    interval: IntervalKind = "normal",
    confidence: float = 0.95,
    n_bootstrap: int = N_BOOTSTRAP,
    random_state: int = 0,
) -> Estimate:
    """Estimate ``sum(numerators) / sum(denominators)`` over independent units; without the second, the mean.

    Parameters
    ----------
    numerators, denominators : ndarray of shape (n_units,), float64
    interval : {"normal", "bootstrap"}
        By the standard error of the linearised ratio, or by percentiles over units drawn anew.
    confidence : float
        In (0, 1).
    n_bootstrap, random_state : int
        Of the bootstrap; it takes time in n_units * n_bootstrap.

    Raises
    ------
    UserError
        If there are fewer than two units, or the denominators add up to nothing.
    """
    if interval not in ("normal", "bootstrap"):
        raise UserError(f"{method}: 'interval' must be 'normal' or 'bootstrap'. Got {interval!r}.")
    if not 0 < confidence < 1:
        raise UserError(f"{method}: 'confidence' must be in (0, 1). Got {confidence}.")
    if n_bootstrap < 20:
        raise UserError(f"{method}: 'n_bootstrap' must be 20 or more. Got {n_bootstrap}.")
    n_units = len(numerators)
    if n_units < 2:
        raise UserError(f"{method}: must have 2 or more independent units. Got {n_units}. Log more.")
    below = np.ones(n_units) if denominators is None else denominators
    total = float(below.sum())
    if not total > 0:
        raise UserError(
            f"{method}: weights must add up to more than 0. Got {total:g}. "
            "The policy never does what the log shows: evaluate one that overlaps with it."
        )
    value = float(numerators.sum()) / total
    residuals = (numerators - value * below) / (total / n_units)
    error = float(np.sqrt(np.square(residuals).sum() / (n_units - 1) / n_units))
    if interval == "normal":
        reach = NormalDist().inv_cdf(0.5 + confidence / 2) * error
        low, high = value - reach, value + reach
    else:
        means = resampled(numerators, below, n_bootstrap, random_state)
        low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist()
    return Estimate(method, value, low, high, error, n_units)


def resampled(
    numerators: Float64Array, denominators: Float64Array, n_bootstrap: int, random_state: int
) -> Float64Array:
    """Return the ratio over units drawn with replacement, of shape (n_bootstrap,)."""
    rng, n_units = np.random.default_rng(random_state), len(numerators)
    found = np.empty(n_bootstrap)
    both = np.column_stack((numerators, denominators))
    at_once = max(1, CHUNK // n_units)
    for begin in range(0, n_bootstrap, at_once):
        drawn = rng.integers(0, n_units, (min(at_once, n_bootstrap - begin), n_units))
        sums = both[drawn].sum(axis=1)
        found[begin : begin + len(drawn)] = sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan)
    return found[~np.isnan(found)] if np.isnan(found).any() else found
