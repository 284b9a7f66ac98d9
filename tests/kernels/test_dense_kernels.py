"""Rows that hold every column: recognised, and added up by label."""

import numpy as np
import pytest

from pairloom.errors import UserError
from pairloom.kernels.dense_rows import add_by_label, are_full
from pairloom.rows import RowBatch


@pytest.mark.parametrize("width", [1, 7, 64])
def test_rows_that_lack_anything_are_not_full(width):
    n = 3 * width
    indptr, indices = np.arange(0, n + 1, width), np.tile(np.arange(width, dtype=np.int32), 3)
    values = np.arange(n, dtype=np.float32)
    values[0] = np.finfo(np.float32).max
    assert are_full(RowBatch(indptr, indices, values, width), width)
    assert are_full(RowBatch(indptr, indices, None, width), width)
    assert not are_full(RowBatch(indptr, indices, values, width), width + 1)
    for place in (0, n - 1):
        for wrong in (np.nan, np.inf, -np.inf):
            changed = values.copy()
            changed[place] = wrong
            assert not are_full(RowBatch(indptr, indices, changed, width), width)
        others = indices.copy()
        others[place] += 1
        assert not are_full(RowBatch(indptr, others, values, width), width)
    moved = indptr.copy()
    moved[1] += 1
    assert not are_full(RowBatch(moved, indices, values, width), width)


@pytest.mark.parametrize("weighted", [True, False])
def test_rows_are_added_by_label(weighted):
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(300, 9)).astype(np.float32), rng.integers(0, 6, 300)
    weights = rng.random(300) if weighted else None
    expected = np.zeros((7, 9))
    np.add.at(expected, labels, rows * (weights[:, None] if weighted else 1.0))
    np.testing.assert_allclose(add_by_label(rows, labels, 7, weights), expected, rtol=1e-6, atol=1e-6)


def test_labels_and_weights_that_do_not_fit_are_refused():
    rows = np.ones((3, 2), np.float32)
    for labels in ([0, 1], [0, 1, 2], [0, -1, 1]):
        with pytest.raises(UserError, match=r"labels must be one of \[0, 2\) for each of the 3 rows"):
            add_by_label(rows, np.array(labels), 2)
    with pytest.raises(UserError, match="weights must be as many as rows"):
        add_by_label(rows, np.zeros(3, np.int64), 2, np.ones(2))
