"""Lists as they were shown: a request id for each, what it held and how likely that was, in the exposure log."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pairloom.exposure.events import Feedback, Impressions, checked_feedback, now_us
from pairloom.exposure.exploration import EpsilonGreedy
from pairloom.exposure.log import ExposureLog
from pairloom.recommenders.recommendations import Recommendations
from pairloom.serving.recommending.requests import Ask, Event

__all__ = ["ShownLists", "model_version"]

SMALLEST_POOL, POOL_OF_EACH = 20, 2


class ShownLists:
    """Makes lists that are logged, with some chance in them if that is wished.

    Parameters
    ----------
    folder : path
        Of the log; see `pairloom.exposure.ExposureLog`.
    version : str
        Of the model, for the log.
    epsilon : float
        At each position, the probability of any of the pool of candidates (twice as many as are asked for, at least 20)
        instead of the best that is left.
    """

    def __init__(self, folder: str | Path, version: str, epsilon: float) -> None:
        self._log = ExposureLog(folder)
        self._version = version
        self._policy = EpsilonGreedy(epsilon)
        self._rng = np.random.default_rng()

    def show(self, ask: Ask, found: Callable[[int], Recommendations]) -> tuple[Recommendations, str | None]:
        """Make a list and log it; an empty one gets no request id.

        Parameters
        ----------
        ask : Ask
            For a user or a history.
        found : callable
            Returns so many recommendations.

        Raises
        ------
        PlatformError
            If the list cannot be logged.
        """
        chosen, propensities, whole = self._chosen(ask.n, found)
        if not len(chosen):
            return chosen, None
        request = secrets.token_urlsafe(12)
        self._log.log(
            Impressions(
                request,
                chosen.items.tolist(),
                ask.user,
                propensities,
                whole,
                self._version,
                context=ask.context,
            )
        )
        return chosen, request

    def _chosen(
        self, n: int, found: Callable[[int], Recommendations]
    ) -> tuple[Recommendations, Sequence[float], float]:
        if not self._policy.epsilon:
            best = found(n)
            return best, [1.0] * len(best), 1.0
        pool = found(max(SMALLEST_POOL, POOL_OF_EACH * n))
        ranking = (
            self._policy.draw(-np.arange(len(pool)), min(n, len(pool)), self._rng) if len(pool) else None
        )
        if ranking is None:
            return pool, [], 1.0
        chosen = Recommendations(
            pool.items[ranking.items], pool.scores[ranking.items], pool.ranks[: len(ranking.items)],
            None, None if pool.reasons is None else [pool.reasons[place] for place in ranking.items.tolist()],
        )  # fmt: skip
        return chosen, ranking.propensities.tolist(), ranking.list_propensity

    def close(self) -> None:
        """Bring what was logged into Parquet files; without it, the next that opens the folder does."""
        self._log.close()

    def check(self, event: Event) -> None:
        """Refuse, with a DataError, an event that `feedback` could not log."""
        checked_feedback(_feedback(event), now_us())

    def feedback(self, event: Event) -> None:
        """Log what came of an item of a list; PlatformError if it cannot be written."""
        found = _feedback(event)
        self._log.feedback(found.request, found.item, found.kind, value=found.value, time=found.time)


def _feedback(event: Event) -> Feedback:
    time_us = 0 if event.time is None else int(event.time * 1e6)
    return Feedback(event.request or "", event.item, event.kind, event.value, time_us)


def model_version(model: Path) -> str:
    """Return a name for a model file that no other has: the beginning of its SHA-256."""
    digest = hashlib.sha256()
    for file in sorted(model.iterdir()) if model.is_dir() else [model]:
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:16]
