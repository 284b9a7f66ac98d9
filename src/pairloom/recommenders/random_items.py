"""Items by lot: what a metric is worth when nothing was learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.recommenders.askers import Askers
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Duplicates
from pairloom.recommenders.recommender import Recommender

__all__ = ["RandomItems"]


class RandomItems(Recommender):
    """Recommends any item with the same chance; the same history always gets the same ones.

    Parameters
    ----------
    columns : Columns
    duplicates : {"sum", "last", "largest"}
    n_jobs : int, optional
        Threads; None is 1, -1 all cores.
    random_state : int
    """

    name: ClassVar[str] = "random"

    def __init__(
        self,
        *,
        columns: Columns = USUAL_COLUMNS,
        duplicates: Duplicates = "sum",
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.columns, self.duplicates, self.n_jobs = columns, duplicates, n_jobs
        self.random_state = random_state

    def _learn(self) -> None:
        pass

    def _scores(self, askers: Askers) -> npt.NDArray[np.float32]:
        scores = np.empty((len(askers), self.histories_.n_items), np.float32)
        for place in range(len(askers)):
            items, _ = askers.histories.of(place)
            rng = np.random.default_rng([self.random_state, *items.tolist()])
            scores[place] = rng.random(scores.shape[1], np.float32)
        return scores

    def _knows(self, askers: Askers) -> npt.NDArray[np.bool_]:
        return np.ones(len(askers), np.bool_)

    def _related(self, item: int) -> npt.NDArray[np.float32]:
        return np.random.default_rng([self.random_state, item]).random(self.histories_.n_items, np.float32)

    def _contributions(
        self, items: npt.NDArray[np.int32], weights: npt.NDArray[np.float32], target: int
    ) -> npt.NDArray[np.float32]:
        del weights, target
        return np.zeros(len(items), np.float32)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        del arrays
