"""What all indexes of items can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from pairloom.kernels.retrieval import EVERYTHING, Filter, Vectors

__all__ = ["Found", "ItemIndex", "Recall", "kept_recall", "measured_recall"]

Float32Array = npt.NDArray[np.float32]
Found = tuple[npt.NDArray[np.int32], Float32Array]
Arrays = Mapping[str, npt.NDArray[Any]]
RECALL_N = 100


@dataclass(frozen=True, slots=True)
class Recall:
    """How many of the items with the largest products an index finds.

    Parameters
    ----------
    value : float
        In [0, 1], the mean over queries.
    n : int
        Items asked for.
    n_queries : int
    """

    value: float
    n: int
    n_queries: int

    def __str__(self) -> str:
        return f"recall@{self.n} {self.value:.4f} on {self.n_queries:,} queries"


class ItemIndex(ABC):
    """Finds the items with the largest products with a query.

    Parameters
    ----------
    vectors : Vectors
        Of the items; kept, not copied.

    Attributes
    ----------
    recall : Recall or None
        Against the exact answer, measured when it was built; None where there were no queries to measure by.
    """

    name: ClassVar[str]

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors
        self.recall: Recall | None = None

    @abstractmethod
    def find(self, queries: Float32Array, n: int, among: Filter = EVERYTHING, *, n_threads: int = 1) -> Found:
        """Return the items with the largest products.

        Parameters
        ----------
        queries : ndarray of shape (n_queries, n_factors), float32
        n : int
        among : Filter
            What may be found, and what counts more.
        n_threads : int

        Returns
        -------
        (items, scores), each of shape (n_queries, min(n, n_items))
            Best first; places that are not needed hold item -1 and score 0.
        """

    def find_alike(
        self, queries: Float32Array, n: int, among: Filter = EVERYTHING, *, n_threads: int = 1
    ) -> Found:
        """Return the items with the largest cosines, exactly; parameters and answer as of `find`."""
        return self.vectors.best(queries, n, cosine=True, among=among, n_threads=n_threads)

    @abstractmethod
    def grown(self, vectors: Vectors, *, n_threads: int = 1) -> Self | None:
        """Return one of vectors that begin with these, or None where it must be built anew; this one stays."""

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what a model file keeps besides the vectors."""
        if self.recall is None:
            return {}
        return {"recall": np.array([self.recall.value, self.recall.n, self.recall.n_queries], np.float64)}

    @classmethod
    @abstractmethod
    def from_arrays(cls, vectors: Vectors, arrays: Arrays, *, n_threads: int = 1) -> Self:
        """Undo `to_arrays`; KeyError or ValueError for arrays that it never returned."""

    def __repr__(self) -> str:
        n_items, n_factors = self.vectors.vectors.shape
        told = "" if self.recall is None else f", {self.recall}"
        return f"{type(self).__name__}({n_items:,} items x {n_factors}{told})"


def kept_recall(arrays: Arrays) -> Recall | None:
    """Read a recall from `ItemIndex.to_arrays`; ValueError for what it never returned."""
    kept = arrays.get("recall")
    if kept is None:
        return None
    if kept.shape != (3,) or not np.isfinite(kept).all():
        raise ValueError("a recall that is no numbers")
    return Recall(float(kept[0]), int(kept[1]), int(kept[2]))


def measured_recall(index: ItemIndex, queries: Float32Array, *, n_threads: int = 1) -> Recall | None:
    """Compare what an index finds for some queries with the exact answer; None without queries or items."""
    n = min(RECALL_N, index.vectors.n_items)
    if not n or not len(queries):
        return None
    right, _ = index.vectors.best(queries, n, n_threads=n_threads)
    found, _ = index.find(queries, n, n_threads=n_threads)
    shared = [len(np.intersect1d(a, b)) for a, b in zip(right, found, strict=True)]
    return Recall(float(np.mean(shared)) / n, n, len(queries))
