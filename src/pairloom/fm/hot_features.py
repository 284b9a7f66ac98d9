"""The features that every thread would write, numbered first: each thread keeps a copy of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.fm.chunks import Chunk, PackedPairs
from pairloom.fm.data import TrainingData
from pairloom.fm.settings import FMSettings
from pairloom.kernels import _native

__all__ = ["HotFeatures"]

MOST_HOT = 1024
HOT_SHARE = 1 / 2048
"""A feature is hot when it occurs in more than this share of the rows."""


@dataclass(frozen=True, slots=True)
class HotFeatures:
    """Pairs of features that trade places, so that the hot ones come first.

    Parameters
    ----------
    n_hot : int
    left, right : ndarrays of shape (n_swaps,), int64
        Feature ``left[i]`` is numbered ``right[i]`` while training, and the reverse.
    """

    n_hot: int
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return self.n_hot

    @classmethod
    def choose(cls, data: TrainingData, n_features: int, settings: FMSettings) -> HotFeatures:
        """Find the hot features of kept rows; none where one thread trains or rows share nothing."""
        shared = [chunk for chunk in data.kept if chunk.tiles is None]
        none = np.empty(0, np.int64)
        if settings.n_threads == 1 or settings.deterministic or settings.solver == "adam" or not shared:
            return cls(0, none, none)
        counts = np.zeros(n_features, np.int64)
        for chunk in shared:
            _native.count_features(chunk.indices, counts)
        candidates = np.flatnonzero(counts > HOT_SHARE * data.n_rows)
        hot = candidates[np.argsort(-counts[candidates], kind="stable")][:MOST_HOT]
        places = np.arange(len(hot))
        return cls(len(hot), np.setdiff1d(hot, places), np.setdiff1d(places, hot))

    def swap(self, table: npt.NDArray[np.float32], chunks: list[Chunk]) -> None:
        """Renumber the features of a table and of the rows of chunks."""
        if not len(self.left):
            return
        number = np.arange(len(table), dtype=np.int32)
        number[self.left], number[self.right] = self.right, self.left
        for chunk in chunks:
            if not isinstance(chunk.data, PackedPairs):
                inside = chunk.indices < len(table)
                if inside.all():
                    _native.relabel(chunk.indices, number)
                else:
                    chunk.indices[inside] = number[chunk.indices[inside]]
        self.swap_rows(table)

    def swap_rows(self, table: npt.NDArray[np.float32]) -> None:
        """Renumber the features of a table alone; twice is back where it was."""
        if len(self.left):
            both, other = np.concatenate([self.left, self.right]), np.concatenate([self.right, self.left])
            table[both] = table[other]
