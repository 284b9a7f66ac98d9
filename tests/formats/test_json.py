import contextlib
import io
import json

import numpy as np
import pytest
from comparing import assert_equal_rows, joined
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import DataError
from pairloom.formats import read_rows, write_rows
from pairloom.rows import RowBatch
from reference import json_rows


def read(text, content_type="application/jsonlines", **options):
    text = text.encode() if isinstance(text, str) else text
    return joined(read_rows(io.BytesIO(text), content_type=content_type, **options))


def written(batches, content_type="application/jsonlines", **options):
    stream = io.BytesIO()
    write_rows(batches, stream, content_type=content_type, **options)
    return stream.getvalue().decode()


FORMS = """\
[1, 0, 2.5]
{"features": [0, 0, -3e-1]}

{"features": {"values": [1e0, 0.0, 7]}}\r
 \t
{"data": {"features": {"values": [0, 1, 1]}}}
{"features": {"keys": [2, 0], "shape": [3], "values": [4, 5]}}
{"keys": [], "shape": [1, 3], "values": []}
{"shape": [3], "values": [8, 8, 8]}
{ "data" : { "features" : {"values":[1], "shape":[3],"keys":[1]} } }
{"f\\u0065atures": [0.1, 123456789012345678901234567890, 1e-60]}"""


@pytest.mark.parametrize("chunk_bytes", [1, 30, 1 << 20])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_every_form_of_features(chunk_bytes, n_threads):
    batch = read(FORMS, chunk_bytes=chunk_bytes, n_threads=n_threads)
    assert_equal_rows(batch, json_rows.parse_lines(FORMS))
    assert batch.n_features == 3
    assert batch.indices[:6].tolist() == [0, 2, 2, 0, 2, 1]


def test_every_form_of_label_and_weight():
    text = """\
{"features": [1], "label": 2, "weight": 0.5}
{"label": {"values": [3]}, "weight": 1, "data": {"features": {"values": [1]}}}
{"weight": 2, "data": {"label": -1, "features": [1]}}
{"weight": 0, "values": [1], "label": 1e-3}"""
    batch = read(text)
    assert_equal_rows(batch, json_rows.parse_lines(text))
    assert batch.values is None
    assert batch.labels.tolist() == [2, 3, -1, np.float32(0.001)]
    assert batch.weights.tolist() == [0.5, 1, 2, 0]


def test_document_of_instances():
    rows = [line for line in FORMS.splitlines() if line.strip()]
    text = f'\ufeff {{ "instances" : [\n{", ".join(rows)} ] }}\n'
    assert_equal_rows(read(text, "application/json"), json_rows.parse_lines(FORMS))


def test_numbers_are_rounded_once():
    numbers = [
        "0.1",
        "16777217",
        "3.4028235e38",
        "3.4028235677973366e38",
        "1e-45",
        "7e-46",
        "-0",
        "1e22",
        "9" * 30,
        "0e9",
    ]
    numbers += [
        "1.00000005960464477539062500001",
        "1.000000059604644775390625",
        "123.456e-3",
        "1E+2",
        "0." + "0" * 30 + "1e31",
    ]
    text = "\n".join(f'{{"keys":[0],"shape":[1],"values":[{number}]}}' for number in numbers)
    assert_equal_rows(read(text), json_rows.parse_lines(text))


