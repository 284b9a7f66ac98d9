"""Models with an encoder take raw columns."""

import json

import numpy as np
import pytest
from endpoint_clients import make_client

ROWS = [{"user": 3, "item": 5}, {"user": 7, "item": None}, {"user": "nobody", "item": 2}]


@pytest.fixture(scope="module")
def raw(raw_artifact):
    return make_client(raw_artifact)


@pytest.fixture(scope="module")
def expected(raw_artifact):
    (batch,) = raw_artifact.encoder.encode([{"user": str(row["user"]), "item": row["item"]} for row in ROWS])
    return raw_artifact.model.predict(batch)["score"]


def scores(response):
    assert response.status == 200, response.body
    return np.array([row["score"] for row in response.json["predictions"]], np.float32)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json.dumps({"instances": ROWS}), "application/json"),
        (json.dumps({"instances": [row | {"rating": 4, "time": "x"} for row in ROWS]}), "application/json"),
        ("\n".join(map(json.dumps, ROWS)), "application/jsonlines"),
        ("user,item\n3,5\n7,\nnobody,2\n", "text/csv"),
        ("rating,item,user\n1,5,3\n2,,7\n3,2,nobody\n", "text/csv"),
        ("3,5\n7,\nnobody,2\n", "text/csv"),
        ("9,3,5\n9,7,\n9,nobody,2\n", "text/csv; label_size=1"),
        ("user\titem\n3\t5\n7\t\nnobody\t2\n", "text/tab-separated-values; header=present"),
    ],
)
def test_raw_columns(raw, expected, body, content_type):
    np.testing.assert_array_equal(scores(raw.post(body.encode(), content_type)), expected)


def test_rows_of_numbers_are_taken_as_well(raw, raw_artifact):
    (batch,) = raw_artifact.encoder.encode([{"user": 3, "item": 5}])
    features = {"keys": batch.indices.tolist(), "shape": [batch.n_features], "values": [1, 1]}
    one = {"data": {"features": features}}
    expected = raw_artifact.model.predict(batch)["score"]
    for body, content_type in (
        (json.dumps({"instances": [one]}), "application/json"),
        (json.dumps(one), "application/jsonlines"),
        (" ".join(f"{i}:1" for i in batch.indices), "text/libsvm"),
    ):
        np.testing.assert_array_equal(scores(raw.post(body.encode(), content_type)), expected)


@pytest.mark.parametrize(
    ("body", "content_type", "part"),
    [
        (
            '{"instances": [{"user": 3, "item": 5}, {"user": 3}]}',
            "application/json",
            "row 2: expected an object with",
        ),
        ('{"instances": [{"usr": 3, "item": 5}]}', "application/json", "'user'"),
        ('{"user": 3, "item": 5}\n{"user": 3}\n', "application/jsonlines", "line 2"),
        ('{"instances": [{"user": {}, "item": 5}]}', "application/json", "Request body"),
        ('{"instances": [{"user": 3, "item": 5}', "application/json", "Request body"),
        ("1,2,3\n", "text/csv", "2 columns"),
        ("user,film\n1,2\n", "text/csv; header=present", "item"),
        ("", "text/csv", "at least one row"),
    ],
)
def test_what_is_missing_is_said(raw, body, content_type, part):
    response = raw.post(body.encode(), content_type)
    assert response.status == 400
    assert part in response.json["message"]
