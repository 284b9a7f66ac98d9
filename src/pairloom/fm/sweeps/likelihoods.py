"""How labels follow from scores: normal around them, or levels of a hidden number that is."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.fm.chunks import LabelScale
from pairloom.kernels.latents import draw_latents, level_log_likelihood, level_means, level_probabilities

__all__ = ["Levels", "Likelihood", "Normal", "levels_of"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
MOST_LEVELS = 64
WANTED_ACCEPTANCE = 0.3
MOST_DRAWS = 8
SMALLEST = 1e-30


class Likelihood(Protocol):
    """What a chain needs of the labels.

    Attributes
    ----------
    targets : ndarray of shape (n_rows,), float32
        What scores are compared with: labels, or hidden numbers that are drawn anew.
    cuts : ndarray of shape (n_cuts,), float64
        Between levels; empty where labels are no levels.
    first_bias : float
        Where the bias begins.
    values : ndarray of shape (n_cuts + 1,), float64
        Of the levels; empty where labels are no levels.
    """

    targets: Float32Array
    cuts: Float64Array
    first_bias: float
    values: Float64Array

    @property
    def draws_noise(self) -> bool:
        """Whether the noise has a precision to draw; it is one otherwise."""
        ...

    def renew(self, scores: Float32Array, rng: np.random.Generator, *, draws: bool) -> None:
        """Draw targets given the scores, where they are hidden numbers."""
        ...

    def predicted(self, scores: Float32Array) -> Float64Array:
        """Return what labels are expected given scores: in their own units, or the probability of label 1."""
        ...


class Normal:
    """Labels that are normal around their scores, once centred and scaled."""

    draws_noise = True
    first_bias = 0.0

    def __init__(self, labels: Float32Array, scale: LabelScale) -> None:
        self.targets, self._scale = scale.apply(labels), scale
        self.cuts = self.values = np.zeros(0)

    def renew(self, scores: Float32Array, rng: np.random.Generator, *, draws: bool) -> None:
        """Leave the labels as they are."""

    def predicted(self, scores: Float32Array) -> Float64Array:
        """Return scores in the units of the labels."""
        predictions = scores.astype(np.float64)
        predictions *= self._scale.scale
        predictions += self._scale.mean
        return predictions


class Levels:
    """Labels that are levels of a hidden number, normal around the score with variance one.

    The first cut stays at 0, the bias being free; of several, the distances of the others are moved by
    Metropolis-Hastings steps with the hidden numbers left out, whose size is learned.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,), float32
    values : ndarray of shape (n_levels,), float64
        The labels that there are, ascending.
    weights : ndarray of shape (n_rows,), float32, optional
        Above 0. A row of weight w counts as w rows: its hidden number is the mean of w draws. Of a w that is no whole
        number, or above 8, it is the mean of the nearest number of draws up to 8, its spread set to that of w.
    n_threads : int

    References
    ----------
    Albert and Chib, "Bayesian Analysis of Binary and Polychotomous Response Data", JASA 1993; Cowles, "Accelerating
    Monte Carlo Markov chain convergence for cumulative-link generalized linear models", 1996.
    """

    draws_noise = False

    def __init__(
        self,
        labels: Float32Array,
        values: Float64Array,
        *,
        weights: Float32Array | None = None,
        n_threads: int,
    ) -> None:
        self.values, self._n_threads = values, n_threads
        self._levels = np.searchsorted(values, labels).astype(np.int32)
        self._weights = None if weights is None else weights.astype(np.float64)
        counts = np.bincount(self._levels, weights=self._weights, minlength=len(values))
        shares = np.clip(np.cumsum(counts)[:-1] / max(counts.sum(), 1e-300), 1e-4, 1 - 1e-4)
        quantiles = _quantiles(shares)
        steps = np.maximum(np.diff(quantiles), 1e-3)
        self.cuts = np.concatenate(([0.0], np.cumsum(steps)))
        self.first_bias = -float(quantiles[0])
        self.targets = np.zeros(len(labels), np.float32)
        self._spread = (
            1 / np.sqrt(np.maximum(np.minimum(counts[1:-1], counts[2:]), 1.0)) if len(steps) else steps
        )
        self.step = 1.0
        self.n_tried = 0

    def renew(self, scores: Float32Array, rng: np.random.Generator, *, draws: bool) -> None:
        """Draw cuts, then hidden numbers; or take the numbers' expectations."""
        if draws and len(self.cuts) > 1:
            self._move_cuts(scores, rng)
        if self._weights is not None and draws:
            self.targets = self._mean_draws(scores, self._weights, rng)
            return
        key = int(rng.integers(2**63))
        self.targets = draw_latents(
            scores, self._levels, self.cuts, key, draws=draws, n_threads=self._n_threads
        )

    def _mean_draws(
        self, scores: Float32Array, weights: Float64Array, rng: np.random.Generator
    ) -> Float32Array:
        """Return the mean of as many draws as a row's weight says."""
        n_draws = np.clip(np.rint(weights), 1, MOST_DRAWS)
        expected = draw_latents(scores, self._levels, self.cuts, 0, draws=False, n_threads=self._n_threads)
        away = np.zeros(len(scores))
        for number in range(int(n_draws.max(initial=0))):
            drawn = np.flatnonzero(n_draws > number)
            away[drawn] += draw_latents(
                scores[drawn], self._levels[drawn], self.cuts, int(rng.integers(2**63)), draws=True,
                n_threads=self._n_threads,
            ) - expected[drawn]  # fmt: skip
        return (expected + away / np.sqrt(n_draws * weights)).astype(np.float32)

    def _log_likelihood(self, scores: Float32Array, cuts: Float64Array) -> float:
        if self._weights is None:
            return level_log_likelihood(scores, self._levels, cuts, n_threads=self._n_threads)
        shares = level_probabilities(scores, cuts, n_threads=self._n_threads)
        of_levels = shares[np.arange(len(scores)), self._levels].astype(np.float64)
        return float(self._weights @ np.log(np.maximum(of_levels, SMALLEST)))

    def _move_cuts(self, scores: Float32Array, rng: np.random.Generator) -> None:
        """Step in the logarithms of the distances between cuts, under a standard normal prior on these."""
        logs = np.log(np.diff(self.cuts))
        proposed = logs + self.step * self._spread * rng.normal(size=len(logs))
        cuts = np.concatenate(([0.0], np.cumsum(np.exp(proposed))))
        now, then = (
            self._log_likelihood(scores, c) - 0.5 * float(x @ x)
            for c, x in ((self.cuts, logs), (cuts, proposed))
        )
        accepts = np.log(rng.random()) < then - now
        if accepts:
            self.cuts = cuts
        self.n_tried += 1
        self.step *= np.exp((float(accepts) - WANTED_ACCEPTANCE) / self.n_tried**0.6)

    def predicted(self, scores: Float32Array) -> Float64Array:
        """Return the mean of the levels' values by their probabilities."""
        return level_means(scores, self.cuts, self.values, n_threads=self._n_threads)


def levels_of(labels: Float32Array) -> Float64Array:
    """Return the different labels, ascending; UserError for fewer than two or more than 64."""
    values = np.unique(labels).astype(np.float64)
    if not 2 <= len(values) <= MOST_LEVELS:
        raise UserError(
            f"The likelihood 'ordinal' needs labels of 2 to {MOST_LEVELS} different values, such as stars. "
            f"Got {len(values)}. Take 'normal'."
        )
    return values


def _quantiles(shares: Float64Array) -> Float64Array:
    from statistics import NormalDist

    normal = NormalDist()
    return np.array([normal.inv_cdf(float(share)) for share in shares])