BAD_ROWS = [
    ("{", "expected a member's name in quotes. Got the end of the text"),
    ("nonsense", "expected a row: an array of numbers or an object. Got 'nonsense'"),
    ("3", "expected a row: an array of numbers or an object. Got '3'"),
    ("[1, 2", "expected a comma or the end of the array. Got the end of the text"),
    ("[1, 2,]", r"expected a finite number. Got '\]'"),
    ("[1 2]", "expected a comma or the end of the array. Got '2'"),
    ("[01, 2]", "expected a finite number. Got '01'"),
    ("[.5, 2]", "expected a finite number. Got '.5'"),
    ("[5., 2]", "expected a finite number. Got '5.'"),
    ("[+5, 2]", r"expected a finite number. Got '\+5'"),
    ("[NaN, 2]", "expected a finite number. Got 'NaN'"),
    ("[-Infinity, 2]", "expected a finite number. Got '-Infinity'"),
    ("[null, 2]", "expected a finite number. Got 'null'"),
    ("[true, 2]", "expected a finite number. Got 'true'"),
    ('["1", 2]', "expected a finite number. Got '\"1\"'"),
    ("[[1], 2]", r"expected a finite number. Got '\['"),
    ("[1e39, 2]", "expected a number within float32. Got '1e39'"),
    ("[1, 2] [3, 4]", r"expected the end of the line after a row. Got '\['"),
    ("[1, 2, 3]", "expected a row of width 2. Got 3. Write all rows with one width"),
    ('{"features": [1, 2], }', "expected a member's name in quotes. Got '}'"),
    ('{"features": [1, 2] "x": 1}', "expected a comma or the end of the object. Got '\"x\"'"),
    ('{"features" [1, 2]}', r"expected a colon after a member's name. Got '\['"),
    ("{'features': [1, 2]}", "expected a member's name in quotes. Got ''features''"),
    ('{"features": [1, 2], "features": [1, 2]}', "expected a row with features once. Got twice"),
    (
        '{"features": [1, 2], "values": [1, 2]}',
        "expected a member named one of features, data, label.*Got 'values'",
    ),
    ('{"features": [1, 2], "lable": 1}', "Got 'lable'. Take it out, or read the rows as tables"),
    ('{"data": {"x": 1}}', "expected a member named one of features, label. Got 'x'"),
    ('{"features": {"x": 1}}', "expected a member named one of keys, shape, values. Got 'x'"),
    ('{"label": 1}', 'expected a row with features. Got none. Give it {"features":'),
    ("{}", "expected a row with features. Got none"),
    ('{"features": {}}', "expected values, or keys, shape and values. Got none of them"),
    (
        '{"features": 3}',
        "expected an array of numbers, or an object of values or of keys, shape and values. Got '3'",
    ),
    (
        '{"features": {"keys": [1], "values": [1]}}',
        "expected keys, shape and values. Got no shape. Sparse features need",
    ),
    ('{"features": {"keys": [1], "shape": [2]}}', "expected keys, shape and values. Got no values"),
    (
        '{"features": {"keys": [0, 1], "shape": [2], "values": [1]}}',
        r"expected as many keys as values \(1\). Got 2",
    ),
    (
        '{"features": {"keys": [2], "shape": [2], "values": [1]}}',
        r"expected keys in \[0, 2\), as the shape says. Got 2",
    ),
    (
        '{"features": {"keys": [-1], "shape": [2], "values": [1]}}',
        r"expected keys in \[0, 2\), as the shape says. Got -1",
    ),
    (
        '{"features": {"keys": [1.0], "shape": [2], "values": [1]}}',
        "expected an integer of at most 64 bits. Got '1.0'",
    ),
    (
        '{"features": {"keys": [99999999999999999999], "shape": [2], "values": [1]}}',
        "an integer of at most 64 bits",
    ),
    (
        '{"features": {"keys": [1], "shape": [4294967296], "values": [1]}}',
        "a shape of at most 2147483648 columns",
    ),
    (
        '{"features": {"keys": [1], "shape": [-2], "values": [1]}}',
        "a shape of at most 2147483648 columns. Got -2",
    ),
    (
        '{"features": {"shape": [3], "values": [1, 2]}}',
        r"as many values as the shape says \(3\).*Got 2 values without keys",
    ),
    (
        '{"features": {"keys": [], "keys": [], "shape": [2], "values": []}}',
        "expected the member 'keys' once. Got twice",
    ),
    ('{"features": [1, 2], "label": 1}', "expected a label in every row or in none. Got the first"),
    ('{"features": [1, 2], "weight": 1}', "expected a weight in every row or in none. Got the first"),
    ('{"features": [1, 2], "weight": -1}', "expected a weight of at least 0. Got a negative one"),
    ('{"features": [1, 2], "label": null}', "expected a finite number. Got 'null'"),
    ('{"features": [1, 2], "label": {"values": [1, 2]}}', "expected one number as the label. Got 2 numbers"),
    ('{"fea\ttures": 1}', "expected a string that ends in a quote, without control characters"),
    ('{"features', "expected a string that ends in a quote"),
    ('{"\\x": 1}', r"expected an escape of JSON. Got '\\x'"),
    ('{"\\u12g4": 1}', "expected four hexadecimal digits"),
    ('{"\\ud800": 1}', "expected a surrogate pair. Got one half of it"),
    ('{"é": 1}', r"Got '\\xc3\\xa9'"),
    ("[" * 100_000, r"expected a finite number. Got '\['"),
    ('{"a":' * 100_000, "expected a member named one of"),
]


@pytest.mark.parametrize(("row", "error"), BAD_ROWS, ids=[row[:40] for row, _ in BAD_ROWS])
def test_bad_rows(row, error):
    text = f"[1, 2]\n\n[1, 2]\n{row}\n[1, 2]\n"
    for options in ({}, {"chunk_bytes": 5}, {"chunk_bytes": 5, "n_threads": 2}):
        with pytest.raises(DataError, match=error) as caught:
            read(text, **options)
        assert (caught.value.line, caught.value.source) == (4, "<stream>")
    with pytest.raises(DataError) as caught:
        read(f'{{"instances": [[1, 2], {row} ]}}', "application/json")
    assert caught.value.row in (2, 3)  # 3: the fault is what follows the row


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[[1, 2]]", r"expected an object. Got '\['"),
        ("{}", "expected a member 'instances', an array of rows. Got none"),
        ('{"instances": 3}', "expected an array. Got '3'"),
        ('{"instances": [], "x": 1}', "expected one member, 'instances'. Got 'x'"),
        ('{"instances": [], "instances": []}', "expected one member, 'instances'. Got 'instances'"),
        ('{"instances": [[1]]} x', "expected the end of the document. Got 'x'"),
        ('{"instances": [[1], [1, 2]]}', "row 2, byte 20: expected a row of width 1. Got 2"),
        ('{"instances": []}', "expected at least one row"),
    ],
)
def test_bad_documents(text, error):
    with pytest.raises(DataError, match=error):
        read(text, "application/json")


