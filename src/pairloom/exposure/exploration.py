"""Policies that explore, and know the probability of everything they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError

__all__ = ["EpsilonGreedy", "PlackettLuce", "Ranking", "Thompson"]

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
MOST_KNOWN = 32
STEP, EARLIEST, LATEST = 0.25, 30.0, 4.0
"""In logs of time: a step, and how far outside of the whole race's first and last times an integrand is nothing."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """A list that a policy drew.

    Parameters
    ----------
    items : ndarray of shape (n,), int64
        Numbers of the candidates, from the top.
    propensities : ndarray of shape (n,), float64
        The probability of each at its position, over all lists that the policy could have drawn.
    conditional : ndarray of shape (n,), float64
        The probability of each at its position, given those above it.
    list_propensity : float
        The probability of the whole list.
    """

    items: Int64Array
    propensities: Float64Array
    conditional: Float64Array
    list_propensity: float


class EpsilonGreedy:
    """At each position the best item that is left, or, with probability epsilon, any that is left.

    Parameters
    ----------
    epsilon : float
        In [0, 1].
    """

    def __init__(self, epsilon: float = 0.1) -> None:
        if not 0 <= epsilon <= 1:
            raise UserError(f"EpsilonGreedy: 'epsilon' must be in [0, 1]. Got {epsilon}.")
        self.epsilon = epsilon
        self._known: dict[tuple[int, int], Float64Array] = {}

    def draw(self, scores: Any, n: int, rng: np.random.Generator) -> Ranking:
        """Draw a list of n of the candidates.

        Parameters
        ----------
        scores : array of shape (n_candidates,)
            Higher is better; of equals the first is.
        n : int
        rng : numpy Generator
        """
        values, n = checked_scores(scores, n)
        left = np.argsort(-values, kind="stable").tolist()
        rank = {item: place for place, item in enumerate(left)}
        items, conditional = np.empty(n, np.int64), np.empty(n)
        for position in range(n):
            place = int(rng.integers(len(left))) if rng.random() < self.epsilon else 0
            conditional[position] = self.epsilon / len(left) + (1 - self.epsilon) * (place == 0)
            items[position] = left.pop(place)
        ranks = np.array([rank[item] for item in items.tolist()])
        marginal = self._by_rank(len(values), n)
        return Ranking(items, marginal[ranks, np.arange(n)], conditional, float(conditional.prod()))

    def probabilities(self, scores: Any, n: int) -> Float64Array:
        """Return the probability of each candidate at each position, of shape (n_candidates, n), exactly."""
        values, n = checked_scores(scores, n)
        found = np.empty((len(values), n))
        found[np.argsort(-values, kind="stable")] = self._by_rank(len(values), n)
        return found

    def _by_rank(self, n_candidates: int, n: int) -> Float64Array:
        """Probabilities by rank of score: how many of the better ones are gone tells all; O(n_candidates n^2)."""
        if (n_candidates, n) in self._known:
            return self._known[n_candidates, n]
        better = np.arange(n_candidates)[:, None]
        gone = np.arange(n + 1)[None, :]
        found = np.zeros((n_candidates, n))
        state = np.zeros((n_candidates, n + 1))  # not shown yet, and so many of the better ones are gone
        state[:, 0] = 1
        for position in range(n):
            left = n_candidates - position
            is_best = (gone == better).astype(np.float64)
            own = (1 - self.epsilon) * is_best + self.epsilon / left
            above = (1 - self.epsilon) * (1 - is_best) + self.epsilon * (better - gone) / left
            above = np.where(gone < better, above, 0.0)
            found[:, position] = (state * own).sum(axis=1)
            below = np.maximum(1 - own - above, 0.0)
            moved = state * above
            state = state * below
            state[:, 1:] += moved[:, :-1]
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[n_candidates, n] = found
        return found


class PlackettLuce:
    """Position by position, an item that is left with probability proportional to ``exp(score / temperature)``.

    The softmax policy for lists: good lists are likely, no list is impossible, and every probability is known.
    Marginals are exact to some 1e-10, in time of ``n n_candidates log(n_candidates)`` (10 of 100 candidates: some
    milliseconds).

    Parameters
    ----------
    temperature : float
        Toward 0 the list by scores, toward infinity any.

    References
    ----------
    Plackett, "The Analysis of Permutations", 1975; as a race of exponential clocks: Yellott 1977.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        if not (temperature > 0 and np.isfinite(temperature)):
            raise UserError(f"PlackettLuce: 'temperature' must be above 0. Got {temperature}.")
        self.temperature = temperature

    def draw(self, scores: Any, n: int, rng: np.random.Generator, *, marginal: bool = True) -> Ranking:
        """Draw a list of n of the candidates.

        Parameters
        ----------
        scores, n, rng : as in `EpsilonGreedy.draw`
        marginal : bool
            False spares the marginal probabilities: ``propensities`` are then those given the items above.
        """
        values, n = checked_scores(scores, n)
        logits = values / self.temperature
        items = np.argsort(-(logits + rng.gumbel(size=len(logits))), kind="stable")[:n]
        conditional = self.conditional(values, items)
        own = self.probabilities(values, n)[items, np.arange(n)] if marginal else conditional
        return Ranking(items, own, conditional, float(conditional.prod()))

    def conditional(self, scores: Any, items: Any) -> Float64Array:
        """Return the probability of each item of a list given those above it; their product is the list's."""
        logits = checked_scores(scores, 1)[0] / self.temperature
        chosen = np.asarray(items)
        others = np.delete(logits, chosen)
        start = [np.logaddexp.reduce(others)] if len(others) else []
        left = np.logaddexp.accumulate(np.concatenate((start, logits[chosen][::-1])))[len(start) :][::-1]
        return np.exp(np.minimum(logits[chosen] - left, 0.0))

    def probabilities(self, scores: Any, n: int) -> Float64Array:
        """Return the probability of each candidate at each position, of shape (n_candidates, n).

        Item i comes at an exponential time of rate ``exp(score)``; it is at position k if just k - 1 others came
        before, which at a given time is a Poisson binomial count. The log of the time is integrated out by the
        trapezoidal rule, whose error falls exponentially with its step for such an integrand.
        """
        values, n = checked_scores(scores, n)
        logits = (values - values.max()) / self.temperature
        last = np.sort(logits)[::-1][min(n, len(logits) - 1)]  # when these have come, so has the list
        begin, end = -np.log(np.exp(logits).sum()) - EARLIEST, max(LATEST - float(last), 0.0)
        times = np.arange(begin, end + STEP, STEP)  # logs of times
        found = np.zeros((len(values), n))
        none = np.zeros((len(times), n))
        none[:, 0] = STEP
        _fill(found, np.exp(np.minimum(times[:, None] + logits[None, :], 700.0)), none, 0, len(values))
        return np.minimum(found, 1.0)


