"""Nothing gets in unsigned, for any operation, and each refusal is worded as its clients read it."""

import asyncio

import pytest
from asking import ask, raw_request, request_of, scope_of, sign
from shape_values import value_of

from pairloom.control_plane import operations, resources
from pairloom.control_plane.app import Application
from pairloom.control_plane.opening import open_service
from pairloom.control_plane.wire.models import wire_service
from pairloom.control_plane.wire.signatures.verification import SKEW_S

OFFERED = sorted(operations.offered())
ANSWERS = {
    "unsigned": {
        "json": ("MissingAuthenticationTokenException", 400),
        "query": ("MissingAuthenticationToken", 403),
        "s3": ("AccessDenied", 403),
    },
    "wrong secret": {
        "json": ("InvalidSignatureException", 400),
        "query": ("SignatureDoesNotMatch", 403),
        "s3": ("SignatureDoesNotMatch", 403),
    },
    "unknown key": {
        "json": ("UnrecognizedClientException", 400),
        "query": ("InvalidClientTokenId", 403),
        "s3": ("InvalidAccessKeyId", 403),
    },
    "another body": {
        "json": ("InvalidSignatureException", 400),
        "query": ("SignatureDoesNotMatch", 403),
        "s3": ("XAmzContentSHA256Mismatch", 400),
    },
    "another day": {
        "json": ("InvalidSignatureException", 400),
        "query": ("SignatureDoesNotMatch", 403),
        "s3": ("RequestTimeTooSkewed", 403),
    },
    "half a header": {
        "json": ("IncompleteSignatureException", 400),
        "query": ("IncompleteSignature", 400),
        "s3": ("AuthorizationHeaderMalformed", 400),
    },
}
S3_REQUESTS = [
    ("GET", "/"), ("PUT", "/bucket"), ("GET", "/bucket"), ("DELETE", "/bucket"), ("POST", "/bucket"),
    ("PUT", "/bucket/key"), ("GET", "/bucket/key"), ("DELETE", "/bucket/key"), ("POST", "/bucket/key"),
]  # fmt: skip
assert resources.__name__  # offers them


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """An application whose every operation and object store tells that it was reached."""
    reached = []

    async def face(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        reached.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    for key in operations.offered():
        monkeypatch.setitem(operations._HANDLERS, key, lambda call, key=key: reached.append(key) or {})
    with open_service(tmp_path / "data") as service:
        yield Application(service, face), reached


def asked(application, fault, make, signing_name):
    """Ask with one fault; `make()` returns the request."""
    keys = application.service.credentials
    request, body = make(), None
    if fault == "unsigned":
        return ask(application, request)
    access_key = "AKIAUNKNOWN" if fault == "unknown key" else keys.access_key
    secret_key = "another secret" if fault == "wrong secret" else keys.secret_key
    sign(request, signing_name, access_key, secret_key)
    if fault == "another body":
        body = request.prepare().body or b""
        body = (body.encode() if isinstance(body, str) else body) + b" "
    if fault == "half a header":
        request.headers.replace_header(
            "Authorization", request.headers["Authorization"].partition(", Sig")[0]
        )
    clock = application.service.clock
    if fault == "another day":
        application.service.clock = lambda: clock() + SKEW_S + 5
    said = ask(application, request, body=body)
    application.service.clock = clock
    return said


def kind_of(protocol_name):
    return {"query": "query", "rest-xml": "s3"}.get(protocol_name, "json")


@pytest.mark.parametrize("fault", ANSWERS)
def test_every_operation_refuses(fault, gate):
    application, reached = gate
    for service_id, name in OFFERED:
        service = wire_service(service_id)
        operation = service.model.operation_model(name)
        values = value_of(operation.input_shape, in_head=True) if operation.input_shape else {}
        said = asked(application, fault, lambda: request_of(service_id, name, values), service.signing_name)  # noqa: B023
        code, status = ANSWERS[fault][kind_of(service.protocol)]
        assert (said.error(service.protocol)[0], said.status) == (code, status), (service_id, name, said)
    assert reached == []


@pytest.mark.parametrize("fault", ANSWERS)
def test_every_request_to_s3_is_refused(fault, gate):
    application, reached = gate
    for method, path in S3_REQUESTS:
        body = b"content" if method in ("PUT", "POST") else b""
        if fault == "another body" and not body:
            continue
        said = asked(application, fault, lambda: raw_request(method, path, body), "s3")  # noqa: B023
        code, status = ANSWERS[fault]["s3"]
        assert (said.error("rest-xml")[0], said.status) == (code, status), (method, path, said)
    assert reached == []


def test_what_is_signed_right_reaches_its_operation(gate):
    application, reached = gate
    keys = application.service.credentials
    pair = keys.access_key, keys.secret_key
    request = request_of("sagemaker", "DescribeModel", {"ModelName": "m"})
    assert ask(application, sign(request, "sagemaker", *pair)).status == 200
    assert ask(application, sign(raw_request("PUT", "/b/k", b"data"), "s3", *pair)).status == 200
    assert reached == [("sagemaker", "DescribeModel"), "/b/k"]


def test_head_is_refused_without_a_body(gate):
    said = ask(gate[0], raw_request("HEAD", "/bucket/key"))
    assert (said.status, said.body) == (403, b"")


def test_health_is_told_to_everybody_and_nothing_else(gate):
    assert ask(gate[0], raw_request("GET", "/_pairloom/health")).body == b'{"status": "ok"}'
    assert ask(gate[0], raw_request("GET", "/_pairloom/health/..%2f")).status == 403


def test_a_service_that_is_not_spoken_is_named_to_its_clients(gate):
    keys = gate[0].service.credentials
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}
    request = sign(raw_request("POST", "/", b"{}", headers), "dynamodb", keys.access_key, keys.secret_key)
    code, message = ask(gate[0], request).error("json")
    assert code == "UnknownService"
    assert "'dynamodb'" in message
    assert "sagemaker" in message


