"""Sparse rows of features, and the few operations that models of attributes need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["SparseRows", "spread"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SparseRows:
    """Rows of which only some features are not 0; features ascend within a row.

    Parameters
    ----------
    offsets : ndarray of shape (n_rows + 1,), int64
    features : ndarray of shape (n_entries,), int32
        Row i has ``features[offsets[i]:offsets[i + 1]]``.
    values : ndarray of shape (n_entries,), float32
    n_features : int
    """

    offsets: Int64Array
    features: Int32Array
    values: Float32Array
    n_features: int

    @classmethod
    def of_entries(
        cls,
        rows: npt.NDArray[np.integer],
        features: npt.NDArray[np.integer],
        values: npt.NDArray[np.floating],
        shape: tuple[int, int],
    ) -> SparseRows:
        """Gather entries in any order; values of one place add up."""
        n_rows, n_features = shape
        width = max(1, n_features)
        keys, places = np.unique(rows.astype(np.int64) * width + features, return_inverse=True)
        summed = np.bincount(places, values, len(keys)).astype(np.float32)
        offsets = np.zeros(n_rows + 1, np.int64)
        np.cumsum(np.bincount(keys // width, minlength=n_rows), out=offsets[1:])
        return cls(offsets, (keys % width).astype(np.int32), summed, n_features)

    @classmethod
    def empty(cls, n_rows: int) -> SparseRows:
        """Rows without a feature."""
        return cls(np.zeros(n_rows + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), 0)

    @classmethod
    def beside(cls, parts: Sequence[SparseRows], n_rows: int) -> SparseRows:
        """Put the features of several next to one another."""
        if not parts:
            return cls.empty(n_rows)
        starts = np.cumsum([0, *(part.n_features for part in parts)])
        return cls.of_entries(
            np.concatenate([part.owners() for part in parts]),
            np.concatenate(
                [part.features + np.int64(start) for part, start in zip(parts, starts, strict=False)]
            ),
            np.concatenate([part.values for part in parts]),
            (n_rows, int(starts[-1])),
        )

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.offsets) - 1

    def owners(self) -> Int64Array:
        """Row of each entry."""
        return np.repeat(np.arange(self.n_rows), np.diff(self.offsets))

    def counts(self) -> Int64Array:
        """Rows that have each feature, of shape (n_features,)."""
        return np.bincount(self.features, minlength=self.n_features).astype(np.int64)

    def scaled(self, factors: npt.NDArray[np.floating]) -> SparseRows:
        """Multiply each feature by a factor, of shape (n_features,)."""
        values = (self.values * factors[self.features]).astype(np.float32)
        return SparseRows(self.offsets, self.features, values, self.n_features)

    def normalized(self) -> SparseRows:
        """Bring every row that is not 0 to length 1."""
        owners = self.owners()
        lengths = np.sqrt(np.bincount(owners, np.square(self.values, dtype=np.float64), self.n_rows))
        values = (self.values / np.where(lengths > 0, lengths, 1)[owners]).astype(np.float32)
        return SparseRows(self.offsets, self.features, values, self.n_features)

    def without(self, dropped: npt.NDArray[np.bool_]) -> SparseRows:
        """Leave out some features and number the others anew."""
        numbers = np.cumsum(~dropped, dtype=np.int64) - 1
        kept = ~dropped[self.features]
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(kept, dtype=np.int64)))[self.offsets]
        features = numbers[self.features[kept]].astype(np.int32)
        return SparseRows(offsets, features, self.values[kept], int((~dropped).sum()))

    def take(self, rows: npt.NDArray[np.integer]) -> SparseRows:
        """Return some rows, in this order."""
        offsets, places = spread(self.offsets[rows], np.diff(self.offsets)[rows])
        return SparseRows(offsets, self.features[places], self.values[places], self.n_features)

    def widened(self, n_rows: int) -> SparseRows:
        """Return them with room for more rows, which are 0."""
        more = np.full(n_rows - self.n_rows, self.offsets[-1], np.int64)
        return SparseRows(np.concatenate((self.offsets, more)), self.features, self.values, self.n_features)

    def turned(self) -> SparseRows:
        """Return rows as features and features as rows."""
        order = np.argsort(self.features, kind="stable")
        offsets = np.zeros(self.n_features + 1, np.int64)
        np.cumsum(self.counts(), out=offsets[1:])
        return SparseRows(
            offsets, self.owners()[order].astype(np.int32), self.values[order], max(1, self.n_rows)
        )

    def dense(self) -> Float32Array:
        """Return them with every 0, of shape (n_rows, n_features)."""
        rows = np.zeros((self.n_rows, self.n_features), np.float32)
        rows[self.owners(), self.features] = self.values
        return rows


def spread(begins: npt.NDArray[Any], lengths: npt.NDArray[Any]) -> tuple[Int64Array, Int64Array]:
    """Return where runs of given begins and lengths lie end to end, and the places they are made of."""
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)))
    return offsets, np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
