"""Sparse rows as matrices: the same numbers, a bounded piece at a time, without a copy where they are full."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.algorithms.families.dense_rows import PIECE_NUMBERS, dense_pieces, dense_rows
from pairloom.errors import DataError
from pairloom.rows import RowBatch


def full(n_rows, width):
    values = np.random.default_rng(0).normal(size=n_rows * width).astype(np.float32)
    indices = np.tile(np.arange(width, dtype=np.int32), n_rows)
    return RowBatch(np.arange(0, n_rows * width + 1, width), indices, values, width)


def test_full_rows_are_not_copied():
    rows = full(50, 7)
    matrix = dense_rows(rows, 7)
    assert np.shares_memory(matrix, rows.values)
    np.testing.assert_array_equal(matrix, rows.values.reshape(50, 7))


@given(
    lengths=st.lists(st.integers(0, 6), max_size=8),
    width=st.integers(1, 5),
    seed=st.integers(0, 100),
    ones=st.booleans(),
)
def test_the_numbers_are_those_of_the_plain_loop(lengths, width, seed, ones):
    rng = np.random.default_rng(seed)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    indices = rng.integers(0, 6, indptr[-1]).astype(np.int32)
    values = None if ones else rng.integers(-3, 4, indptr[-1]).astype(np.float32)
    expected = np.zeros((len(lengths), width), np.float32)
    for row in range(len(lengths)):
        for at in range(indptr[row], indptr[row + 1]):
            if indices[at] < width:
                expected[row, indices[at]] += 1 if ones else values[at]
    np.testing.assert_array_equal(dense_rows(RowBatch(indptr, indices, values, 6), width), expected)


def test_wide_rows_come_in_small_pieces():
    width = PIECE_NUMBERS // 3
    rows = RowBatch(np.arange(11), np.arange(10, dtype=np.int32), None, width)
    pieces = [(start, piece.shape) for start, piece in dense_pieces(rows, width)]
    assert pieces == [(0, (3, width)), (3, (3, width)), (6, (3, width)), (9, (1, width))]


@pytest.mark.parametrize(
    ("indices", "values", "message"),
    [([0, -1], None, "-1"), ([0, 1], [1, np.nan], "nan"), ([1, 1], [3e38, 3e38], "row 1")],
)
def test_bad_rows_are_named(indices, values, message):
    values = None if values is None else np.array(values, np.float32)
    with pytest.raises(DataError, match=message):
        dense_rows(RowBatch(np.array([0, 2]), np.array(indices, np.int32), values, 2), 2)
