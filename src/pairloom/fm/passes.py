"""One pass over a chunk by the kernels, in segments short enough that a stop is heard between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.fm.chunks import Chunk
from pairloom.fm.feature_order import FeatureOrder
from pairloom.fm.state import TrainingState
from pairloom.kernels.fm import AdamSettings, FmStep, FmTotals

__all__ = ["BatchCount", "EpochPass"]

BLOCK_NONZEROS = 1 << 14
SEGMENT_WORK = 1 << 29
"""Non-zeros times factors of a segment: a tenth of a second or two, a second on a slow machine."""
Order = npt.NDArray[np.int32]


@dataclass(slots=True)
class BatchCount:
    """Mini-batches of an epoch.

    Parameters
    ----------
    interval : int
        Segments end after the first batch and after each so many further ones.
    done : int
    """

    interval: int
    done: int = 0

    @property
    def ahead(self) -> int:
        """Batches until a segment ends."""
        return 1 if self.done == 0 else self.interval - (self.done - 1) % self.interval


@dataclass(frozen=True, slots=True)
class EpochPass:
    """What the passes over the chunks of one epoch have in common.

    Parameters
    ----------
    state : TrainingState
    order : FeatureOrder
        Numbers that the chunks' features go by.
    step : FmStep
    rng : Generator
    batches : BatchCount
        Is counted on.
    """

    state: TrainingState
    order: FeatureOrder
    step: FmStep
    rng: np.random.Generator
    batches: BatchCount

    def train(self, chunk: Chunk) -> Iterator[tuple[int, FmTotals]]:
        """Train on the rows of a chunk once.

        Yields
        ------
        (n_rows, totals)
            After each segment. Where segments end does not change what one thread learns.
        """
        row_length = max(1, chunk.n_nonzeros // chunk.n_rows)
        most_rows = max(1, SEGMENT_WORK // (row_length * self.state.native.k_padded))
        if self.state.settings.solver == "adam":
            return self._batches(chunk, most_rows)
        if chunk.tile_starts is not None and self.order.groups is not None:
            return self._tiles(chunk, chunk.tile_starts, self.order.groups.n_groups)
        return self._blocks(chunk, row_length, most_rows)

    def _tiles(
        self, chunk: Chunk, starts: npt.NDArray[np.int64], n_groups: int
    ) -> Iterator[tuple[int, FmTotals]]:
        state, s = self.state, self.state.settings
        # Alternating at the top, a thread meets the items that it met last; below, chance decides.
        turns = int(self.rng.integers(2**62)) * 2 + state.passes % 2
        rows = chunk.native(state.label_scale)
        totals = state.native.train_tiles(state.table, rows, starts, n_groups, turns, self.step, s.n_threads)
        self.batches.done += -(-chunk.n_rows // s.batch_rows)
        yield chunk.n_rows, totals

    def _blocks(self, chunk: Chunk, row_length: int, most_rows: int) -> Iterator[tuple[int, FmTotals]]:
        state, order, s = self.state, self.order, self.state.settings
        n_threads = 1 if s.deterministic else s.n_threads
        block_rows = int(np.clip(BLOCK_NONZEROS // row_length, 64, 4096))
        if n_threads > 1 and order.n_hot:  # of little data, copies of hot features learn little apart
            block_rows = min(block_rows, max(64, chunk.n_rows // (256 * n_threads)))
        blocks = self._shuffled(-(-chunk.n_rows // block_rows))
        most_blocks = max(1, min(most_rows, self.batches.interval * s.batch_rows) // block_rows)
        for start in range(0, len(blocks), most_blocks):
            part = blocks[start : start + most_blocks]
            totals = state.train_blocks(
                chunk, part, block_rows, order=order, step=self.step, n_threads=n_threads
            )
            n_rows = _n_rows(part, block_rows, chunk.n_rows)
            self.batches.done += -(-n_rows // s.batch_rows)
            yield n_rows, totals

    def _batches(self, chunk: Chunk, most_rows: int) -> Iterator[tuple[int, FmTotals]]:
        state, s = self.state, self.state.settings
        adam = AdamSettings(s.batch_rows, s.first_moment, s.second_moment, s.epsilon)
        order = self._shuffled(-(-chunk.n_rows // s.batch_rows))
        rows = chunk.native(state.label_scale)
        start = 0
        while start < len(order):
            part = order[start : start + min(self.batches.ahead, max(1, most_rows // s.batch_rows))]
            totals = state.native.train_adam(state.table, rows, part, adam, self.step, s.n_threads)
            start += len(part)
            self.batches.done += len(part)
            yield _n_rows(part, s.batch_rows, chunk.n_rows), totals

    def _shuffled(self, n: int) -> Order:
        return (self.rng.permutation(n) if self.state.settings.shuffle else np.arange(n)).astype(np.int32)


def _n_rows(parts: Order, part_rows: int, n_rows: int) -> int:
    """Rows of some blocks, of which the chunk's last may be shorter."""
    missing = part_rows * -(-n_rows // part_rows) - n_rows
    return len(parts) * part_rows - (missing if (parts == (n_rows - 1) // part_rows).any() else 0)
