"""What most users took: the recommender that every other must beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.recommenders.askers import Askers
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Duplicates
from pairloom.recommenders.recommender import Recommender

__all__ = ["Popularity"]


class Popularity(Recommender):
    """Recommends what most users took; where events have times, what they took of late.

    An event then counts half of what it did one half-life before, which is chosen from a day to never by how well the
    earlier events foretell the last tenth.

    Parameters
    ----------
    columns : Columns
    duplicates : {"sum", "last", "largest"}
    n_jobs : int, optional
        Threads; None is 1, -1 all cores.
    """

    name: ClassVar[str] = "popularity"

    def __init__(
        self, *, columns: Columns = USUAL_COLUMNS, duplicates: Duplicates = "sum", n_jobs: int | None = None
    ) -> None:
        self.columns, self.duplicates, self.n_jobs = columns, duplicates, n_jobs

    def _learn(self) -> None:
        pass

    def _scores(self, askers: Askers) -> npt.NDArray[np.float32]:
        return np.tile(self._popular(), (len(askers), 1))

    def _related(self, item: int) -> npt.NDArray[np.float32]:
        del item
        return self._popular().copy()

    def _contributions(
        self, items: npt.NDArray[np.int32], weights: npt.NDArray[np.float32], target: int
    ) -> npt.NDArray[np.float32]:
        del weights, target
        return np.zeros(len(items), np.float32)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        del arrays
