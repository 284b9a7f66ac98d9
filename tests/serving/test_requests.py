"""What is refused, how, and what is respected."""

import itertools
import json
import re

import numpy as np
import pytest
from endpoint_clients import ONE, make_client

from pairloom.algorithms.contract import Refusals, refusals_of
from pairloom.algorithms.factorization_machines import FactorizationMachines
from pairloom.errors import DataError
from pairloom.serving.refused import CODES

SENTENCE = re.compile(r"\S.*\.", re.DOTALL)


def check_error(response, status, *parts):
    assert response.status == status, response.body
    assert response.headers["content-type"] == "application/json"
    assert list(response.json) == ["error", "message"]
    assert response.json["error"] == CODES[status]
    assert SENTENCE.fullmatch(response.json["message"])
    for part in parts:
        assert part in response.json["message"]


@pytest.mark.parametrize(
    ("body", "content_type", "part"),
    [
        (b"", "application/json", "at least one row"),
        (b'{"instances": []}', "application/json", "at least one row"),
        (b"\n \n", "application/jsonlines", "at least one row"),
        (b"\n\n", "text/csv", "at least one row"),
        (b"{", "application/json", "Request body, row 1, byte 1"),
        (b'{"instances": [{"features": [1, "x"]}]}', "application/json", "Request body, row 1, byte 32"),
        (b'{"rows": []}', "application/json", "instances"),
        (b'{"features": [1]}\n{"features": }\n', "application/jsonlines", "Request body, line 2"),
        (
            b'{"features": {"keys": [1], "values": [1]}}',
            "application/jsonlines",
            "Sparse features need all three",
        ),
        (b"1,2\n3,x\n", "text/csv", "line 2"),
        (b"1,2\n3\n", "text/csv", "line 2"),
        (b"1:2 1:x\n", "text/libsvm", "line 1"),
        (b"\xff\xfe", "application/json", "Request body"),
        (b"\x0a\x23\xd7\xce\xff\xff\xff\x1f", "application/x-recordio-protobuf", "Request body"),
    ],
)
def test_a_bad_body_is_a_sentence(client, body, content_type, part):
    check_error(client.post(body, content_type), 400, part)


class Overflowing:
    """A model whose answers are the sums of the rows, as float32."""

    n_features = 3

    def predict(self, rows, *, n_threads=1):
        with np.errstate(over="ignore"):
            sums = [rows.values[a:b].sum() for a, b in itertools.pairwise(rows.indptr)]
        return {"score": np.array(sums, np.float32)}


def test_an_answer_that_is_not_finite_is_a_sentence(classifier):
    client = make_client(type(classifier)(classifier.algorithm, Overflowing()))
    assert client.post(b'{"instances":[[2, 3]]}').json == {"predictions": [{"score": 5.0}]}
    check_error(client.post(b'{"instances":[[1, 2], [3e38, 3e38]]}'), 400, "row 2", "finite", "inf")


def test_unknown_types(client):
    for content_type in ("text/html", "image/png", "application/x-parquet", "nonsense", "text/csv; rows=3"):
        check_error(client.post(ONE, content_type), 415)
    assert "text/csv; rows=3" in client.post(ONE, "text/csv; rows=3").json["message"]
    check_error(
        client.post(ONE, "application/json", "text/html"), 406, "application/json, application/jsonlines"
    )


def test_a_compressed_body_is_refused(client):
    check_error(client.post(ONE, "application/json", content_encoding="gzip"), 415, "identity", "gzip")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON;verbose=true", None]
)
def test_spellings_of_a_content_type(client, content_type):
    assert client.post(ONE, content_type).status == 200


def test_csv_parameters(client):
    width = 32
    rows = np.zeros((2, width))
    rows[:, [1, 17]] = 1
    bare = "\n".join(",".join(f"{x:g}" for x in row) for row in rows).encode()
    labelled = "\n".join(",".join(f"{x:g}" for x in [9, *row]) for row in rows).encode()
    named = ",".join(f"f{i}" for i in range(width)).encode() + b"\n" + bare
    expected = client.post(bare, "text/csv").json
    assert expected["predictions"][0] == client.post(ONE).json["predictions"][0]
    assert client.post(labelled, "text/csv; label_size=1").json == expected
    assert client.post(named, "text/csv").json == expected
    assert client.post(named, "text/csv;header=present;charset=utf-8").json == expected
    assert client.post(bare.replace(b",", b"\t"), "text/tab-separated-values").json == expected


def test_sagemakers_headers(client):
    sent = {"x_amzn_sagemaker_custom_attributes": "trace=7", "x_amzn_sagemaker_inference_id": "abc"}
    for body in (ONE, b"{"):
        response = client.post(body, "application/json", **sent, x_amzn_sagemaker_target_variant="v1")
        assert response.headers["x-amzn-sagemaker-custom-attributes"] == "trace=7"
        assert response.headers["x-amzn-sagemaker-inference-id"] == "abc"
        assert "x-amzn-sagemaker-target-variant" not in response.headers
    check_error(
        client.post(ONE, x_amzn_sagemaker_target_model="a.tar.gz"), 400, "X-Amzn-SageMaker-Target-Model"
    )
    check_error(
        client.post(ONE, x_amzn_sagemaker_session_id="NEW_SESSION"), 400, "X-Amzn-SageMaker-Session-Id"
    )


