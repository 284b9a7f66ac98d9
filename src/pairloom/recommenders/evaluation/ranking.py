"""Metrics of lists over the full catalogue: every item that a user does not have yet competes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.recommenders.evaluation.splits import Split
from pairloom.recommenders.recommender import Recommender

__all__ = ["PER_USER", "RankingReport", "evaluate", "interval"]

Float64Array = npt.NDArray[np.float64]
PER_USER = ("recall", "precision", "ndcg", "map", "mrr", "hit_rate")
N_RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class RankingReport:
    """How a recommender did.

    Parameters
    ----------
    n : int
        Length of the lists.
    n_users : int
        Users that were asked about.
    per_user : mapping of str to ndarray of shape (n_users,), float64
        ``recall``: hits among the held-out items, of as many as fit into the list; ``precision``: hits of n;
        ``ndcg``: hits discounted by rank, of the best possible; ``map``: mean precision at each hit; ``mrr``: one over
        the rank of the first hit; ``hit_rate``: 1 with a hit.
    lists : mapping of str to float
        ``coverage``: share of the catalogue in any list; ``novelty``: mean of -log2 of the share of users that have an
        item; ``diversity``: mean of 1 - cosine of the users of two items of a list; ``gini``: how unequally often items
        are listed, from 0, all alike, to 1; ``popularity``: mean rank of items by popularity, 1 the most popular.
    """

    n: int
    n_users: int
    per_user: Mapping[str, Float64Array]
    lists: Mapping[str, float]

    def means(self) -> dict[str, float]:
        """Return every metric."""
        return {name: float(values.mean()) for name, values in self.per_user.items()} | dict(self.lists)

    def interval(self, name: str) -> tuple[float, float]:
        """Return the 95 % interval of a mean over users, by resampling these."""
        return interval(self.per_user[name])


def interval(values: Float64Array, *, random_state: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean.

    References
    ----------
    Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
    """
    rng = np.random.default_rng(random_state)
    means = np.array([values[rng.integers(0, len(values), len(values))].mean() for _ in range(N_RESAMPLES)])
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def evaluate(recommender: Recommender, split: Split, *, n: int = 20) -> RankingReport:
    """Ask a recommender that was fitted on the training part about every user of the test part.

    A held-out item that training never saw cannot be found and counts as missed.

    Parameters
    ----------
    recommender : Recommender
        Fitted on ``split.train``.
    split : Split
    n : int
        Length of the lists.
    """
    if n < 1:
        raise UserError(f"evaluate: 'n' must be 1 or more. Got {n}.")
    users, owners = np.unique(split.test["user"], return_inverse=True)
    found = recommender.recommend(users, n=n)
    assert found.users is not None
    places = np.searchsorted(users, found.users)
    lists = np.full((len(users), n), -1, np.int64)
    numbers = recommender.items_.numbers(found.items.tolist())
    lists[places, found.ranks - 1] = numbers
    truth = recommender.items_.numbers(split.test["item"].tolist()).astype(np.int64)
    n_items = max(1, len(recommender.items_))
    held = np.unique(owners[truth >= 0] * n_items + truth[truth >= 0])
    hits = (lists >= 0) & np.isin(np.arange(len(users))[:, None] * n_items + lists, held)
    counts = np.bincount(owners, minlength=len(users)).astype(np.int64)
    return RankingReport(n, len(users), _per_user(hits, counts), _of_lists(recommender, lists))


def _per_user(hits: npt.NDArray[np.bool_], counts: npt.NDArray[np.int64]) -> dict[str, Float64Array]:
    n = hits.shape[1]
    possible = np.minimum(counts, n)
    ranks = np.arange(1, n + 1)
    discounts = 1 / np.log2(ranks + 1)
    ideal: Float64Array = np.concatenate(([0.0], np.cumsum(discounts)))[possible]
    at_hits = np.cumsum(hits, axis=1) / ranks * hits
    any_hit = hits.any(axis=1)
    found: dict[str, Any] = {
        "recall": hits.sum(axis=1) / possible,
        "precision": hits.sum(axis=1) / n,
        "ndcg": (hits * discounts).sum(axis=1) / ideal,
        "map": at_hits.sum(axis=1) / possible,
        "mrr": any_hit / (1.0 + hits.argmax(axis=1)),
        "hit_rate": any_hit.astype(np.float64),
    }
    return found


def _of_lists(recommender: Recommender, lists: npt.NDArray[np.int64]) -> dict[str, float]:
    counts = recommender.popularity_.astype(np.float64)
    n_items, n_users = len(counts), max(1, recommender.histories_.n_users)
    listed = lists[lists >= 0]
    often = np.bincount(listed, minlength=n_items)
    ranks = np.empty(n_items)
    ranks[np.argsort(counts, kind="stable")] = np.arange(n_items) / max(1, n_items - 1)
    rarity = -np.log2(np.maximum(counts, 1) / n_users)
    return {
        "coverage": float((often > 0).mean()),
        "novelty": float(rarity[listed].mean()) if len(listed) else 0.0,
        "diversity": _diversity(recommender, lists),
        "gini": _gini(often),
        "popularity": float(ranks[listed].mean()) if len(listed) else 0.0,
    }


def _gini(often: npt.NDArray[np.integer]) -> float:
    ordered = np.sort(often).astype(np.float64)
    n, total = len(ordered), ordered.sum()
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total)) if total else 0.0


def _diversity(recommender: Recommender, lists: npt.NDArray[np.int64]) -> float:
    """Mean over at most 500 lists."""
    step = max(1, len(lists) // 500)
    found: list[float] = []
    for row in lists[::step]:
        items = row[row >= 0].astype(np.int32)
        if len(items) > 1:
            alike = recommender.similarity(items)
            found.append(float(1 - (alike.sum() - np.trace(alike)) / (len(items) * (len(items) - 1))))
    return float(np.mean(found)) if found else 0.0
