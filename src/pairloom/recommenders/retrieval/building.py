"""Indexes by name: building them, growing them with a model, reading them from its file."""

from __future__ import annotations

from typing import Literal

from pairloom.errors import UserError
from pairloom.kernels.retrieval import Vectors
from pairloom.recommenders.retrieval.exact import ExactIndex
from pairloom.recommenders.retrieval.int8 import Int8Index
from pairloom.recommenders.retrieval.item_index import (
    Arrays,
    Float32Array,
    ItemIndex,
    kept_recall,
    measured_recall,
)
from pairloom.recommenders.retrieval.neighbour_graph import NeighbourGraph

__all__ = ["RETRIEVALS", "Retrieval", "build_index", "checked_retrieval", "restore_index"]

Retrieval = Literal["exact", "int8", "ann"]
RETRIEVALS: tuple[Retrieval, ...] = ("exact", "int8", "ann")


def checked_retrieval(name: str) -> Retrieval:
    """Return a name of an index; UserError for one that there is not."""
    for known in RETRIEVALS:
        if name == known:
            return known
    raise UserError(f"Recommender: 'retrieval' must be one of {', '.join(RETRIEVALS)}. Got {name!r}.")


def build_index(
    name: Retrieval,
    vectors: Float32Array,
    queries: Float32Array,
    *,
    before: ItemIndex | None = None,
    n_threads: int = 1,
) -> ItemIndex:
    """Build an index of items, or grow the one from before, and measure its recall.

    Parameters
    ----------
    name : {"exact", "int8", "ann"}
    vectors : ndarray of shape (n_items, n_factors), float32
    queries : ndarray of shape (n_queries, n_factors), float32
        Such as will be asked; some hundred are enough.
    before : ItemIndex, optional
        Of the model before an update: kept if its vectors are these, grown if they begin with them.
    n_threads : int

    Raises
    ------
    UserError
        For vectors that are no numbers, and an unknown name.
    MissingExtraError
        For "ann" without faiss.
    """
    known = checked_retrieval(name)
    if before is not None and before.name == known:
        if before.vectors.vectors is vectors:
            return before
        grown = None
        if before.vectors.n_items <= len(vectors) and before.vectors.vectors.shape[1] == vectors.shape[1]:
            grown = before.grown(Vectors(vectors), n_threads=n_threads)
        if grown is not None:
            return grown
    checked = Vectors(vectors)
    if known == "ann":
        return NeighbourGraph.build(checked, queries, n_threads=n_threads)
    index = ExactIndex(checked) if known == "exact" else Int8Index(checked, n_threads=n_threads)
    index.recall = measured_recall(index, queries, n_threads=n_threads)
    return index


def restore_index(name: Retrieval, vectors: Float32Array, arrays: Arrays, *, n_threads: int = 1) -> ItemIndex:
    """Read an index from the arrays that `ItemIndex.to_arrays` gave; KeyError or ValueError for others."""
    kinds: dict[Retrieval, type[ItemIndex]] = {"exact": ExactIndex, "int8": Int8Index, "ann": NeighbourGraph}
    index = kinds[checked_retrieval(name)].from_arrays(Vectors(vectors), arrays, n_threads=n_threads)
    index.recall = kept_recall(arrays)
    return index
