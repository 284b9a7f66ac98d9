"""Item-to-item collaborative filtering: a table of related items, and look-ups in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels.related_items import RELATIONS, Relation, related_items
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Duplicates, Histories
from pairloom.recommenders.recommender import Recommender

__all__ = ["ItemToItem"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]


class ItemToItem(Recommender):
    """Customers who took X also took Y.

    For each item, a table holds the items that the same users took more often than chance would have it. A
    recommendation is the sum of the rows of a user's items: look-ups, however large the data. It tells why, and takes
    in an event at once: only the rows of that user's items change, and the table is then just what building it anew
    with the same item chances would give.

    Parameters
    ----------
    relation : {"surprise", "cosine", "conditional"}
        "surprise" compares how many users took both with how many would have by chance, given how many items each of
        them takes, so that neither popular items nor heavy buyers lead everywhere. "cosine" divides by the root of both
        items' users; "conditional" by the first item's, as in the paper of 2003.
    n_related : int
        Length of a row of the table.
    least_common : int
        Pairs that fewer users took are left out.
    discount : float
        In [0, 1], for "surprise", which divides by the expected number raised to it: 0 favours what is common, 1 what
        is rare; 0.5 measures in standard deviations of chance.
    columns : Columns
    duplicates : {"sum", "last", "largest"}
    n_jobs : int, optional
        Threads; None is 1, -1 all cores.

    References
    ----------
    Linden, Smith and York, "Amazon.com recommendations: item-to-item collaborative filtering", IEEE Internet
    Computing 7(1), 2003; Smith and Linden, "Two decades of recommender systems at Amazon.com", IEEE Internet
    Computing 21(3), 2017.
    """

    name: ClassVar[str] = "item-to-item"
    sparse_scores: ClassVar[bool] = True

    def __init__(
        self,
        *,
        relation: Relation = "surprise",
        n_related: int = 50,
        least_common: int = 2,
        discount: float = 0.2,
        columns: Columns = USUAL_COLUMNS,
        duplicates: Duplicates = "sum",
        n_jobs: int | None = None,
    ) -> None:
        if relation not in RELATIONS:
            raise UserError(
                f"ItemToItem: 'relation' must be one of {', '.join(RELATIONS)}. Got {relation!r}."
            )
        if n_related < 1 or least_common < 1 or not 0 <= discount <= 1:
            raise UserError(
                "ItemToItem: 'n_related' and 'least_common' must be 1 or more and 'discount' in [0, 1]. Got "
                f"{n_related}, {least_common} and {discount}."
            )
        self.relation: Relation = relation
        self.n_related, self.least_common, self.discount = n_related, least_common, discount
        self.columns, self.duplicates, self.n_jobs = columns, duplicates, n_jobs

    def _learn(self) -> None:
        self._turned = self.histories_.by_item()
        counts = np.diff(self._turned.offsets)
        self._chances = counts / max(1, int(counts.sum()))
        self._related_items, self._related_scores = self._rows_of(None)

    def _learn_again(self, users: Int32Array) -> None:
        grown = self.histories_.n_items - len(self._chances)
        least = 1 / max(1, len(self.histories_.items))
        self._chances = np.concatenate((self._chances, np.full(grown, least)))
        shape = self.histories_.n_items, self.histories_.n_users
        more = Histories.of_events(self.events_, shape[1], shape[0]).by_item()
        self._turned = self._turned.widened(*shape).merged(more, "sum")
        items, scores = self._related_items, self._related_scores
        empty = np.full((grown, self.n_related), -1, np.int32), np.zeros((grown, self.n_related), np.float32)
        items, scores = np.concatenate((items, empty[0])), np.concatenate((scores, empty[1]))
        rows = np.unique(self.histories_.take(users).items)
        items[rows], scores[rows] = self._rows_of(rows)
        self._related_items, self._related_scores = items, scores

    def _rows_of(self, rows: Int32Array | None) -> tuple[Int32Array, Float32Array]:
        return related_items(
            self.histories_.baskets_with(self._turned), self.relation, self.n_related, least_common=self.least_common,
            chances=self._chances, discount=self.discount, rows=rows, n_threads=self._threads(),
        )  # fmt: skip

    def _scores(self, askers: Askers) -> Float32Array:
        n_items = self.histories_.n_items
        found = np.zeros((len(askers), n_items), np.float32)
        for user in range(len(askers)):
            items, _ = askers.histories.of(user)
            related, scores = self._related_items[items].ravel(), self._related_scores[items].ravel()
            taken = related >= 0
            found[user] = np.bincount(related[taken], scores[taken], n_items)
        return found

    def _users_of_items(self) -> Histories:
        return self._turned

    def _related(self, item: int) -> Float32Array:
        scores = np.zeros(self.histories_.n_items, np.float32)
        taken = self._related_items[item] >= 0
        scores[self._related_items[item][taken]] = self._related_scores[item][taken]
        return scores

    def _contributions(self, items: Int32Array, weights: Float32Array, target: int) -> Float32Array:
        del weights
        return np.where(self._related_items[items] == target, self._related_scores[items], 0).sum(axis=1)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {
            "chances": self._chances,
            "related_items": self._related_items,
            "related_scores": self._related_scores,
        }

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._turned = self.histories_.by_item()
        self._chances = np.array(arrays["chances"])
        self._related_items = np.array(arrays["related_items"])
        self._related_scores = np.array(arrays["related_scores"])
        n_items = self.histories_.n_items
        if (
            self._related_items.shape != (n_items, self.n_related)
            or self._related_items.max(initial=-1) >= n_items
        ):
            raise ValueError("a table of related items that does not fit")
        if self._related_scores.shape != self._related_items.shape or self._chances.shape != (n_items,):
            raise ValueError("scores that do not fit the table of related items")
