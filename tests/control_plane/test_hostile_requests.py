"""Requests that no client would send, correctly signed: each gets one clear error, and the service goes on."""

import json

import pytest
from asking import ask, raw_request, request_of, sign
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pairloom.control_plane import operations
from pairloom.control_plane.app import DEFAULT_MAX_BODY_BYTES, MAX_BODY_BYTES, Application
from pairloom.control_plane.opening import open_service

JSON = {"Content-Type": "application/x-amz-json-1.1"}
REFUSED_FORMS = {"MalformedQueryString", "MalformedInput", "InvalidAction", "ValidationError"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    with open_service(tmp_path_factory.mktemp("service") / "data") as service:
        yield Application(service)


def send(application, request, signing_name, body=None):
    keys = application.service.credentials
    return ask(application, sign(request, signing_name, keys.access_key, keys.secret_key), body=body)


def rpc(application, body, target="SageMaker.DescribeModel", headers=None):
    request = raw_request("POST", "/", body, JSON | {"X-Amz-Target": target} | (headers or {}))
    return send(application, request, "sagemaker")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[]", "The body must be a JSON object"),
        (b'"text"', "The body must be a JSON object"),
        (b"{", "The body must be a JSON object"),
        (b"{}{}", "The body must be a JSON object"),
        (b'{"ModelName": NaN}', "The body must be a JSON object"),
        (b"\xff\xfe{}", "The body must be a JSON object"),
        (b'{"ModelName": "\xff"}', "The body must be a JSON object"),
        (b'{"ModelName": ' + b"[" * 100_000, "The body must be a JSON object"),
        (b'{"ModelName": ' * 50_000, "The body must be a JSON object"),
        (b'{"ModelName": ["m"]}', "Start of list found where not expected"),
        (b'{"ModelName": {"a": 1}}', "Start of structure or map found where not expected"),
        (b'{"ModelName": 1}', "NUMBER_VALUE can not be converted to a String"),
        (b'{"ModelName": true}', "TRUE_VALUE can not be converted to a String"),
        (b"<xml/>", "The body must be a JSON object"),
        (b"Action=DescribeModel", "The body must be a JSON object"),
    ],
    ids=lambda value: value[:16] if isinstance(value, bytes) else "",
)
def test_a_body_that_is_not_what_it_must_be(body, said, application):
    answer = rpc(application, body)
    code, message = answer.error("json")
    assert (code, answer.status) == ("SerializationException", 400)
    assert said in message
    assert len(message) < 500


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "less"),
        ("../../etc/passwd", "regular expression pattern"),
        ("..", "regular expression pattern"),
        ("a/b", "regular expression pattern"),
        ("a\\b", "regular expression pattern"),
        ("a\x00b", "regular expression pattern"),
        ("a\nb", "regular expression pattern"),
        ("m\n", "regular expression pattern"),
        ("%2e%2e", "regular expression pattern"),
        ("a" * 64, "length less than or equal to 63"),
        ("é", "regular expression pattern"),
        ("\ud7ff\U0010ffff", "regular expression pattern"),
    ],
)
def test_a_name_that_is_no_name(name, said, application):
    code, message = rpc(application, json.dumps({"ModelName": name}).encode()).error("json")
    assert code == "ValidationException"
    if name:
        assert said in message
    assert "validation error" in message or "Could not find" in message


@pytest.mark.parametrize("path", ["/endpoints/../../etc/passwd/invocations", "/endpoints/..%2f..%2fetc/invocations",
                                  "/endpoints/%2e%2e/invocations", "/endpoints/a%00b/invocations",
                                  "/endpoints//invocations", "/endpoints/%ff/invocations"])  # fmt: skip
def test_a_path_that_leads_elsewhere(path, application):
    answer = send(application, raw_request("POST", path, b"1,2", {"Content-Type": "text/csv"}), "sagemaker")
    assert 400 <= answer.status < 500
    assert b"passwd" not in answer.body or b"no operation" in answer.body or b"pattern" in answer.body