def _fill(found: Float64Array, hazards: Float64Array, others: Float64Array, begin: int, end: int) -> None:
    """Fill in the items from begin to end, given how many outside of these came at each time (and the time's step)."""
    if end - begin == 1:
        hazard = hazards[:, begin]
        found[begin] = (hazard * np.exp(-hazard)) @ others
        return
    middle = (begin + end) // 2
    for own, other in (((begin, middle), range(middle, end)), ((middle, end), range(begin, middle))):
        count = others.copy()
        for item in other:
            stays = np.exp(-hazards[:, item, None])
            moved = count[:, :-1] * (1 - stays)
            count *= stays
            count[:, 1:] += moved
        _fill(found, hazards, count, *own)


class Thompson:
    """The list of one parameter sample, drawn at random of those that a Bayesian model kept.

    A kept sample is an honest guess at the truth; items that the model is unsure of are at the top of some. Since
    samples are finitely many, every probability is a count: exact, not estimated.
    """

    def draw(self, sampled_scores: Any, n: int, rng: np.random.Generator) -> Ranking:
        """Draw a list of n of the candidates.

        Parameters
        ----------
        sampled_scores : array of shape (n_samples, n_candidates)
            Each sample's scores, as ``predict_samples`` of an estimator with solver "mcmc" returns.
        n : int
        rng : numpy Generator
        """
        orders = self._orders(sampled_scores, n)
        items = orders[int(rng.integers(len(orders)))]
        same = orders == items
        above = np.concatenate(
            (np.ones((len(orders), 1), bool), np.logical_and.accumulate(same, axis=1)), axis=1
        )
        counts = above.sum(axis=0)
        conditional = counts[1:] / counts[:-1]
        return Ranking(items, same.mean(axis=0), conditional, float(counts[-1] / len(orders)))

    def probabilities(self, sampled_scores: Any, n: int) -> Float64Array:
        """Return the probability of each candidate at each position, of shape (n_candidates, n), exactly."""
        orders = self._orders(sampled_scores, n)
        n_candidates = np.asarray(sampled_scores).shape[1]
        found = np.zeros((n_candidates, orders.shape[1]))
        for position in range(orders.shape[1]):
            found[:, position] = np.bincount(orders[:, position], minlength=n_candidates) / len(orders)
        return found

    def _orders(self, sampled_scores: Any, n: int) -> Int64Array:
        values = np.asarray(sampled_scores, np.float64)
        if values.ndim != 2 or not len(values):
            raise UserError(
                f"Thompson: 'sampled_scores' must be of shape (n_samples, n_candidates). Got {values.shape}."
            )
        n = checked_scores(values.reshape(-1), n)[1] if values.size else n
        n = min(n, values.shape[1])
        return np.argsort(-values, axis=1, kind="stable")[:, :n]


def checked_scores(scores: Any, n: int) -> tuple[Float64Array, int]:
    """Return scores as float64 and how many to show; UserError for none, DataError for one that is not finite."""
    values = np.asarray(scores, np.float64)
    if values.ndim != 1 or not len(values):
        raise UserError(
            f"Exploration: 'scores' must be of shape (n_candidates,), one or more. Got {values.shape}."
        )
    if n < 1:
        raise UserError(f"Exploration: 'n' must be 1 or more. Got {n}.")
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise DataError("a finite score", source="exploration", row=row + 1, got=f"{values[row]}")
    return values, min(n, len(values))
