"""Sparse rows as blocks of a dense matrix."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pairloom.rows import RowBatch

__all__ = ["dense_blocks"]

_BLOCK_NUMBERS = 1 << 20


def dense_blocks(batch: RowBatch, n_features: int) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yield (first row, block) pairs, blocks of shape (some rows, n_features), of about 4 MB each.

    The values of an index that repeats in a row add up; every index is below `n_features`.
    """
    block_rows = max(_BLOCK_NUMBERS // max(n_features, 1), 1)
    for start in range(0, batch.n_rows, block_rows):
        stop = min(start + block_rows, batch.n_rows)
        first, last = int(batch.indptr[start]), int(batch.indptr[stop])
        rows = np.repeat(np.arange(stop - start), np.diff(batch.indptr[start : stop + 1]))
        block = np.zeros((stop - start, n_features), np.float32)
        values = 1.0 if batch.values is None else batch.values[first:last]
        np.add.at(block, (rows, batch.indices[first:last]), values)
        yield start, block
