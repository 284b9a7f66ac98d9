"""SLIM: sparse weights from item to item, learned with an elastic net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels.slim import item_gram, slim_weights
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Duplicates, Histories
from pairloom.recommenders.recommender import Recommender

__all__ = ["SLIM"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
LARGEST = 1e6


class SLIM(Recommender):
    """A weight of 0 or more from an item to each of a few others.

    Near `EASE` in accuracy, with a table as short as `ItemToItem`'s: most weights are 0, and the others say how much of
    one item's takers another explains. Learning needs the products of all pairs of items at once, 4 bytes each (27,000
    items: 2.9 GB), and the time of one small regression an item; `n_neighbours` bounds that. An event changes its
    user's history at once; the weights stay until the next fit.

    Parameters
    ----------
    l1 : float
        Penalty of a weight; more of it leaves fewer.
    l2 : float
        Penalty of its square.
    n_neighbours : int, optional
        Items that may weigh for each item, those most like it; None is all.
    binary : bool
        Whether every interaction counts as 1, whatever its weight.
    columns : Columns
    duplicates : {"sum", "last", "largest"}
    n_jobs : int, optional
        Threads; None is 1, -1 all cores. The result does not depend on them.

    References
    ----------
    Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011.
    """

    name: ClassVar[str] = "slim"
    sparse_scores: ClassVar[bool] = True

    def __init__(
        self,
        *,
        l1: float = 2.0,
        l2: float = 200.0,
        n_neighbours: int | None = None,
        binary: bool = True,
        columns: Columns = USUAL_COLUMNS,
        duplicates: Duplicates = "sum",
        n_jobs: int | None = None,
    ) -> None:
        if not 0 <= l1 < np.inf or not 0 < l2 < np.inf:
            raise UserError(
                f"SLIM: 'l1' must be a finite number of 0 or more, and 'l2' one above 0. Got {l1} and {l2}."
            )
        if n_neighbours is not None and n_neighbours < 1:
            raise UserError(f"SLIM: 'n_neighbours' must be 1 or more, or None for all. Got {n_neighbours}.")
        self.l1, self.l2, self.n_neighbours, self.binary = l1, l2, n_neighbours, binary
        self.columns, self.duplicates, self.n_jobs = columns, duplicates, n_jobs

    def _learn(self) -> None:
        by_user = self._weighted(self.histories_)
        by_item = by_user.by_item()
        sides = [(side.offsets, side.items, side.weights) for side in (by_user, by_item)]
        gram = item_gram(sides[0], sides[1], n_threads=self._threads())
        columns = slim_weights(
            gram, l1=self.l1, l2=self.l2, n_neighbours=self.n_neighbours or 0, n_threads=self._threads()
        )
        self._weights = Histories(*columns, self.histories_.n_items).by_item()

    def _learn_again(self, users: Int32Array) -> None:
        del users
        self._weights = self._weights.widened(self.histories_.n_items, self.histories_.n_items)

    def _weighted(self, histories: Histories) -> Histories:
        weights = np.ones(len(histories.items), np.float32) if self.binary else histories.weights
        return Histories(histories.offsets, histories.items, weights, histories.n_items)

    def _scores(self, askers: Askers) -> Float32Array:
        histories = self._weighted(askers.histories)
        rows = self._weights.take(histories.items)
        lengths = np.diff(rows.offsets)
        places = np.repeat(histories.owners(), lengths) * np.int64(histories.n_items) + rows.items
        values = np.repeat(histories.weights, lengths) * rows.weights
        found = np.bincount(places, values, len(askers) * histories.n_items)
        return found.astype(np.float32).reshape(len(askers), histories.n_items)

    def _related(self, item: int) -> Float32Array:
        scores = np.zeros(self.histories_.n_items, np.float32)
        items, weights = self._weights.of(item)
        scores[items] = weights
        return scores

    def _contributions(self, items: Int32Array, weights: Float32Array, target: int) -> Float32Array:
        rows = self._weights.take(items)
        mine = rows.items == target
        added = np.bincount(rows.owners()[mine], rows.weights[mine], len(items)).astype(np.float32)
        return added * (1 if self.binary else weights)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        weights = self._weights
        return {"offsets": weights.offsets, "items": weights.items, "weights": weights.weights}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        offsets, items, weights = (np.array(arrays[name]) for name in ("offsets", "items", "weights"))
        n_items = self.histories_.n_items
        found = Histories(offsets, items, weights, n_items)
        found.baskets()  # refuses what does not fit
        if found.n_users != n_items or weights.shape != items.shape or weights.dtype != np.float32:
            raise ValueError("weights that do not fit the items")
        if not ((weights > 0) & (weights < LARGEST)).all():
            raise ValueError(f"weights that are not numbers above 0 and below {LARGEST:g}")
        self._weights = found
