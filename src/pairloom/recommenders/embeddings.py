"""Recommenders whose scores are products of one vector of the asker and one of each item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.kernels.retrieval import Filter
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.recommender import Recommender
from pairloom.recommenders.retrieval import ItemIndex, Retrieval, build_index, restore_index

__all__ = ["EmbeddingRecommender"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
MEASURED_USERS = 200
ASKERS_AT_ONCE = 4096


class EmbeddingRecommender(Recommender):
    """Base of the recommenders that put askers and items into one space; not public by itself.

    Attributes
    ----------
    index_ : ItemIndex
        What finds the items; its `recall` was measured on some of the users when it was built.
    """

    bias_columns: ClassVar[int] = 0
    """Last columns of the items' vectors that stand for how good an item is by itself, not for what it is like."""

    retrieval: Retrieval = "exact"
    """How items are found: exactly, exactly from 8-bit codes, or nearly through a graph of neighbours."""

    index_: ItemIndex
    _item_vectors: Float32Array
    """Of shape (n_items, n_columns)."""

    def _queries(self, askers: Askers) -> Float32Array:
        """Return the vector of each asker, of shape (n_askers, n_columns)."""
        raise NotImplementedError

    def _prepare(self, arrays: Mapping[str, npt.NDArray[Any]] | None = None) -> None:
        vectors = self._item_vectors = np.ascontiguousarray(self._item_vectors, np.float32)
        threads = self._threads()
        if arrays is not None:
            self.index_ = restore_index(self.retrieval, vectors, arrays, n_threads=threads)
            return
        before = self.__dict__.get("index_")
        if before is None or before.vectors.vectors is not vectors or before.name != self.retrieval:
            self.index_ = build_index(
                self.retrieval, vectors, self._some_queries(), before=before, n_threads=threads
            )

    def _prepared_arrays(self) -> dict[str, npt.NDArray[Any]]:
        return self.index_.to_arrays()

    def _some_queries(self) -> Float32Array:
        """Vectors of some users, to measure an index by."""
        n_users = self.histories_.n_users
        chosen = np.random.default_rng(0).choice(n_users, min(n_users, MEASURED_USERS), replace=False)
        users = np.sort(chosen).astype(np.int32)
        askers = Askers(self.histories_.take(users), users)
        return self._vectors_of(askers)[self._knows(askers)]

    def _vectors_of(self, askers: Askers) -> Float32Array:
        return np.ascontiguousarray(self._queries(askers), np.float32)

    def _scores(self, askers: Askers) -> Float32Array:
        return self._queries(askers) @ self._item_vectors.T

    def _askers_at_once(self) -> int:
        return ASKERS_AT_ONCE

    def _best(
        self,
        askers: Askers,
        n: int,
        refused: npt.NDArray[np.bool_] | None,
        factors: Float32Array | None,
        *,
        seen: bool,
    ) -> tuple[Int32Array, Float32Array]:
        histories = askers.histories
        among = Filter(
            refused, None if seen else histories.offsets, None if seen else histories.items, factors
        )
        items, scores = self.index_.find(self._vectors_of(askers), n, among, n_threads=self._threads())
        unknown = np.flatnonzero(~self._knows(askers))
        if len(unknown):
            popular = np.tile(self._popular(), (len(unknown), 1))
            items[unknown], scores[unknown] = self._chosen(
                popular, histories.take(unknown), items.shape[1], refused, factors, seen=seen
            )
        return items, scores

    def _related(self, item: int) -> Float32Array:
        """Cosines of the items' vectors."""
        vectors = self._likeness()
        lengths = np.linalg.norm(vectors, axis=1)
        products = vectors @ vectors[item]
        return np.divide(products, lengths * lengths[item], out=np.zeros_like(products), where=products != 0)

    def _likeness(self) -> Float32Array:
        return self._item_vectors[:, : self._item_vectors.shape[1] - self.bias_columns]

    def _most_related(self, item: int, n: int) -> tuple[Int32Array, Float32Array]:
        if self.bias_columns:
            return super()._most_related(item, n)
        itself = Filter(None, np.array([0, 1], np.int64), np.array([item], np.int32))
        query = self._item_vectors[item : item + 1]
        items, cosines = self.index_.find_alike(query, n, itself, n_threads=self._threads())
        return items[0], cosines[0]

    def __repr__(self) -> str:
        if not hasattr(self, "index_"):
            return f"{type(self).__name__}(retrieval={self.retrieval!r})"
        return f"{type(self).__name__}({self.histories_.n_users:,} users, {self.index_!r})"
