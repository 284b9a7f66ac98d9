"""Parquet and Arrow IPC: one set of checks for both."""

import contextlib
import io
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from comparing import assert_equal_rows, joined
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import DataError, MissingExtraError
from pairloom.formats import read_rows, read_tables, write_rows, write_tables
from pairloom.rows import RowBatch
from pairloom.tables import StringColumn, Table

FORMATS = ["parquet", "arrow"]
both = pytest.mark.parametrize("content_type", FORMATS)


class Pipe(io.RawIOBase):
    """A stream that cannot seek."""

    def __init__(self, data):
        self._inner = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._inner.readinto(buffer)


def encoded(table, content_type):
    stream = io.BytesIO()
    if content_type == "parquet":
        pq.write_table(table, stream, row_group_size=2)
    else:
        with pa.ipc.new_file(stream, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    return stream.getvalue()


def written(batches, content_type, **options):
    stream = io.BytesIO()
    write_rows(batches, stream, content_type=content_type, **options)
    return stream.getvalue()


def read(data, content_type, **options):
    return joined(read_rows(io.BytesIO(data), content_type=content_type, **options))


def tables(data, content_type, **options):
    return list(read_tables(io.BytesIO(data), content_type=content_type, **options))


def as_lists(column):
    return column.to_strings() if isinstance(column, StringColumn) else column.tolist()


def column(found, name):
    """All values of one column, over all tables."""
    return [value for table in found for value in as_lists(table.columns[name])]


FLOATS = st.floats(-1e6, 1e6, width=32)


@st.composite
def batches(draw):
    width = draw(st.sampled_from([1, 5, 300]))
    rows = draw(st.lists(st.lists(st.integers(0, width - 1), max_size=6), min_size=1, max_size=6))
    n = sum(map(len, rows))

    def numbers(elements, size, dtype):
        found = draw(st.none() | st.lists(elements, min_size=size, max_size=size))
        return None if found is None else np.array(found, dtype)

    return RowBatch(
        np.cumsum([0, *map(len, rows)]).astype(np.int64),
        np.array([i for row in rows for i in row], np.int32),
        numbers(FLOATS, n, np.float32),
        width,
        numbers(FLOATS, len(rows), np.float32),
        numbers(FLOATS.map(abs), len(rows), np.float32),
        numbers(st.integers(0, 2**31 - 1), n, np.int32),
    )


@given(batches(), st.sampled_from(FORMATS), st.sampled_from([1, 2]))
def test_sparse_round_trip(batch, content_type, n_threads):
    data = written([batch, batch], content_type)
    assert_equal_rows(read(data, content_type, n_threads=n_threads), joined([batch, batch]))
    pipe = read_rows(Pipe(data), content_type=content_type)
    assert_equal_rows(joined(pipe), joined([batch, batch]))


CELLS = np.array([[0, 2.5, 0], [0, 0, 0], [1, 0, -3]], np.float32)
TABLE = pa.table({"label": [1.0, 0.0, 1.0]} | {f"f{i}": CELLS[:, i] for i in range(3)})


@both
def test_columns_of_numbers_are_a_matrix(content_type):
    batch = read(encoded(TABLE, content_type), content_type)
    assert (batch.indices.tolist(), batch.values.tolist()) == ([1, 0, 2], [2.5, 1, -3])
    assert (batch.indptr.tolist(), batch.n_features, batch.labels.tolist()) == ([0, 1, 1, 3], 3, [1, 0, 1])
    assert batch.weights is None
    chosen = read(encoded(TABLE, content_type), content_type, label_column="f1", weight_column="label")
    assert (chosen.n_features, chosen.labels.tolist(), chosen.weights.tolist()) == (2, [2.5, 0, 0], [1, 0, 1])
    unlabelled = read(encoded(TABLE.drop(["label"]), content_type), content_type)
    assert unlabelled.labels is None
    again = written([batch], content_type, layout="dense")
    assert_equal_rows(read(again, content_type), batch)


@both
def test_lists_that_others_wrote(content_type):
    table = pa.table(
        {
            "indices": pa.array([[4, 0], [], [1]], pa.large_list(pa.int64())),
            "values": pa.array([[1.0, 2.0], [], [3.0]], pa.list_(pa.float64())),
            "note": ["a", "b", "c"],
        }
    )
    batch = read(encoded(table, content_type), content_type)
    assert (batch.indices.tolist(), batch.values.tolist(), batch.n_features) == ([4, 0, 1], [1, 2, 3], 5)
    assert read(encoded(table, content_type), content_type, n_features=9).n_features == 9


def sparse(indices, values, **more):
    return pa.table({"indices": indices, "values": values} | more)


GOOD = [[0], [1], [2]]
BAD_TABLES = [
    (
        TABLE.append_column("x", pa.array(["a", "b", "c"])),
        "field 'x': expected a column of numbers. Got string. Leave",
    ),
    (
        TABLE.append_column("x", pa.array([1, 2, None])),
        "row 3, field 'x': expected a value. Got a missing one",
    ),
    (
        TABLE.append_column("x", pa.array([1.0, 2, np.nan])),
        "row 3, field 'x': expected a finite number.*Got NaN",
    ),
    (
        TABLE.append_column("x", pa.array([1.0, 1e39, 2])),
        r"row 2, field 'x': expected a finite number.*Got 1e\+39",
    ),
    (TABLE.set_column(0, "label", pa.array([1.0, None, 0])), "row 2, field 'label': expected a value"),
    (TABLE.append_column("f0", pa.array([1, 2, 3])), "expected columns with different names"),
    (sparse([[0], [1], None], GOOD), "row 3, field 'indices': expected a value. Got a missing one"),
    (sparse([[0], [1], [None]], GOOD), "row 3, field 'indices': expected a number. Got a missing value"),
    (sparse(GOOD, [[0.5], [np.inf], [1]]), "row 2, field 'column 1': expected a finite number.*Got inf"),
    (sparse([[0], [-1], [2]], GOOD), r"row 2: expected a column index in \[0, \d\). Got -1"),
    (sparse([[0], [2**40], [2]], GOOD), "expected at most 2147483648 columns"),
    (sparse([[0.5], [1], [2]], GOOD), "expected integer indices. Got float64"),
    (
        sparse(GOOD, [[0], [1], [2, 3]]),
        r"row 3, field 'values': expected as many values as indices \(1\). Got 2",
    ),
    (sparse(GOOD, ["a", "b", "c"]), "field 'values': expected a column of lists. Got string"),
    (sparse(GOOD, [["a"], [], []]), "field 'values': expected lists of numbers"),
    (sparse(GOOD, GOOD, fields=[[0], [-1], [2]]), r"field 'fields': expected fields in \[0, 2147483647\]"),
    (sparse(GOOD, GOOD, label=["a", "b", "c"]), "field 'label': expected a column of numbers. Got string"),
    (
        sparse(GOOD, GOOD).replace_schema_metadata({"pairloom.n_features": "2"}),
        r"row 3: expected a column index in \[0, 2\). Got 2",
    ),
    (
        sparse(GOOD, GOOD).replace_schema_metadata({"pairloom.n_features": "many"}),
        "field 'pairloom.n_features': expected a width. Got b'many'",
    ),
]


@both
@pytest.mark.parametrize(("table", "error"), BAD_TABLES)
def test_bad_tables(table, error, content_type):
    with pytest.raises(DataError, match=error) as caught:
        read(encoded(table, content_type), content_type)
    assert caught.value.source == "<stream>"


@both
def test_bad_options(content_type):
    data = encoded(TABLE, content_type)
    with pytest.raises(DataError, match=r"expected a column out of \['label', 'f0', 'f1', 'f2'\]. Got 'y'"):
        read(data, content_type, label_column="y")
    with pytest.raises(DataError, match=r"expected 5 columns. Got 3"):
        read(data, content_type, n_features=5)
    with pytest.raises(DataError, match=r"expected a column out of .* Got 'y'"):
        tables(data, content_type, columns=["y"])
    with pytest.raises(DataError, match=r"expected a column out of .* Got 'y'"):
        tables(data, content_type, kinds={"y": "id"})
    with pytest.raises(DataError, match=r"field 'f0': expected a kind out of id, number, text. Got date"):
        tables(data, content_type, kinds={"f0": "date"})


RAW = pa.table(
    {
        "user": pa.array([3, 1, 2], pa.int32()),
        "item": pa.array(["a", None, "ü"]),
        "score": [0.5, None, 2.0],
        "whole": pa.array([1.0, 2.0, 3.0], pa.float32()),
        "nullable": pa.array([1, None, 3]),
        "large": pa.array([1, 2**64 - 1, 3], pa.uint64()),
        "category": pa.array(["x", "y", None]).dictionary_encode(),
        "genres": [["p", "q"], [], None],
        "day": pa.array([0, 1, None], pa.date32()),
        "seen": [True, False, None],
    }
)


@both
def test_raw_columns(content_type):
    kinds = {"whole": "id", "nullable": "number"}
    found = tables(encoded(RAW, content_type), content_type, kinds=kinds)
    columns = {name: column(found, name) for name in RAW.column_names}
    assert columns["user"] == [3, 1, 2]
    assert columns["item"] == ["a", None, "ü"]
    assert columns["score"][::2] == [0.5, 2]
    assert columns["whole"] == [1, 2, 3]
    assert columns["nullable"][::2] == [1, 3]
    assert np.isnan([columns["score"][1], columns["nullable"][1]]).all()
    assert columns["category"] == ["x", "y", None]
    assert columns["genres"] == ["p|q", "", None]
    assert columns["day"] == ["1970-01-01", "1970-01-02", None]
    assert columns["seen"] == ["true", "false", None]
    (chosen, *_) = tables(
        encoded(RAW, content_type), content_type, columns=["score", "user"], kinds={"score": "text"}
    )
    assert list(chosen.columns) == ["score", "user"]
    assert as_lists(chosen.columns["score"])[0] == "0.5"


def test_integers_beyond_int64_become_text():
    (table,) = tables(encoded(RAW.slice(1, 1), "arrow"), "arrow", columns=["large"])
    assert as_lists(table.columns["large"]) == [str(2**64 - 1)]


@both
def test_text_is_no_number(content_type):
    with pytest.raises(DataError, match=r"field 'item': expected numbers. Got string"):
        tables(encoded(RAW, content_type), content_type, kinds={"item": "number"})
    with pytest.raises(DataError, match="field 'x': expected numbers, text, times or lists of text"):
        tables(encoded(pa.table({"x": [{"a": 1}]}), content_type), content_type)


@both
@given(
    st.lists(
        st.tuples(st.integers(-(2**63), 2**63 - 1), st.none() | st.text(), st.floats()),
        min_size=1,
        max_size=5,
    )
)
def test_tables_round_trip(content_type, rows):
    ids, texts, numbers = zip(*rows, strict=True)
    columns = {
        "id": np.array(ids, np.int64),
        "text": StringColumn.from_strings(texts),
        "number": np.array(numbers, np.float64),
    }
    stream = io.BytesIO()
    write_tables([Table(columns, len(rows))] * 2, stream, content_type=content_type)
    found = tables(stream.getvalue(), content_type, kinds={"text": "text"})
    assert column(found, "id") == list(ids) * 2
    assert column(found, "text") == list(texts) * 2
    np.testing.assert_array_equal(np.concatenate([table.columns["number"] for table in found]), numbers * 2)


@both
def test_tables_keep_their_types(content_type):
    numbers, texts = Table({"a": np.array([1])}, 1), Table({"a": StringColumn.from_strings(["x"])}, 1)
    stream = io.BytesIO()
    write_tables([texts, numbers], stream, content_type=content_type)
    found = tables(stream.getvalue(), content_type)
    assert column(found, "a") == ["x", "1"]
    with pytest.raises(DataError, match=r"expected columns of types .*int64.*Read the tables with kinds"):
        write_tables([numbers, texts], io.BytesIO(), content_type=content_type)
    with pytest.raises(DataError, match=r"expected columns \['a'\], as before. Got \['b'\]"):
        write_tables([numbers, Table({"b": np.array([1])}, 1)], io.BytesIO(), content_type=content_type)


ONE = RowBatch(np.array([0, 1]), np.array([2], np.int32), None, 3)


@both
def test_what_cannot_be_written(content_type):
    wider = RowBatch(ONE.indptr, np.array([3], np.int32), None, 4)
    with pytest.raises(
        DataError, match=r"row 2: expected a column index in \[0, 3\). Got 3. Pass n_features"
    ):
        written([ONE, wider], content_type)
    labelled = RowBatch(ONE.indptr, ONE.indices, None, 3, np.ones(1, np.float32))
    with pytest.raises(DataError, match=r"row 2: expected columns \['indices', 'values'\], as before"):
        written([ONE, labelled], content_type)
    with pytest.raises(DataError, match="field 'layout'"):
        written([ONE], content_type, layout="wide")


def test_stream_format_of_arrow():
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, TABLE.schema) as writer:
        writer.write_table(TABLE)
    assert read(stream.getvalue(), "arrow").n_rows == 3


def refused_or_read(data, content_type):
    with contextlib.suppress(DataError):
        read(data, content_type)
    with contextlib.suppress(DataError):
        tables(data, content_type)


@both
def test_damaged_files(content_type):
    data = encoded(TABLE, content_type)
    for size in (0, 3, 8, len(data) // 2, len(data) - 1):
        with pytest.raises(DataError):
            read(data[:size], content_type)
    with pytest.raises(DataError, match=r"expected a readable .* file.*Check that the file is whole"):
        read(b"nothing of the kind", content_type)


@both
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_byte_can_do_harm(content_type, at, change):
    for table in (RAW, sparse(GOOD, GOOD)):
        data = bytearray(encoded(table, content_type))
        data[at % len(data)] ^= change
        refused_or_read(bytes(data), content_type)


@both
def test_without_pyarrow(content_type, monkeypatch):
    data = encoded(TABLE, content_type)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pairloom\[arrow\]'"):
        read(data, content_type)
