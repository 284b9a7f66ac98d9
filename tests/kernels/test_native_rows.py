import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import DataError, UserError
from pairloom.kernels.native_rows import checked_rows, native_rows, sum_repeated
from pairloom.rows import RowBatch


def batch(indptr, indices, values=None, n_features=10, labels=None, weights=None) -> RowBatch:
    def floats(numbers):
        return None if numbers is None else np.array(numbers, np.float32)

    return RowBatch(
        np.array(indptr, np.int64), np.array(indices, np.int32), floats(values), n_features, floats(labels),
        floats(weights),
    )  # fmt: skip


def dense(rows: RowBatch) -> np.ndarray:
    matrix = np.zeros((rows.n_rows, rows.n_features))
    values = np.ones(len(rows.indices)) if rows.values is None else rows.values
    np.add.at(matrix, (np.repeat(np.arange(rows.n_rows), np.diff(rows.indptr)), rows.indices), values)
    return matrix


def test_sound_rows_pass_untouched():
    rows = batch([0, 2, 2, 3], [4, 1, 9], [1, 2, 3], labels=[1, 2, 3], weights=[0, 1, 2])
    assert checked_rows(rows) is rows
    assert checked_rows(rows, n_features=10) is rows


@pytest.mark.parametrize("indptr", [[1, 2, 3], [0, 3, 2], [0, 1, 2], [0, 1, 4], [0, -1, 3]])
def test_offsets_that_do_not_fit(indptr):
    with pytest.raises(DataError, match="field 'indptr': expected offsets that begin at 0"):
        checked_rows(batch(indptr, [0, 1, 2]))


def test_an_index_out_of_range_names_row_and_index():
    rows = batch([0, 2, 2, 3], [4, 1, 9])
    with pytest.raises(DataError, match=r"row 3: expected a column index in \[0, 8\]. Got 9."):
        checked_rows(rows, n_features=9)
    with pytest.raises(DataError, match=r"row 1: expected a column index of 0 or more. Got -4."):
        checked_rows(batch([0, 2, 2, 3], [1, -4, 9]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_name_row_and_field(bad):
    with pytest.raises(DataError, match=rf"row 3, field 'column 9': expected a finite value. Got {bad}."):
        checked_rows(batch([0, 2, 2, 3], [4, 1, 9], [1, 2, bad]))
    with pytest.raises(DataError, match="row 2, field 'label': expected a finite number"):
        checked_rows(batch([0, 1, 2], [0, 1], labels=[0, bad]))
    with pytest.raises(DataError, match="row 1, field 'weight': expected a finite number"):
        checked_rows(batch([0, 1, 2], [0, 1], labels=[0, 1], weights=[bad, 1]))


def test_arrays_of_wrong_length_are_named():
    rows = batch([0, 1, 2], [0, 1], [1.0])
    with pytest.raises(UserError, match=r"'values' must be an array of shape \(2,\). Got shape \(1,\)"):
        native_rows(rows)
    with pytest.raises(UserError, match="'labels' must be an array"):
        native_rows(batch([0, 1, 2], [0, 1], labels=[1.0]))


def test_repeated_indices_add_up():
    rows = checked_rows(batch([0, 3, 5], [7, 1, 7, 2, 2], labels=[1, 2], weights=[3, 4]))
    assert rows.indptr.tolist() == [0, 2, 3]
    assert rows.indices.tolist() == [1, 7, 2]
    assert rows.values.tolist() == [1, 2, 2]
    assert rows.labels.tolist() == [1, 2]
    assert rows.weights.tolist() == [3, 4]


def test_repeated_values_whose_sum_overflows_name_the_row():
    with pytest.raises(DataError, match=r"row 2: expected a sum of repeated values that is finite"):
        checked_rows(batch([0, 1, 3], [0, 5, 5], [1, 3e38, 3e38]))


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(-8, 8)), max_size=6), min_size=1, max_size=8)
)
def test_summing_keeps_the_matrix(rows):
    indptr = np.cumsum([0] + [len(row) for row in rows])
    before = batch(indptr, [i for row in rows for i, _ in row], [x for row in rows for _, x in row])
    after = sum_repeated(before)
    np.testing.assert_array_equal(dense(after), dense(before))
    for row in range(after.n_rows):
        indices = after.indices[after.indptr[row] : after.indptr[row + 1]]
        assert (np.diff(indices) > 0).all()
