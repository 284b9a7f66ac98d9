"""Rows in blocks: cut by count alone, shuffled within, dense where few zeros are among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.kernels import _native
from pairloom.kernels.native_rows import checked_rows, native_rows
from pairloom.rows import RowBatch

__all__ = ["Block", "as_dense", "as_sparse", "blocks_of", "shuffled"]

BLOCK_ROWS = 1 << 16
BLOCK_NONZEROS = 1 << 23
Float32Array = npt.NDArray[np.float32]


@dataclass(slots=True)
class Block:
    """Rows that are ready for training.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,), float32
        Centred and scaled for a regressor.
    weights : ndarray of shape (n_rows,), float32, optional
    features : ndarray of shape (n_rows, n_features), float32, or RowBatch
        Dense or sparse; scaled.
    """

    labels: Float32Array
    weights: Float32Array | None
    features: Float32Array | RowBatch
    cached: _native.Rows | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.labels)

    @property
    def n_features(self) -> int:
        """Width, as far as it is known."""
        return self.features.n_features if isinstance(self.features, RowBatch) else self.features.shape[1]

    @property
    def n_stored(self) -> int:
        """Values that are stored."""
        return len(self.features.indices) if isinstance(self.features, RowBatch) else self.features.size

    @property
    def size_bytes(self) -> int:
        """Memory of the features."""
        if not isinstance(self.features, RowBatch):
            return self.features.nbytes
        rows = self.features
        return rows.indptr.nbytes + rows.indices.nbytes + (0 if rows.values is None else rows.values.nbytes)

    def native(self) -> _native.Rows:
        """Return sparse rows as kernels take them, with labels and weights."""
        if self.cached is None:
            assert isinstance(self.features, RowBatch)
            rows = self.features
            self.cached = native_rows(
                RowBatch(rows.indptr, rows.indices, rows.values, rows.n_features, self.labels, self.weights)
            )
        return self.cached

    def part(self, start: int, stop: int, *, copy: bool = False) -> Block:
        """Return rows start to stop - 1, as views or copies."""
        if copy:
            return shuffled(self, np.arange(start, stop))
        weights = None if self.weights is None else self.weights[start:stop]
        features = (
            self.features.part(start, stop)
            if isinstance(self.features, RowBatch)
            else self.features[start:stop]
        )
        return Block(self.labels[start:stop], weights, features)


def blocks_of(batches: Iterable[RowBatch]) -> Iterator[Block]:
    """Join and cut batches to blocks of 65,536 rows, or fewer where they hold 8 million values.

    Where the cuts fall depends on the rows alone, not on how they came in batches. Rows without a gap become a
    matrix at once.
    """
    parts: list[RowBatch] = []
    n_rows = n_nonzeros = 0
    for batch in batches:
        start = 0
        while start < batch.n_rows:
            room = int(
                np.searchsorted(
                    batch.indptr, batch.indptr[start] + (BLOCK_NONZEROS - n_nonzeros), side="right"
                )
            )
            stop = min(batch.n_rows, start + BLOCK_ROWS - n_rows, max(room - 1, start))
            if stop == start and n_rows == 0:
                stop = start + 1
            if stop > start:
                part = batch.part(start, stop)
                parts.append(part)
                n_rows, n_nonzeros = n_rows + part.n_rows, n_nonzeros + len(part.indices)
            if stop < batch.n_rows or n_rows == BLOCK_ROWS:
                yield _joined(parts)
                parts, n_rows, n_nonzeros = [], 0, 0
            start = stop
    if parts:
        yield _joined(parts)


def _joined(parts: list[RowBatch]) -> Block:
    labels = _concatenated([np.asarray(part.labels, np.float32) for part in parts])
    weights = None
    if any(part.weights is not None for part in parts):
        weights = _concatenated(
            [np.ones(part.n_rows, np.float32) if part.weights is None else part.weights for part in parts]
        )
    matrices = [_as_matrix(part, parts[0].n_features) for part in parts]
    if all(matrix is not None for matrix in matrices):
        return Block(labels, weights, _concatenated([matrix for matrix in matrices if matrix is not None]))
    lengths = np.concatenate([np.diff(part.indptr) for part in parts])
    indptr = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=indptr[1:])
    values = None
    if any(part.values is not None for part in parts):
        values = _concatenated(
            [np.ones(len(part.indices), np.float32) if part.values is None else part.values for part in parts]
        )
    indices = _concatenated([part.indices for part in parts])
    return Block(labels, weights, RowBatch(indptr, indices, values, max(part.n_features for part in parts)))


def _concatenated(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _as_matrix(rows: RowBatch, n_features: int) -> Float32Array | None:
    """Return the values as a matrix, without a copy, if every row holds every column in order."""
    if rows.values is None or n_features == 0 or len(rows.values) != rows.n_rows * n_features:
        return None
    columns = rows.indices.reshape(rows.n_rows, n_features)
    in_order = bool((columns == np.arange(n_features, dtype=np.int32)).all())
    whole = in_order and bool((np.diff(rows.indptr) == n_features).all())
    return rows.values.reshape(rows.n_rows, n_features) if whole else None


def shuffled(block: Block, order: npt.NDArray[np.int64]) -> Block:
    """Return rows in another order."""
    weights = None if block.weights is None else block.weights[order]
    if not isinstance(block.features, RowBatch):
        return Block(block.labels[order], weights, block.features[order])
    rows = block.features
    indptr = np.empty(len(rows.indptr), np.int64)
    indices = np.empty(len(rows.indices), np.int32)
    values = None if rows.values is None else np.empty(len(rows.values), np.float32)
    _native.gather_rows(native_rows(rows), order, indptr, indices, values)
    return Block(block.labels[order], weights, RowBatch(indptr, indices, values, rows.n_features))


def as_dense(block: Block, n_features: int) -> Block:
    """Return rows as a matrix of that many columns; values of repeated indices add up."""
    features = block.features
    if isinstance(features, RowBatch):
        rows = checked_rows(features, n_features=n_features)
        matrix = np.zeros((block.n_rows, n_features), np.float32)
        row_of = np.repeat(np.arange(block.n_rows), np.diff(rows.indptr))
        matrix[row_of, rows.indices] = 1 if rows.values is None else rows.values
    elif features.shape[1] == n_features:
        return block
    else:
        matrix = np.zeros((block.n_rows, n_features), np.float32)
        matrix[:, : features.shape[1]] = features
    return Block(block.labels, block.weights, matrix)


def as_sparse(block: Block) -> Block:
    """Return rows as a matrix in CSR form, zeros left out."""
    features = block.features
    if isinstance(features, RowBatch):
        return block
    row_of, columns = np.nonzero(features)
    indptr = np.zeros(block.n_rows + 1, np.int64)
    np.cumsum(np.bincount(row_of, minlength=block.n_rows), out=indptr[1:])
    rows = RowBatch(indptr, columns.astype(np.int32), features[row_of, columns], features.shape[1])
    return Block(block.labels, block.weights, rows)