@pytest.mark.parametrize(
    "host",
    ["data.s3.us-west-2.amazonaws.com", "data.s3.amazonaws.com", "data.s3.localhost:8321", "data.localhost"],
)
def test_a_bucket_may_stand_in_the_host(host, gate):
    application, reached = gate
    keys = application.service.credentials
    request = raw_request("GET", "/a%20key", headers={"Host": host})
    assert ask(application, sign(request, "s3", keys.access_key, keys.secret_key)).status == 200
    assert reached == ["/data/a key"]


def test_no_body_is_read_for_a_claim_that_cannot_hold(gate):
    application, _ = gate
    keys = application.service.credentials
    request = request_of("sagemaker", "DescribeModel", {"ModelName": "m"})
    scope = scope_of(sign(request, "sagemaker", "AKIAUNKNOWN", keys.secret_key))
    said = []

    async def receive():
        raise AssertionError("the body must stay where it is")

    async def send(message):
        said.append(message)

    asyncio.run(application(scope, receive, send))
    assert b"UnrecognizedClientException" in said[1]["body"]


def test_bodies_have_a_room_that_they_share_and_leave(gate, monkeypatch):
    application, _ = gate
    room = application._room
    keys = application.service.credentials

    def ask_with(n_bytes):
        values = {"ModelName": "m" * n_bytes}
        request = sign(
            request_of("sagemaker", "DescribeModel", values), "sagemaker", keys.access_key, keys.secret_key
        )
        return ask(application, request)

    monkeypatch.setattr(room, "limit_bytes", 1000)
    assert ask_with(10).status == 200
    said = ask_with(1000)
    assert (said.status, said.error("json")[0]) == (503, "ServiceUnavailable")
    assert room.n_bytes == 0
    with room.place() as place:
        place.take(990)
        assert ask_with(10).status == 503
    assert ask_with(10).status == 200
