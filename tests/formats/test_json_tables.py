import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import DataError
from pairloom.formats import read_tables, write_tables
from pairloom.tables import StringColumn, Table

TEXT = """\
{"user": 1, "item": "x", "score": 0.5, "genres": ["a", "b"], "new": true}
{"item": 7, "score": null, "user": 2, "genres": []}

{"user": -3, "item": null, "score": 4, "genres": null, "new": false}"""


def read(text, **options):
    text = text.encode() if isinstance(text, str) else text
    return list(read_tables(io.BytesIO(text), content_type="application/jsonlines", **options))


def as_lists(column):
    return column.to_strings() if isinstance(column, StringColumn) else column.tolist()


def test_objects_become_columns():
    (table,) = read(TEXT, kinds={"score": "number"})
    assert (list(table.columns), table.n_rows) == (["user", "item", "score", "genres", "new"], 3)
    assert table.columns["user"].dtype == np.int64
    assert as_lists(table.columns["user"]) == [1, 2, -3]
    assert as_lists(table.columns["item"]) == ["x", "7", None]
    assert as_lists(table.columns["genres"]) == ["a|b", "", None]
    assert as_lists(table.columns["new"]) == ["true", None, "false"]
    score = table.columns["score"]
    assert (score.dtype, score[0], math.isnan(score[1]), score[2]) == (np.float64, 0.5, True, 4)


def test_columns_are_chosen_and_pieces_follow_one_another():
    tables = read(TEXT, columns=["genres", "user", "absent"], kinds={"user": "text"}, chunk_bytes=10)
    assert [as_lists(table.columns["user"]) for table in tables] == [["1"], ["2"], ["-3"]]
    assert [list(table.columns) for table in tables] == [["genres", "user", "absent"]] * 3
    assert [as_lists(table.columns["absent"]) for table in tables] == [[None]] * 3


def test_integers_beyond_int64_stay_what_they_are():
    (table,) = read(f'{{"id": {2**64}}}\n{{"id": 1}}\n')
    assert as_lists(table.columns["id"]) == [str(2**64), "1"]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (
            "[1]",
            "expected an object of numbers, strings, nulls and lists of strings.*Write one object a line",
        ),
        ('{"user": {"id": 1}}', "line 3: expected an object of numbers"),
        ('{"user": [1]}', "expected an object of numbers"),
        ('{"user": 1', "expected an object of numbers"),
        ('{"user": NaN}', "expected an object of numbers"),
        ('{"user": "\\ud800"}', "expected an object of numbers"),
        ("[" * 100_000, "expected an object of numbers"),
        ('{"user": "x"}', "line 3, field 'user': expected a number within float64 or null. Got 'x'"),
        ('{"user": true}', "Got True"),
        (f'{{"user": {10**400}}}', "line 3"),
        (
            '{"user": 1, "who": 2}',
            r"line 3: expected no member but those of the first row, \['user'\]. Got who",
        ),
    ],
)
def test_bad_lines(line, error):
    for chunk_bytes in (1, 1 << 20):
        with pytest.raises(DataError, match=error):
            read(f'{{"user": 1}}\n\n{line}\n', kinds={"user": "number"}, chunk_bytes=chunk_bytes)


def test_bad_bytes_and_kinds():
    with pytest.raises(DataError, match="line 1"):
        read(b'{"user": "\xff"}')
    with pytest.raises(DataError, match=r"a kind out of id, number, text. Got date"):
        read(TEXT, kinds={"user": "date"})
    with pytest.raises(DataError, match=r"expected a column out of \['user'.*Got usr"):
        read(TEXT, kinds={"usr": "text"})


NAMES = ["id", "text", "number"]


@given(
    st.lists(
        st.tuples(st.integers(-(2**63), 2**63 - 1), st.none() | st.text(), st.floats(allow_infinity=False)),
        min_size=1,
    ),
    st.sampled_from([1, 1 << 20]),
)
def test_round_trip(rows, chunk_bytes):
    ids, texts, numbers = zip(*rows, strict=True)
    columns = {
        "id": np.array(ids, np.int64),
        "text": StringColumn.from_strings(texts),
        "number": np.array(numbers, np.float64),
    }
    stream = io.BytesIO()
    write_tables([Table(columns, len(rows))], stream, content_type="json-lines")
    kinds = {"text": "text", "number": "number"}
    tables = read(stream.getvalue(), kinds=kinds, chunk_bytes=chunk_bytes)
    assert [value for table in tables for value in as_lists(table.columns["id"])] == list(ids)
    assert [value for table in tables for value in as_lists(table.columns["text"])] == list(texts)
    np.testing.assert_array_equal(np.concatenate([table.columns["number"] for table in tables]), numbers)


def test_infinite_numbers_are_not_written():
    with pytest.raises(DataError, match=r"field 'x': expected finite numbers. Got inf"):
        write_tables([Table({"x": np.array([np.inf])}, 1)], io.BytesIO(), content_type="json-lines")
