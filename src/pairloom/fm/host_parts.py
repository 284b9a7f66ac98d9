"""The rows of one host, cut into the parts between two exchanges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.fm.chunks import Chunk, PackedPairs
from pairloom.rows import RowBatch

__all__ = ["Part", "parts_of", "row_count"]


@dataclass(frozen=True, slots=True)
class Part:
    """Blocks of one chunk that train one after the other.

    Parameters
    ----------
    chunk : Chunk
    blocks : ndarray of int32
    block_rows : int
        Block i is of rows ``i * block_rows`` on, and as many.
    """

    chunk: Chunk
    blocks: npt.NDArray[np.int32]
    block_rows: int

    def rows_of(self, block: int) -> tuple[int, int]:
        """Return the first row of a block and the one behind its last."""
        start = block * self.block_rows
        return start, min(self.chunk.n_rows, start + self.block_rows)

    @property
    def n_rows(self) -> int:
        """Rows in all blocks."""
        return sum(stop - start for start, stop in map(self.rows_of, self.blocks.tolist()))

    def indices(self) -> Iterator[npt.NDArray[np.int32]]:
        """Yield the columns of every block's non-zeros."""
        rows = unpacked(self.chunk)
        for start, stop in map(self.rows_of, self.blocks.tolist()):
            if self.chunk.row_length is not None:
                yield rows.indices[start * self.chunk.row_length : stop * self.chunk.row_length]
            else:
                yield rows.indices[int(rows.indptr[start]) : int(rows.indptr[stop])]


def unpacked(chunk: Chunk) -> RowBatch:
    """Return a chunk's rows, which stay unpacked from then on: parts of them are looked up again and again."""
    if isinstance(chunk.data, PackedPairs):
        chunk.data = chunk.data.unpack()
    return chunk.data


def row_count(chunks: list[Chunk]) -> int:
    """Return the rows of chunks."""
    return sum(chunk.n_rows for chunk in chunks)


def parts_of(
    chunks: list[Chunk],
    n_parts: int,
    n_blocks: int,
    most_rows: int,
    rng: np.random.Generator,
    *,
    shuffle: bool,
) -> Iterator[list[Part]]:
    """Cut chunks into so many parts of about as many rows, some of which may be empty.

    Parameters
    ----------
    chunks : list of Chunk
    n_parts : int
    n_blocks : int
        In all parts together, about.
    most_rows : int
        Of a block.
    rng : Generator
    shuffle : bool
    """
    block_rows = max(1, min(most_rows, -(-row_count(chunks) // n_blocks)))
    units = np.concatenate(
        [np.zeros((0, 2), np.int32)]
        + [
            np.stack([np.full(n, i, np.int32), np.arange(n, dtype=np.int32)], axis=1)
            for i, n in enumerate(-(-chunk.n_rows // block_rows) for chunk in chunks)
        ]
    )
    if shuffle:
        units = units[rng.permutation(len(units))]
    for part in np.split(units, np.arange(1, n_parts) * len(units) // n_parts):
        yield [
            Part(chunks[i], np.ascontiguousarray(part[part[:, 0] == i, 1]), block_rows)
            for i in dict.fromkeys(part[:, 0].tolist())
        ]
