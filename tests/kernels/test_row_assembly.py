import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import UserError
from pairloom.formats.batching import concatenate
from pairloom.kernels.row_assembly import RowPart, assemble_rows, join_rows, joined_batches
from pairloom.rows import Relation, RelationalRows, RowBatch


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


def shared(rng, n_parts, n_rows, *, valued):
    lengths = rng.integers(0, 5, n_parts)
    n = int(lengths.sum())
    values = rng.normal(size=n).astype(np.float32) if valued else None
    indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    rows = RowBatch(
        indptr, rng.integers(0, 99, n).astype(np.int32), values, 99, fields=np.arange(n, dtype=np.int32)
    )
    return Relation(rng.integers(-1, n_parts, n_rows).astype(np.int32), rows)


@pytest.mark.parametrize("seed", range(6))
def test_joined_rows_are_those_of_the_plain_join(seed):
    rng = np.random.default_rng(seed)
    n_rows = int(rng.integers(1, 30))
    own = shared(rng, n_rows, n_rows, valued=seed % 2 == 0).rows
    relations = tuple(
        shared(rng, int(rng.integers(1, 8)), n_rows, valued=seed % 3 == 0) for _ in range(seed % 4)
    )
    rows = RelationalRows(own.labelled(np.arange(n_rows, dtype=np.float32)), relations)
    batches = list(joined_batches(rows, 3))
    assert all(len(batch.indices) <= 3 or batch.n_rows == 1 or not relations for batch in batches)
    for got, expected in [(join_rows(rows), rows.join()), (concatenate(batches), rows.join())]:
        for name in ("indptr", "indices", "values", "labels", "fields"):
            np.testing.assert_array_equal(getattr(got, name), getattr(expected, name), err_msg=name)


def test_what_cannot_be_joined_is_refused():
    main = RowBatch(np.zeros(3, np.int64), np.zeros(0, np.int32), None, 9)
    parts = RowBatch(np.array([0, 1, 2], np.int64), np.array([4, 5], np.int32), None, 9)
    whole = RelationalRows(main, (Relation(np.array([1, -1], np.int32), parts),))
    assert join_rows(whole).indices.tolist() == [5]
    for index, offsets, indices, message in [
        (np.array([0, 2], np.int32), parts.indptr, parts.indices, "row 2.*2 shared parts, or -1. Got 2"),
        (np.array([0, -2], np.int32), parts.indptr, parts.indices, "row 2.*Got -2"),
        (np.array([0], np.int32), parts.indptr, parts.indices, "'index' must be a contiguous"),
        (np.array([0, 1]), parts.indptr, parts.indices, "'index' must be a contiguous"),
        (np.array([0, 1], np.int32), np.array([0, 1, 10**9]), parts.indices, "offsets that begin at 0"),
        (np.array([0, 1], np.int32), np.array([0, -1, 1]), parts.indices, "offsets that begin at 0"),
        (np.array([0, 1], np.int32), parts.indptr, parts.indices.astype(np.int64), "'indices' must be"),
    ]:
        broken = RowBatch(offsets.astype(np.int64), indices, None, 9)
        with pytest.raises(UserError, match=message):
            join_rows(RelationalRows(main, (Relation(index, broken),)))
