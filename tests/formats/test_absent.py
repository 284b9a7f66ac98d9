"""Rows read with absent="missing": zeros are kept, what is missing is left out; every dense form alike."""

import io
import math

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from pairloom.errors import DataError
from pairloom.formats import _native, read_rows
from pairloom.formats.registry import by_content_type

CELLS = [[0.0, 2.5, None], [None, None, None], [1.0, 0.0, -3.0], [1.0, 1.0, 1.0]]
LABELS = [1.0, 0.0, 0.0, 1.0]
EXPECTED = [{0: 0.0, 1: 2.5}, {}, {0: 1.0, 1: 0.0, 2: -3.0}, {0: 1.0, 1: 1.0, 2: 1.0}]


def in_csv(missing):
    lines = [
        ",".join(map(str, [y, *(missing if x is None else x for x in row)]))
        for y, row in zip(LABELS, CELLS, strict=True)
    ]
    return "\n".join(lines).encode()


def in_json_lines(missing):
    rows = ["[" + ", ".join(missing if x is None else str(x) for x in row) + "]" for row in CELLS]
    return "\n".join(
        f'{{"features": {row}, "label": {y}}}' for row, y in zip(rows, LABELS, strict=True)
    ).encode()


def in_json(missing):
    return b'{"instances": [' + in_json_lines(missing).replace(b"\n", b", ") + b"]}"


def in_recordio(dtype):
    values = np.array([[math.nan if x is None else x for x in row] for row in CELLS], dtype)
    return _native.write_dense_records(values, np.array(LABELS, np.float32)).tobytes()


def in_parquet(dtype):
    columns = {f"f{i}": pa.array([row[i] for row in CELLS], dtype) for i in range(3)}
    out = io.BytesIO()
    parquet.write_table(pa.table({"label": LABELS, **columns}), out)
    return out.getvalue()


FORMS = {
    "csv empty": ("text/csv", in_csv("")),
    "csv nan": ("text/csv", in_csv("nan")),
    "csv -NaN in blanks": ("text/csv", in_csv("  -NaN ")),
    "json lines null": ("application/jsonlines", in_json_lines("null")),
    "json lines NaN": ("application/jsonlines", in_json_lines("NaN")),
    "json": ("application/json", in_json("null")),
    "recordio float32": ("application/x-recordio-protobuf", in_recordio(np.float32)),
    "recordio float64": ("application/x-recordio-protobuf", in_recordio(np.float64)),
    "parquet float": ("application/x-parquet", in_parquet(pa.float32())),
    "parquet double": ("application/x-parquet", in_parquet(pa.float64())),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n_threads", [1, 2])
def test_zeros_stay_and_missing_values_go(form, n_threads):
    content_type, data = FORMS[form]
    batches = list(
        read_rows(io.BytesIO(data), content_type=f"{content_type}; absent=missing", n_threads=n_threads)
    )
    found, labels = [], []
    for rows in batches:
        assert rows.n_features == 3
        values = np.ones(len(rows.indices)) if rows.values is None else rows.values
        labels += rows.labels.tolist()
        found += [
            dict(zip(rows.indices[a:b].tolist(), values[a:b].tolist(), strict=True))
            for a, b in zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
        ]
    assert found == EXPECTED
    assert labels == LABELS


@pytest.mark.parametrize("form", FORMS)
def test_missing_values_are_errors_otherwise(form):
    content_type, data = FORMS[form]
    with pytest.raises(DataError):
        list(read_rows(io.BytesIO(data), content_type=content_type))


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("text/csv", b",1,2\n"),
        ("text/csv", b"nan,1,2\n"),
        ("text/csv", b"1,inf,2\n"),
        ("text/csv", b"1,nana,2\n"),
        ("application/jsonlines", b'{"features": [1, 2], "label": null}'),
        ("application/jsonlines", b"[1, nulls]"),
        ("application/jsonlines", b"[1, Infinity]"),
        ("application/jsonlines", b"[null"),
    ],
)
def test_labels_infinities_and_other_words_are_still_errors(content_type, data):
    with pytest.raises(DataError):
        list(read_rows(io.BytesIO(data), content_type=f"{content_type}; absent=missing", **(
            {"header": False} if content_type == "text/csv" else {}
        )))  # fmt: skip


def test_a_sparse_row_may_hold_a_missing_value():
    line = b'{"features": {"keys": [0, 2], "shape": [3], "values": [0, null]}}'
    (rows,) = read_rows(io.BytesIO(line), content_type="application/jsonlines; absent=missing")
    assert rows.indices.tolist() == [0]
    assert rows.values.tolist() == [0.0]


def test_the_word_is_checked():
    with pytest.raises(DataError, match=r"expected absent=zero or absent=missing. Got absent=nothing"):
        by_content_type("text/csv; absent=nothing")
