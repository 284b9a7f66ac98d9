"""Every algorithm of the catalogue, by every content type, in every form of answer."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from endpoint_clients import make_client

from pairloom.algorithms.catalogue import algorithm_names
from pairloom.formats import write_rows
from pairloom.formats.answers import ANSWER_TYPES, format_answers
from pairloom.formats.recordio_protobuf import read_records
from pairloom.testing.cases import CASES

REQUESTS = {
    "application/json": [{"layout": "sparse"}, {"layout": "dense"}],
    "application/jsonlines": [{"layout": "sparse"}, {"layout": "dense"}],
    "text/csv": [{"label_size": 0}],
    "text/libsvm": [{"has_labels": False}, {"has_labels": True}],
    "application/x-recordio-protobuf": [{"layout": "sparse"}, {"layout": "dense"}],
}


def body_of(rows, content_type, options):
    stream = io.BytesIO()
    n_features = {} if content_type == "text/libsvm" else {"n_features": rows.n_features}
    write_rows([rows], stream, content_type=content_type, **options, **n_features)
    return stream.getvalue()


def test_every_algorithm_has_a_case():
    assert {case.algorithm_name for case in CASES} == set(algorithm_names())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answers(case, artifacts):
    artifact, client = artifacts[case.name], make_client(artifacts[case.name])
    rows = case.test.part(0, 7)
    bare = replace(rows, labels=None, weights=None, fields=None)
    expected = artifact.model.predict(bare)
    list_name = case.algorithm.answers_name
    n_answers = 0
    for content_type, layouts in REQUESTS.items():
        for options in layouts:
            labels = np.ones(7, np.float32) if options.get("has_labels") else None
            body = body_of(replace(bare, labels=labels), content_type, options)
            for accept in ANSWER_TYPES:
                response = client.post(body, content_type, accept)
                assert response.status == 200, response.body
                assert response.headers["content-type"] == accept
                assert response.headers["content-length"] == str(len(response.body))
                if case.exact:
                    assert response.body == format_answers(expected, accept, list_name=list_name)
                check_shape(response.body, accept, expected, list_name)
                n_answers += 1
    assert n_answers == 36


def check_shape(body, accept, expected, list_name):
    names = list(expected)
    if accept == "application/x-recordio-protobuf":
        rows = [
            {name: value.float32_tensor.values for name, value in record.label.items()}
            for record in read_records(io.BytesIO(body))
        ]
    elif accept == "text/csv":
        numbers = [[float(cell) for cell in line.split(",")] for line in body.decode().splitlines()]
        joined = np.column_stack([expected[name] for name in names])
        np.testing.assert_allclose(numbers, joined, rtol=1e-4, atol=1e-5)
        return
    elif accept == "application/json":
        document = json.loads(body)
        assert list(document) == [list_name]
        rows = document[list_name]
    else:
        rows = [json.loads(line) for line in body.splitlines()]
    assert all(list(row) == names for row in rows)
    for name in names:
        got = np.array([np.atleast_1d(row[name]) for row in rows])
        want = expected[name].reshape(len(got), -1)
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_without_accept_the_first_declared_type(case, artifacts):
    client = make_client(artifacts[case.name])
    body = body_of(replace(case.test.part(0, 1), labels=None), "application/json", {})
    first = case.algorithm.response_content_types[0]
    for accept in (None, "*/*", f"{first}; verbose=true"):
        assert client.post(body, "application/json", accept).headers["content-type"] == first