def test_other_routes(client):
    ping = client.get("/ping")
    assert (ping.status, ping.body) == (200, b"")
    parameters = client.get("/execution-parameters").json
    assert parameters == {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}
    check_error(client.get("/models"), 404, "/models")
    check_error(client.get("/invocations"), 405, "POST", "GET")
    check_error(client.request("DELETE", "/ping", b"", {}), 405)


def test_metrics_count_what_happened(classifier):
    client = make_client(classifier)
    for body in (ONE, ONE, b"{", b'{"instances":[[1,0],[0,1]]}'):
        client.post(body)
    text = client.get("/metrics").body.decode()
    numbers = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert numbers['pairloom_endpoint_requests_total{status="200"}'] == "3"
    assert numbers['pairloom_endpoint_requests_total{status="400"}'] == "1"
    assert numbers["pairloom_endpoint_rows_total"] == "4"
    assert numbers["pairloom_endpoint_requests_in_flight"] == "0"
    for kind in ("model", "overhead"):
        name = f"pairloom_endpoint_{kind}_latency_seconds"
        assert numbers[f"{name}_count"] == numbers[f'{name}_bucket{{le="+Inf"}}'] == "3"
        assert 0 < float(numbers[f"{name}_sum"]) < 3
        buckets = [int(value) for key, value in numbers.items() if key.startswith(f"{name}_bucket")]
        assert buckets == sorted(buckets)


def test_prometheus_reads_the_metrics(client):
    parser = pytest.importorskip("prometheus_client.parser", reason="needs prometheus_client")
    families = {
        family.name: family
        for family in parser.text_string_to_metric_families(client.get("/metrics").body.decode())
    }
    assert families["pairloom_endpoint_model_latency_seconds"].type == "histogram"
    assert families["pairloom_endpoint_requests"].type == "counter"


class Xgboostish(FactorizationMachines):
    """An algorithm whose container refuses in its own way."""

    refusals = Refusals(empty_body=204, unreadable_body=415)
    response_content_types = ("text/csv", "application/json")


def test_an_algorithm_declares_how_it_refuses(classifier, monkeypatch):
    assert refusals_of(FactorizationMachines) == Refusals(400, 400, 400)
    monkeypatch.setattr("pairloom.serving.scoring.algorithm", lambda name: Xgboostish)
    client = make_client(classifier)
    empty = client.post(b"", "text/csv")
    assert (empty.status, empty.body) == (204, b"")
    check_error(client.post(b"1,x", "text/csv"), 415, "line 1")
    assert re.fullmatch(r"0\.\d+,[01]\.0\n", client.post(ONE, "application/json").body.decode())


class Broken:
    n_features = 3

    def predict(self, rows, *, n_threads=1):
        if rows.n_rows > 1:
            raise DataError("one row at a time")
        if rows.n_rows:
            raise ZeroDivisionError("secret")
        return {"score": np.zeros(0, np.float32)}


def test_a_model_that_fails_is_500_and_says_nothing_of_itself(classifier, capfd):
    client = make_client(type(classifier)(classifier.algorithm, Broken()))
    response = client.post(ONE)
    check_error(response, 500)
    assert b"secret" not in response.body
    events = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert "secret" in next(event for event in events if event["event"] == "model failed")["traceback"]
    check_error(client.post(b'{"instances":[[1],[2]]}'), 400, "one row at a time")
    assert client.get("/ping").status == 200


def test_the_default_accept_can_be_set(classifier):
    client = make_client(classifier, default_accept="text/csv")
    assert client.post(ONE).headers["content-type"] == "text/csv"
    assert client.post(ONE, accept="application/json").headers["content-type"] == "application/json"


def test_a_token_is_asked_for(classifier):
    token = "a-token-of-some-length"
    client = make_client(classifier, token=token, host="0.0.0.0")
    assert client.get("/ping").status == 200
    for path in ("/metrics", "/execution-parameters", "/nowhere"):
        check_error(client.get(path), 401, "Authorization: Bearer")
    check_error(client.post(ONE), 401)
    check_error(client.post(ONE, authorization="Bearer another-token-here"), 401)
    assert client.post(ONE, authorization=f"Bearer {token}").status == 200
    assert client.get("/metrics", authorization=f"Bearer {token}").status == 200


def test_a_long_body_is_refused_before_it_is_read(classifier):
    client = make_client(classifier, max_body_bytes=100)
    check_error(client.post(ONE + b" " * 100), 413, "at most 100 bytes")
    stated = client.request("POST", "/invocations", b"", {"content-length": "101"})
    check_error(stated, 413, "Got 101 bytes")
    assert stated.headers["connection"] == "close"
    pieces = client.request("POST", "/invocations", b"", {}, pieces=[b" " * 60] * 1000)
    check_error(pieces, 413)
    assert client.post(ONE).status == 200
