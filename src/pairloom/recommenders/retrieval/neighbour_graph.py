"""Nearly the exact answer, from a walk through a graph of neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from pairloom.errors import MissingExtraError
from pairloom.kernels.related_items import best_items
from pairloom.kernels.retrieval import EVERYTHING, Filter, Vectors
from pairloom.recommenders.retrieval.item_index import (
    Arrays,
    Float32Array,
    Found,
    ItemIndex,
    measured_recall,
)

__all__ = ["NeighbourGraph"]

N_NEIGHBOURS, BUILD_WIDTH = 32, 120
WIDTHS = (64, 128, 256, 512, 1024)
CAPS = (0.9, 1.0, 0.99)
WANTED_RECALL = 0.98
LINKS = ("levels", "offsets", "neighbors")
LEAST_SHARE = 0.25
"""Where fewer items are allowed, a walk meets too few of them: they are scanned."""
LARGEST_TAIL = 0.1
CHECKED_AT_ONCE = 1 << 16


class NeighbourGraph(ItemIndex):
    """Walks from item to neighbouring item towards larger products: a hierarchical small world by faiss.

    For catalogues of a million items and more: a request takes a fraction of a millisecond, and grows with the
    logarithm of the items. The graph takes some 270 bytes an item besides the vectors, and building one minutes of a
    processor for a million items; with several threads, two buildings differ. It is kept in the model file, as plain
    arrays.

    Neighbours are those at the least distance after an extra coordinate has made all vectors equally long, so that a
    product and a distance rank alike. Where a few vectors are much longer than the rest, that coordinate is nearly all
    there is to the others, so lengths are capped first, at a quantile; where no graph of a capped kind finds 98 % of
    the right items, another cap is tried, and the graph that finds most is taken. The width of a walk is the least
    that finds 98 %.

    Items that came after it was built are scanned besides. A request is answered by an exact scan where it boosts
    items, allows less than a quarter of them, or the walk found too few.

    Parameters
    ----------
    vectors : Vectors
    cap : float
        Quantile of the lengths that longer vectors are shortened to for the choice of neighbours.
    n_threads : int

    Raises
    ------
    MissingExtraError
        Without faiss.

    References
    ----------
    Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small
    world graphs", TPAMI 2020; Bachrach et al., "Speeding up the Xbox recommender system using a Euclidean
    transformation for inner-product spaces", RecSys 2014, for the extra coordinate.
    """

    name: ClassVar[str] = "ann"

    def __init__(self, vectors: Vectors, *, cap: float = CAPS[0], n_threads: int = 1) -> None:
        faiss = _faiss()
        super().__init__(vectors)
        self.n_walked = vectors.n_items
        self.width = WIDTHS[0]
        self._graph = _empty(vectors.vectors.shape[1])
        if not vectors.n_items:
            return
        evened = _evened(vectors.vectors, cap)
        near = faiss.IndexHNSWFlat(evened.shape[1], N_NEIGHBOURS, faiss.METRIC_L2)
        near.hnsw.efConstruction = BUILD_WIDTH
        faiss.omp_set_num_threads(n_threads)
        near.add(evened)
        _link(
            self._graph, vectors.vectors, *(faiss.vector_to_array(getattr(near.hnsw, name)) for name in LINKS)
        )
        self._graph.hnsw.entry_point, self._graph.hnsw.max_level = near.hnsw.entry_point, near.hnsw.max_level

    @classmethod
    def build(cls, vectors: Vectors, queries: Float32Array, *, n_threads: int = 1) -> Self:
        """Return the first graph that finds what is wanted for these queries, or else the one that finds most."""
        best: Self | None = None
        for cap in CAPS:
            graph = cls(vectors, cap=cap, n_threads=n_threads)
            graph.choose_width(queries, n_threads=n_threads)
            if graph.recall is None or graph.recall.value >= WANTED_RECALL:
                return graph
            if best is None or best.recall is None or graph.recall.value > best.recall.value:
                best = graph
        assert best is not None
        return best

    def choose_width(self, queries: Float32Array, *, n_threads: int = 1) -> None:
        """Take the least width that finds what is wanted for these queries, or the largest there is."""
        for width in WIDTHS:
            self.width = width
            self.recall = measured_recall(self, queries, n_threads=n_threads)
            if self.recall is None or self.recall.value >= WANTED_RECALL:
                return

    def find(self, queries: Float32Array, n: int, among: Filter = EVERYTHING, *, n_threads: int = 1) -> Found:
        """Return items with the largest products; see `ItemIndex.find`."""
        n_items = self.vectors.n_items
        n_allowed = n_items if among.refused is None else int(n_items - among.refused.sum())
        n_seen = _seen_lengths(among, len(queries))
        wanted = min(n, n_items) + int(n_seen.max(initial=0))
        scan = among.boosts is not None or n_allowed < LEAST_SHARE * n_items or wanted > WIDTHS[-1]
        if scan or not len(queries) or not self.n_walked:
            return self.vectors.best(queries, n, among=among, n_threads=n_threads)
        items, scores = self._walk(queries, wanted, among, n_threads)
        if self.n_walked < n_items:
            tail = np.arange(self.n_walked, n_items)
            items = np.concatenate((items, np.tile(tail, (len(queries), 1))), axis=1)
            scores = np.concatenate((scores, queries @ self.vectors.vectors[self.n_walked :].T), axis=1)
        scores[items < 0] = -np.inf
        self._refuse(items, scores, among)
        order = np.argsort(items, axis=1, kind="stable")
        items, scores = np.take_along_axis(items, order, 1), np.take_along_axis(scores, order, 1)
        places, found_scores = best_items(scores, min(n, n_items), n_threads=n_threads)
        found = np.where(places < 0, -1, np.take_along_axis(items, np.maximum(places, 0), 1)).astype(np.int32)
        short = np.flatnonzero((found >= 0).sum(axis=1) < np.minimum(n, n_allowed - n_seen))
        for query in short.tolist():
            own = _of_query(among, query)
            found[query : query + 1], found_scores[query : query + 1] = self.vectors.best(
                queries[query : query + 1], n, among=own, n_threads=n_threads
            )
        return found, found_scores

    def _walk(
        self, queries: Float32Array, n: int, among: Filter, n_threads: int
    ) -> tuple[npt.NDArray[np.int64], Float32Array]:
        faiss = _faiss()
        selector = None
        if among.refused is not None:
            bits = np.packbits(~among.refused[: self.n_walked], bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
        faiss.omp_set_num_threads(min(n_threads, len(queries)))
        asked = faiss.SearchParametersHNSW(efSearch=max(self.width, n), sel=selector)
        scores, items = self._graph.search(queries, min(n, self.n_walked), params=asked)
        return items, scores

    def _refuse(self, items: npt.NDArray[np.int64], scores: Float32Array, among: Filter) -> None:
        if among.refused is not None:
            scores[among.refused[np.maximum(items, 0)]] = -np.inf
        if among.seen_offsets is not None and among.seen_items is not None:
            for query, (begin, end) in enumerate(
                zip(among.seen_offsets, among.seen_offsets[1:], strict=False)
            ):
                scores[query, np.isin(items[query], among.seen_items[begin:end])] = -np.inf

    def grown(self, vectors: Vectors, *, n_threads: int = 1) -> Self | None:
        """Return one that scans what is new, or None when that became too much or an old vector changed."""
        del n_threads
        old = self.vectors.vectors[: self.n_walked]
        if vectors.n_items - self.n_walked > LARGEST_TAIL * self.n_walked:
            return None
        if not np.array_equal(vectors.vectors[: self.n_walked], old):
            return None
        other = object.__new__(type(self))
        vars(other).update(vars(self), vectors=vectors)
        return other

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the graph: levels of items, where their neighbours begin, neighbours, and the entrance."""
        faiss, links = _faiss(), self._graph.hnsw
        return super().to_arrays() | {
            "levels": faiss.vector_to_array(links.levels),
            "offsets": faiss.vector_to_array(links.offsets).astype(np.int64),
            "neighbours": faiss.vector_to_array(links.neighbors),
            "entrance": np.array([links.entry_point, links.max_level, self.width], np.int64),
        }

    @classmethod
    def from_arrays(cls, vectors: Vectors, arrays: Arrays, *, n_threads: int = 1) -> Self:
        """Put a graph together again; ValueError for one that a walk would fall out of."""
        del n_threads
        faiss = _faiss()
        made = object.__new__(cls)
        ItemIndex.__init__(made, vectors)
        made._graph = _empty(vectors.vectors.shape[1])
        links = made._graph.hnsw
        most_levels = len(faiss.vector_to_array(links.cum_nneighbor_per_level)) - 1
        levels, offsets, neighbours, (entrance, highest, width) = _checked(
            arrays, vectors.n_items, most_levels
        )
        _link(made._graph, vectors.vectors[: len(levels)], levels, offsets.astype(np.uint64), neighbours)
        made.n_walked = len(levels)
        links.entry_point, links.max_level = entrance, highest
        made.width = width
        return made


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("Retrieval 'ann'", "ann") from error
    return faiss