def test_a_document_has_a_limit():
    text = json.dumps({"instances": [[1] * 1000]})
    assert read(text, "application/json", max_bytes=len(text)).n_features == 1000
    with pytest.raises(
        DataError, match=r"expected a document of at most 100 bytes. Got a longer one. Write JSON Lines"
    ):
        read(text, "application/json", max_bytes=100)


def test_width_that_the_caller_states():
    assert read("[0, 0]", n_features=2).n_features == 2
    with pytest.raises(DataError, match=r"line 1: expected a row of width 3. Got 2"):
        read("[0, 0]", n_features=3)


def test_blank_text():
    for text in ("", "\n \n\t\r\n"):
        with pytest.raises(DataError, match="expected at least one row"):
            read(text)


FLOATS = st.floats(-1e6, 1e6, width=32)


@st.composite
def batches(draw):
    width = draw(st.sampled_from([1, 5, 300]))
    rows = draw(
        st.lists(st.lists(st.integers(0, width - 1), max_size=6, unique=True), min_size=1, max_size=6)
    )
    n = sum(map(len, rows))
    values = draw(st.none() | st.lists(FLOATS.filter(bool), min_size=n, max_size=n))
    labels = draw(st.none() | st.lists(FLOATS, min_size=len(rows), max_size=len(rows)))
    weights = draw(st.none() | st.lists(FLOATS.map(abs), min_size=len(rows), max_size=len(rows)))
    return RowBatch(
        np.cumsum([0, *map(len, rows)]).astype(np.int64),
        np.array([i for row in rows for i in sorted(row)], np.int32),
        None if values is None else np.array(values, np.float32),
        width,
        *(None if numbers is None else np.array(numbers, np.float32) for numbers in (labels, weights)),
    )


@given(batches(), st.sampled_from(["sparse", "dense"]), st.sampled_from([1, 50, 1 << 20]))
def test_round_trip(batch, layout, chunk_bytes):
    text = written([batch, batch], layout=layout)
    assert_equal_rows(read(text, chunk_bytes=chunk_bytes), joined([batch, batch]))
    assert_equal_rows(read(text), json_rows.parse_lines(text))
    document = written([batch, batch], "application/json", layout=layout)
    assert document.count("data") == len(json.loads(document)["instances"])
    assert_equal_rows(read(document, "application/json"), joined([batch, batch]))


ONE = RowBatch(
    np.array([0, 2]), np.array([2, 0], np.int32), np.array([0.1, 1], np.float32), 3, np.array([5], np.float32)
)


def test_what_is_written():
    sparse = '{"data":{"features":{"keys":[2,0],"shape":[3],"values":[0.1,1]}},"label":5}'
    dense = '{"data":{"features":{"values":[1,0,0.1]}},"label":5}'
    assert written([ONE]) == sparse + "\n"
    assert written([ONE], layout="dense") == dense + "\n"
    assert (
        written([ONE, ONE], "application/json", layout="dense")
        == f'{{"instances":[\n{dense},\n{dense}\n]}}\n'
    )


def test_repeated_indices_add_up_in_dense_form():
    twice = RowBatch(np.array([0, 2]), np.array([1, 1], np.int32), None, 2)
    assert written([twice], layout="dense") == '{"data":{"features":{"values":[0,2]}}}\n'


def test_what_cannot_be_written():
    wider = RowBatch(ONE.indptr, np.array([3, 0], np.int32), None, 4)
    for layout in ("sparse", "dense"):
        with pytest.raises(
            DataError, match=r"row 2: expected a column index in \[0, 3\). Got 3. Pass n_features"
        ):
            written([ONE, wider], layout=layout)
        infinite = RowBatch(ONE.indptr, ONE.indices, np.array([np.inf, 1], np.float32), 3)
        with pytest.raises(DataError, match=r"row 1, field 'value': expected finite numbers. Got inf"):
            written([infinite], layout=layout)
    with pytest.raises(DataError, match="field 'layout'"):
        written([ONE], layout="wide")


@given(st.text('[]{}":,0.1eE-\\u \nfeaturkysvlpd', max_size=60) | st.binary(max_size=60))
def test_no_text_can_do_harm(text):
    for content_type in ("application/jsonlines", "application/json"):
        with contextlib.suppress(DataError):
            read(text, content_type)
