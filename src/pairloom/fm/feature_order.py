"""The order of features in the table while training, so that threads keep out of each other's way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.fm.chunks import Chunk
from pairloom.fm.data import TrainingData
from pairloom.fm.settings import FMSettings
from pairloom.fm.tiles import PairGroups, deal_groups
from pairloom.kernels import _native
from pairloom.kernels.fm import allocate_table

__all__ = ["FeatureOrder"]

MOST_HOT = 2048
HOT_SHARE = 1 / 16384
AVERAGED_SHARE = 1 / 256
"""A feature is hot when it occurs in more than this share of the rows, and averaged beyond the other."""
Table = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FeatureOrder:
    """Numbers that features go by while training.

    Parameters
    ----------
    number : ndarray of shape (n_features,), int32, optional
        None where features keep their numbers.
    n_hot : int
        How many of the first features every thread would write: each keeps a copy of its own of them.
    n_averaged : int
        How many of those are so frequent that the threads' changes are averaged instead of added.
    groups : PairGroups, optional
        For rows of two ones, the groups that tiles are made of.
    """

    number: npt.NDArray[np.int32] | None = None
    n_hot: int = 0
    n_averaged: int = 0
    groups: PairGroups | None = None

    @classmethod
    def choose(cls, data: TrainingData, n_features: int, settings: FMSettings) -> FeatureOrder:
        """Look at the kept rows: groups where all are pairs, else hot features where several threads train."""
        if data.streaming or settings.solver == "adam" or settings.interactions != "pairwise":
            return cls()
        if all(chunk.is_pairs for chunk in data.kept):
            counts = np.zeros((2, n_features), np.int64)
            for chunk in data.kept:
                pairs = chunk.indices.reshape(-1, 2)
                for column in range(2):
                    counts[column] += np.bincount(pairs[:, column], minlength=n_features)
            rng = np.random.default_rng(settings.random_state)
            groups = deal_groups(counts[0], counts[1], data.n_rows // len(data.kept), rng)
            if groups is not None:
                return cls(groups.number, groups=groups)
        if settings.n_threads == 1 or settings.deterministic:
            return cls()
        counts = np.zeros(n_features, np.int64)
        for chunk in data.kept:
            _native.count_features(chunk.indices, counts)
        hot = np.flatnonzero(counts > HOT_SHARE * data.n_rows)
        hot = hot[np.argsort(-counts[hot], kind="stable")][:MOST_HOT]
        others = np.ones(n_features, np.bool_)
        others[hot] = False
        number = np.empty(n_features, np.int32)
        number[np.concatenate([hot, np.flatnonzero(others)])] = np.arange(n_features, dtype=np.int32)
        averaged = 0 if settings.solver == "ftrl" else int((counts[hot] > AVERAGED_SHARE * data.n_rows).sum())
        return cls(number, len(hot), averaged)

    def renumber(self, chunks: list[Chunk]) -> None:
        """Put the training numbers into the rows of chunks."""
        if self.number is not None:
            for chunk in chunks:
                chunk.renumber(self.number)

    def arrange(self, table: Table) -> Table:
        """Return the table in training order."""
        if self.number is None:
            return table
        arranged = allocate_table(*table.shape)
        arranged[self.number] = table
        return arranged

    def restore(self, table: Table) -> Table:
        """Return a table in training order in the order of the features."""
        if self.number is None:
            return table
        restored = allocate_table(*table.shape)
        np.take(table, self.number, axis=0, out=restored)
        return restored
