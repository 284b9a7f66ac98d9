"""Ratings shaped like MovieLens, with the best possible RMSE known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.rows import RowBatch
from pairloom.synthetic.sigmoid import sigmoid

__all__ = ["PlantedRatings", "planted_ratings"]

Int32Array = npt.NDArray[np.int32]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

STARS = np.arange(1.0, 6.0)


@dataclass(frozen=True, slots=True)
class PlantedRatings:
    """Ratings whose distribution given user and item is known.

    Parameters
    ----------
    users, items : ndarray of shape (n_ratings,), int32
        Counted from 0; a pair occurs once.
    ratings : ndarray of shape (n_ratings,), float32
    expected : ndarray of shape (n_ratings,), float32
        Mean of each rating given its user and item: what the best predictor answers.
    n_users, n_items : int
    best_rmse : float
        Root of the mean variance of a rating given its user and item. No predictor does better in
        expectation; on a part of the data, compare with the RMSE of `expected` there.
    """

    users: Int32Array
    items: Int32Array
    ratings: Float32Array
    expected: Float32Array
    n_users: int
    n_items: int
    best_rmse: float

    def rows(self) -> RowBatch:
        """One-hot rows of shape (n_ratings, n_users + n_items): users first, then items."""
        n_ratings = len(self.users)
        indices = np.empty((n_ratings, 2), np.int32)
        indices[:, 0], indices[:, 1] = self.users, self.items + np.int32(self.n_users)
        indptr = np.arange(0, 2 * n_ratings + 1, 2, dtype=np.int64)
        return RowBatch(indptr, indices.ravel(), None, self.n_users + self.n_items, labels=self.ratings)


def planted_ratings(
    n_users: int = 943,
    n_items: int = 1682,
    n_ratings: int = 100_000,
    n_factors: int = 8,
    *,
    noise: float = 0.85,
    stars: bool = True,
    min_ratings: int = 20,
    random_state: int = 0,
) -> PlantedRatings:
    """Ratings shaped like MovieLens-100K, from a planted second-order factorization machine.

    A taste of ``3.55 + user + item + <user factors, item factors>`` is blurred by logistic noise and, with
    `stars`, rounded to a whole number from 1 to 5. Logistic noise makes the chance of every star a difference
    of two sigmoids, so the mean and the variance of each rating, and with them the best possible RMSE, are
    exact.

    Users are unequally busy (log-normal, at least `min_ratings` each) and pick items without repetition by a
    Zipf-like popularity. Time and memory grow as n_users * n_items.

    Parameters
    ----------
    n_users, n_items, n_ratings, n_factors : int
    noise : float
        Standard deviation of the noise, in stars.
    stars : bool
        False leaves the ratings real-valued and unclipped; the best RMSE is then `noise` itself.
    min_ratings : int
    random_state : int

    Raises
    ------
    UserError
        If the users cannot hold that many, or that few, distinct ratings.
    """
    fewest, most = n_users * min_ratings, n_users * n_items
    if not fewest <= n_ratings <= most or min_ratings > n_items:
        raise UserError(
            f"planted_ratings: 'n_ratings' must be an integer in [{fewest}, {most}] "
            f"for {n_users} users with at least {min_ratings} of {n_items} items each. Got {n_ratings}."
        )
    random = np.random.default_rng(random_state)
    counts = _ratings_per_user(random, n_users, n_items, n_ratings, min_ratings)
    users = np.repeat(np.arange(n_users, dtype=np.int32), counts)
    items = _picked_items(random, counts, n_items)
    order = random.permutation(n_ratings)
    users, items = users[order], items[order]

    tastes = 3.55 + random.normal(0, 0.40, n_users)[users] + random.normal(0, 0.45, n_items)[items]
    side = np.sqrt(0.5 / np.sqrt(n_factors)) if n_factors else 0.0
    user_factors = random.normal(0, side, (n_users, n_factors))
    item_factors = random.normal(0, side, (n_items, n_factors))
    tastes += np.einsum("rf,rf->r", user_factors[users], item_factors[items])
    scale = noise * np.sqrt(3) / np.pi
    blurred = tastes + random.logistic(0, scale, n_ratings) if noise else tastes
    if not stars:
        ratings, expected, best_rmse = blurred, tastes, noise
    else:
        ratings = np.clip(np.rint(blurred), STARS[0], STARS[-1])
        expected, variance = _star_moments(tastes, scale)
        best_rmse = float(np.sqrt(variance.mean()))
    return PlantedRatings(
        users, items, ratings.astype(np.float32), expected.astype(np.float32), n_users, n_items, best_rmse
    )


def _ratings_per_user(
    random: np.random.Generator, n_users: int, n_items: int, n_ratings: int, min_ratings: int
) -> npt.NDArray[np.int64]:
    activity = random.lognormal(0, 0.95, n_users)
    counts = np.full(n_users, min_ratings, np.int64)
    while missing := n_ratings - int(counts.sum()):
        room = (counts < n_items).nonzero()[0]
        share = activity[room] / activity[room].sum()
        counts[room] = np.minimum(counts[room] + random.multinomial(missing, share), n_items)
    return counts


def _picked_items(random: np.random.Generator, counts: npt.NDArray[np.int64], n_items: int) -> Int32Array:
    """Items of each user in turn, drawn by popularity without replacement (the Gumbel top-k trick)."""
    log_popularity = -0.9 * np.log(np.arange(n_items) + 12.0)
    names = random.permutation(n_items).astype(np.int32)
    picked: list[Int32Array] = []
    for count in counts.tolist():
        keys = log_popularity + random.gumbel(size=n_items)
        picked.append(names[np.argpartition(-keys, count - 1)[:count]] if count else names[:0])
    return np.concatenate(picked)


def _star_moments(tastes: Float64Array, scale: float) -> tuple[Float64Array, Float64Array]:
    """Mean and variance of a rounded and clipped rating given its taste."""
    if not scale:
        return np.clip(np.rint(tastes), STARS[0], STARS[-1]), np.zeros_like(tastes)
    mean, square = np.full_like(tastes, STARS[0]), np.full_like(tastes, STARS[0] ** 2)
    for star in STARS[1:]:
        at_least = sigmoid((tastes - (star - 0.5)) / scale)
        mean += at_least
        square += (star**2 - (star - 1) ** 2) * at_least
    return mean, square - mean**2
