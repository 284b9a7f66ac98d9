"""The exact answer from the vectors themselves."""

from __future__ import annotations

from typing import ClassVar, Self

from pairloom.kernels.retrieval import EVERYTHING, Filter, Vectors
from pairloom.recommenders.retrieval.item_index import Arrays, Float32Array, Found, ItemIndex

__all__ = ["ExactIndex"]


class ExactIndex(ItemIndex):
    """Reads all vectors for each request, or once for some hundred of them.

    Nothing is built and nothing kept besides the vectors. Time grows with items times factors; one request waits for
    memory, 4 bytes a number.
    """

    name: ClassVar[str] = "exact"

    def find(self, queries: Float32Array, n: int, among: Filter = EVERYTHING, *, n_threads: int = 1) -> Found:
        """Return the items with the largest products; see `ItemIndex.find`."""
        return self.vectors.best(queries, n, among=among, n_threads=n_threads)

    def grown(self, vectors: Vectors, *, n_threads: int = 1) -> Self:
        """Return one of other vectors."""
        del n_threads
        other = type(self)(vectors)
        other.recall = self.recall
        return other

    @classmethod
    def from_arrays(cls, vectors: Vectors, arrays: Arrays, *, n_threads: int = 1) -> Self:
        """Return one of these vectors; there is nothing else to it."""
        del arrays, n_threads
        return cls(vectors)
