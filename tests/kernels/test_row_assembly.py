import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import UserError
from pairloom.kernels.row_assembly import RowPart, assemble_rows


def part_of(rows, *, even=False, values=None):
    columns = np.array([column for row in rows for column in row], np.int32)
    indptr = None if even else np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return RowPart(columns, values, indptr)


@st.composite
def parts(draw):
    n_rows, n_parts = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    return [
        [draw(st.lists(st.integers(0, 99), max_size=3)) for _ in range(n_rows)] for _ in range(n_parts)
    ], n_rows


@given(parts())
def test_rows_are_their_parts_side_by_side(case):
    rows, n_rows = case
    batch = assemble_rows([part_of(part) for part in rows], n_rows, 100, with_fields=True)
    expected = [[(c, f) for f, part in enumerate(rows) for c in part[i]] for i in range(n_rows)]
    got = list(zip(batch.indices.tolist(), batch.fields.tolist(), strict=True))
    assert [got[a:b] for a, b in zip(batch.indptr[:-1], batch.indptr[1:], strict=True)] == expected
    assert batch.values is None
    assert batch.n_features == 100


def test_values_are_one_where_a_part_has_none():
    valued = part_of([[3, 4], []], values=np.array([0.5, 2], np.float32))
    batch = assemble_rows([part_of([[1], [2]], even=True), valued], 2, 5)
    assert batch.indices.tolist() == [1, 3, 4, 2]
    assert batch.values.tolist() == [1, 0.5, 2, 1]
    assert batch.indptr.tolist() == [0, 3, 4]
    assert batch.fields is None


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (RowPart(np.zeros(3, np.int32)), "part 0: 'columns' must be as many for each of 2 rows. Got 3"),
        (RowPart(np.zeros(2, np.int64)), "part 0: 'columns' must be a contiguous 1-D int32"),
        (RowPart(np.zeros(2, np.int32), np.zeros(1, np.float32)), "'values' must be .* of 2 elements"),
        (
            RowPart(np.zeros(2, np.int32), None, np.array([0, 1], np.int64)),
            "'indptr' must be .* of 3 elements",
        ),
        (RowPart(np.zeros(2, np.int32), None, np.array([0, 3, 2], np.int64)), "'indptr' must rise"),
        (RowPart(np.zeros(2, np.int32), None, np.array([0, 1, 9], np.int64)), "'indptr' must rise"),
    ],
)
def test_wrong_parts_are_named(part, message):
    with pytest.raises(UserError, match=message):
        assemble_rows([part], 2, 5)