def _empty(n_factors: int) -> Any:
    faiss = _faiss()
    return faiss.IndexHNSWFlat(n_factors, N_NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)


def _evened(vectors: Float32Array, cap: float) -> Float32Array:
    """Make vectors equally long: shorten those above a quantile of the lengths, and extend all by one coordinate."""
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    most = np.quantile(squares, cap)
    shrink = np.sqrt(np.minimum(1, most / np.maximum(squares, np.finfo(np.float64).tiny)))
    evened = np.empty((len(vectors), vectors.shape[1] + 1), np.float32)
    np.multiply(vectors, shrink[:, None], out=evened[:, :-1], casting="same_kind")
    evened[:, -1] = np.sqrt(np.maximum(most - squares, 0))
    return evened


def _link(
    graph: Any,
    vectors: Float32Array,
    levels: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.uint64],
    neighbours: npt.NDArray[np.int32],
) -> None:
    """Give an empty graph its items and links, whatever they were chosen by."""
    faiss = _faiss()
    graph.storage.add(vectors)
    graph.ntotal = len(vectors)
    for name, array in zip(LINKS, (levels, offsets, neighbours), strict=True):
        faiss.copy_array_to_vector(array, getattr(graph.hnsw, name))


def _room(levels: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Places for neighbours of items that stand on so many levels: twice as many on the lowest."""
    return N_NEIGHBOURS * (levels.astype(np.int64) + 1)


def _checked(
    arrays: Mapping[str, npt.NDArray[Any]], n_items: int, most_levels: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int32], tuple[int, int, int]]:
    levels, offsets, neighbours = (np.array(arrays[name]) for name in ("levels", "offsets", "neighbours"))
    types = levels.dtype == np.int32, offsets.dtype == np.int64, neighbours.dtype == np.int32
    if not all(types) or levels.ndim != 1 or len(levels) > n_items or arrays["entrance"].shape != (3,):
        raise ValueError("a graph of neighbours that does not fit the items")
    entrance, highest, width = (int(value) for value in arrays["entrance"])
    if not 1 <= width <= WIDTHS[-1]:
        raise ValueError("a graph of neighbours with a wrong width")
    if not len(levels):
        if entrance != -1 or len(neighbours):
            raise ValueError("a graph of neighbours without items")
        return levels, np.zeros(1, np.int64), neighbours, (-1, -1, width)
    right = np.concatenate((np.zeros(1, np.int64), np.cumsum(_room(levels))))
    sound = (
        levels.min() >= 1
        and levels.max() <= most_levels
        and np.array_equal(offsets, right)
        and neighbours.shape == (int(right[-1]),)
        and neighbours.min() >= -1
        and neighbours.max() < len(levels)
        and 0 <= entrance < len(levels)
        and highest == int(levels[entrance]) - 1
    )
    if not sound or not _linked_on_their_levels(levels, offsets, neighbours):
        raise ValueError("a graph of neighbours that leads out of the items")
    return levels, offsets, neighbours, (entrance, highest, width)


def _linked_on_their_levels(
    levels: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], neighbours: npt.NDArray[np.int32]
) -> bool:
    """Whether every neighbour on a level stands on that level too."""
    for first in range(0, len(levels), CHECKED_AT_ONCE):
        part = slice(int(offsets[first]), int(offsets[min(first + CHECKED_AT_ONCE, len(levels))]))
        begins = np.repeat(offsets[first:-1][:CHECKED_AT_ONCE], _room(levels[first:][:CHECKED_AT_ONCE]))
        level = (np.arange(part.start, part.stop) - begins) // N_NEIGHBOURS - 1
        linked = neighbours[part] >= 0
        if (levels[neighbours[part][linked]] <= level[linked]).any():
            return False
    return True


def _seen_lengths(among: Filter, n_queries: int) -> npt.NDArray[np.int64]:
    return np.zeros(n_queries, np.int64) if among.seen_offsets is None else np.diff(among.seen_offsets)


def _of_query(among: Filter, query: int) -> Filter:
    if among.seen_offsets is None or among.seen_items is None:
        return among
    seen = among.seen_items[among.seen_offsets[query] : among.seen_offsets[query + 1]]
    return Filter(among.refused, np.array([0, len(seen)], np.int64), seen, among.boosts)