@pytest.mark.parametrize("name", ["../secrets", "a/../b", "a\x00b", "a b"])
def test_a_role_that_is_no_name(name, application):
    answer = send(application, request_of("iam", "GetRole", {"RoleName": name}), "iam")
    assert answer.status == 400
    assert answer.error("query")[0] == "ValidationError"


@pytest.mark.parametrize(
    "body",
    [b"Action=GetRole&RoleName=a&RoleName=b", b"Action=GetRole&RoleName=%ff", b"\xff\xfe", b"&".join([b"a=b"] * 3),
     b"&".join(b"a%d=b" % i for i in range(30_000)), b"Action=SimulatePrincipalPolicy&ActionNames.member.x=1",
     b"Action=SimulatePrincipalPolicy&MaxItems=many", b"Action=SimulatePrincipalPolicy&MaxItems=1" + b"0" * 30,
     b"Action=SimulatePrincipalPolicy&" + b"ActionNames.member." + b"1." * 5000 + b"=a"],
    ids=lambda body: body[:24],
)  # fmt: skip
def test_a_form_that_is_none(body, application):
    answer = send(application, raw_request("POST", "/", body, FORM), "iam")
    assert answer.status == 400
    assert answer.error("query")[0] in REFUSED_FORMS


@pytest.mark.parametrize(
    ("target", "code"),
    [("SageMaker.NoSuchThing", "UnknownOperationException"), ("SageMaker.", "UnknownOperationException"),
     ("SageMaker.__class__", "UnknownOperationException"), ("SageMaker." + "A" * 9000, "UnknownOperationException"),
     ("SageMaker", "UnknownOperationException"), ("", "UnknownOperationException"),
     ("SageMaker.CreateAlgorithm", "NotImplemented")],
    ids=lambda value: value[:24],
)  # fmt: skip
def test_an_operation_that_there_is_not(target, code, application):
    said, message = rpc(application, b"{}", target).error("json")
    assert said == code
    assert len(message) < 300


@pytest.mark.parametrize(
    "content_type", ["", "text/html", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_the_content_type_does_not_decide_what_a_body_is(content_type, application):
    answer = rpc(application, b'{"ModelName": "m"}', headers={"Content-Type": content_type})
    assert answer.error("json")[0] == "ValidationException"
    assert "Could not find" in answer.error("json")[1]


@pytest.mark.parametrize(
    ("service_id", "limit"), [("sagemaker", DEFAULT_MAX_BODY_BYTES), *MAX_BODY_BYTES.items()]
)
def test_a_body_that_is_too_long(service_id, limit, application):
    path = "/endpoints/a/invocations" if service_id == "sagemaker-runtime" else "/"
    headers = JSON | {"X-Amz-Target": "SageMaker.DescribeModel"} if path == "/" else {}
    answer = send(application, raw_request("POST", path, b" " * (limit + 1), headers), "sagemaker")
    assert answer.status == 413
    assert answer.error("json")[0] == "RequestEntityTooLarge"


@pytest.mark.parametrize("raw_path", ["/%ff", "/a%c3", "/%ed%a0%80"])
def test_a_path_that_is_not_unicode(raw_path, application):
    answer = ask(application, raw_request("GET", raw_path))
    assert (answer.error("rest-xml")[0], answer.status) == ("InvalidURI", 400)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
NAMES = sorted(
    name for service_id, name in operations.offered() if service_id == "sagemaker" and name[:4] != "List"
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_any_json_gets_an_answer_and_no_fault(application, data):
    name = data.draw(
        st.sampled_from([name for name in NAMES if name.startswith(("Create", "Describe", "Update"))])
    )
    shape = _members(name)
    values = data.draw(st.dictionaries(st.sampled_from(shape), VALUES, max_size=4))
    answer = rpc(application, json.dumps(values).encode(), f"SageMaker.{name}")
    assert answer.status in {200, 400}, answer


def _members(name):
    from pairloom.control_plane.wire.models import wire_service

    return sorted(wire_service("sagemaker").operation(name).input_shape.members)
