"""Items by features, in fields; how like one another they are is a sum of one cosine a field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pairloom.recommenders.fields.sparse_rows import SparseRows, spread
from pairloom.recommenders.history_means import mean_rows, shares_of
from pairloom.recommenders.interactions import Histories

__all__ = ["ItemMatrix"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Int32Array = npt.NDArray[np.int32]
BLOCK_CELLS = 1 << 22
COMMON_SHARE, MOST_COMMON = 16, 64
"""Features that more than a sixteenth of the items have, 64 of them at most, are multiplied as a dense matrix."""


@dataclass(frozen=True)
class ItemMatrix:
    """What items are: rows of length 1, or 0, in each field.

    Parameters
    ----------
    rows : SparseRows of shape (n_items, n_features)
        The fields of categories, numbers and words side by side.
    field_of : ndarray of shape (n_features,), int32
        Field of each feature.
    vectors : mapping of int to ndarray of shape (n_items, n_columns), float32
        The fields of vectors, by field.
    n_fields : int
    """

    rows: SparseRows
    field_of: Int32Array
    vectors: dict[int, Float32Array]
    n_fields: int

    @property
    def n_items(self) -> int:
        """Number of items."""
        return self.rows.n_rows

    @cached_property
    def _common(self) -> Int32Array:
        counts = self.rows.counts()
        common = np.flatnonzero(counts > self.n_items / COMMON_SHARE)
        return np.sort(common[np.argsort(-counts[common], kind="stable")[:MOST_COMMON]]).astype(np.int32)

    @cached_property
    def _common_rows(self) -> Float32Array:
        dropped = np.ones(self.rows.n_features, np.bool_)
        dropped[self._common] = False
        return self.rows.without(dropped).dense()

    @cached_property
    def _is_rare(self) -> npt.NDArray[np.bool_]:
        rare = np.ones(self.rows.n_features, np.bool_)
        rare[self._common] = False
        return rare

    @cached_property
    def _items_of(self) -> SparseRows:
        return self.rows.turned()

    def has_any(self) -> npt.NDArray[np.bool_]:
        """Tell which items have any attribute."""
        has = np.diff(self.rows.offsets) > 0
        for vectors in self.vectors.values():
            has |= vectors.any(axis=1)
        return has

    def scores(self, histories: Histories, weights: Float64Array) -> Float32Array:
        """Return the weighted sum over fields of each item's mean cosine with a history: (n_histories, n_items)."""
        scores = np.zeros((histories.n_users, self.n_items), np.float32)
        factors = weights[self.field_of].astype(np.float32)
        for part, profiles in self._profiles(histories):
            weighted = profiles * factors
            scores[part] = weighted[:, self._common] @ self._common_rows.T
            self._add_rare(scores[part], weighted)
        for field, vectors in self.vectors.items():
            profile = mean_rows(histories, vectors)
            scores += (profile * np.float32(weights[field])) @ vectors.T
        return scores

    def _add_rare(self, scores: Float32Array, profiles: Float32Array) -> None:
        """Add what features that few items have contribute, by their lists of items."""
        owners, features = np.nonzero(profiles * self._is_rare)
        postings = self._items_of
        _, places = spread(postings.offsets[features], np.diff(postings.offsets)[features])
        lengths = np.diff(postings.offsets)[features]
        if len(places):
            amounts = np.repeat(profiles[owners, features], lengths) * postings.values[places]
            cells = np.repeat(owners * self.n_items, lengths) + postings.features[places]
            scores += np.bincount(cells, amounts, scores.size).reshape(scores.shape).astype(np.float32)

    def _profiles(self, histories: Histories) -> Iterator[tuple[slice, Float32Array]]:
        """Yield the mean row of histories, block by block, as dense rows."""
        rows = self.rows
        size = max(1, BLOCK_CELLS // max(1, rows.n_features, self.n_items))
        for begin in range(0, histories.n_users, size):
            users = np.arange(begin, min(begin + size, histories.n_users))
            block = histories.take(users)
            entries = rows.take(block.items)
            lengths = np.diff(entries.offsets)
            cells = np.repeat(block.owners().astype(np.int64) * rows.n_features, lengths) + entries.features
            amounts = entries.values * np.repeat(shares_of(block), lengths)
            flat = np.bincount(cells, amounts, len(users) * rows.n_features)
            yield slice(begin, begin + len(users)), flat.reshape(len(users), -1).astype(np.float32)

    def by_field(self, histories: Histories, candidates: npt.NDArray[np.integer]) -> Float64Array:
        """Return the mean cosine of each history with some items, field by field.

        Parameters
        ----------
        histories : Histories
        candidates : ndarray of int of shape (n_histories, n_candidates)

        Returns
        -------
        ndarray of shape (n_histories, n_candidates, n_fields), float64
        """
        found = np.zeros((*candidates.shape, self.n_fields))
        n_candidates = candidates.shape[1]
        for part, profiles in self._profiles(histories):
            entries = self.rows.take(candidates[part].ravel())
            pairs = entries.owners()
            products = entries.values * profiles[pairs // n_candidates, entries.features]
            cells = pairs * self.n_fields + self.field_of[entries.features]
            flat = np.bincount(cells, products, found[part].size)
            found[part] = flat.reshape(found[part].shape)
        for field, vectors in self.vectors.items():
            profile = mean_rows(histories, vectors)
            found[..., field] = np.einsum("ud,ucd->uc", profile, vectors[candidates])
        return found

    def likeness(self, items: npt.NDArray[np.integer], target: int, weights: Float64Array) -> Float32Array:
        """Return the weighted sum of cosines of some items with one, of shape (n_items,)."""
        factors = weights[self.field_of].astype(np.float32)
        wanted = self.rows.take(np.array([target])).scaled(factors).dense()[0]
        entries = self.rows.take(items)
        sums = np.bincount(entries.owners(), entries.values * wanted[entries.features], len(items))
        for field, vectors in self.vectors.items():
            sums = sums + weights[field] * (vectors[items] @ vectors[target])
        return sums.astype(np.float32)

    def widened(self, n_items: int) -> ItemMatrix:
        """Return it with room for more items, of which nothing is known."""
        vectors = {
            field: np.pad(rows, ((0, n_items - len(rows)), (0, 0))) for field, rows in self.vectors.items()
        }
        return ItemMatrix(self.rows.widened(n_items), self.field_of, vectors, self.n_fields)
