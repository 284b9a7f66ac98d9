"""Sparse rows as dense matrices, a bounded piece at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pairloom.kernels.dense_rows import are_full
from pairloom.kernels.native_rows import find_repeated, sum_repeated
from pairloom.rows import RowBatch

__all__ = ["dense_pieces", "dense_rows"]

Float32Array = npt.NDArray[np.float32]

PIECE_NUMBERS = 1 << 22


def dense_pieces(
    rows: RowBatch, n_features: int, piece_numbers: int = PIECE_NUMBERS
) -> Iterator[tuple[int, Float32Array]]:
    """Yield (first row, dense rows) pairs of so many numbers, some 16 MB, however wide the rows are.

    Where a piece ends depends on `n_features` alone.
    """
    piece_rows = max(piece_numbers // max(n_features, 1), 1)
    for start in range(0, rows.n_rows, piece_rows):
        yield start, dense_rows(rows.part(start, min(start + piece_rows, rows.n_rows)), n_features)


def dense_rows(rows: RowBatch, n_features: int) -> Float32Array:
    """Return rows as a matrix of shape (n_rows, n_features), float32.

    Values of an index that repeats in a row add up; columns from `n_features` on are left out. Rows that hold
    every column in order are not copied, and what is returned may then not be writable.

    Raises
    ------
    DataError
        Naming the row, for a negative index, NaN, infinity, or a sum of repeated values beyond float32.
    """
    rows = RowBatch(rows.indptr, rows.indices, rows.values, rows.n_features)
    shape = (rows.n_rows, n_features)
    if are_full(rows, n_features):
        return np.ones(shape, np.float32) if rows.values is None else rows.values.reshape(shape)
    if find_repeated(rows) is not None:
        rows = sum_repeated(rows)
    numbers = np.repeat(np.arange(rows.n_rows), np.diff(rows.indptr))
    values = np.ones(len(rows.indices), np.float32) if rows.values is None else rows.values
    indices = rows.indices
    if len(indices) and int(indices.max()) >= n_features:
        within = indices < n_features
        numbers, indices, values = numbers[within], indices[within], values[within]
    matrix = np.zeros(shape, np.float32)
    matrix.reshape(-1)[numbers * n_features + indices] = values
    return matrix
