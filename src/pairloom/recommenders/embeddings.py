"""Recommenders whose scores are products of one vector of the asker and one of each item."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.recommenders.askers import Askers
from pairloom.recommenders.recommender import Recommender

__all__ = ["EmbeddingRecommender"]

Float32Array = npt.NDArray[np.float32]


class EmbeddingRecommender(Recommender):
    """Base of the recommenders that put askers and items into one space; not public by itself."""

    bias_columns: ClassVar[int] = 0
    """Last columns of the items' vectors that stand for how good an item is by itself, not for what it is like."""

    _item_vectors: Float32Array
    """Of shape (n_items, n_columns)."""

    def _queries(self, askers: Askers) -> Float32Array:
        """Return the vector of each asker, of shape (n_askers, n_columns)."""
        raise NotImplementedError

    def _scores(self, askers: Askers) -> Float32Array:
        return self._queries(askers) @ self._item_vectors.T

    def _related(self, item: int) -> Float32Array:
        """Cosines of the items' vectors."""
        vectors = self._item_vectors[:, : self._item_vectors.shape[1] - self.bias_columns]
        lengths = np.linalg.norm(vectors, axis=1)
        products = vectors @ vectors[item]
        return np.divide(products, lengths * lengths[item], out=np.zeros_like(products), where=products != 0)
