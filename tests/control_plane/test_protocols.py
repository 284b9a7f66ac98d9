"""What botocore writes is read, and what is written botocore reads: every member of every operation."""

from urllib.parse import urlencode

import pytest
from botocore.awsrequest import HeadersDict
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from shape_values import TEXT, plain, value_of

from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.models import SERVICE_IDS, wire_service
from pairloom.control_plane.wire.protocols import error_answer, protocol_of
from pairloom.control_plane.wire.protocols.query import form_of
from pairloom.control_plane.wire.request import RequestHead
from pairloom.control_plane.wire.routing import named_operation

SERVICES = [service_id for service_id in SERVICE_IDS if service_id != "s3"]
SPOKEN = [(service_id, wire_service(service_id).protocol) for service_id in SERVICES] + [
    ("cloudwatch", "query")
]


def head_of(request):
    """Return a request of botocore's serialiser as the wire sees it, and its body."""
    body = request["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    body = body.encode() if isinstance(body, str) else bytes(body)
    query = request["query_string"]
    pairs = query.items() if isinstance(query, dict) else query
    expanded = [
        (name, each) for name, value in pairs for each in (value if isinstance(value, list) else [value])
    ]
    scope = {
        "method": request["method"],
        "path": "",
        "raw_path": request["url_path"].encode(),
        "query_string": urlencode(expanded).replace("+", "%20").encode(),
        "headers": [
            (name.lower().encode(), str(value).encode("latin-1"))
            for name, value in request["headers"].items()
        ],
    }
    return RequestHead.of(scope), body


def target_of(service, head, body):
    protocol = protocol_of(service, head)
    return protocol, named_operation(service, head, form_of(head, body) if protocol.has_form else {})


@pytest.mark.parametrize(("service_id", "protocol_name"), SPOKEN)
def test_every_member_of_every_request_is_read(service_id, protocol_name):
    service = wire_service(service_id)
    model = ServiceModel(Loader().load_service_model(service_id, "service-2"), service_id)
    serialiser = create_serializer(protocol_name, include_validation=False)
    for name in model.operation_names:
        operation = model.operation_model(name)
        values = value_of(operation.input_shape, in_head=True) if operation.input_shape else {}
        head, body = head_of(serialiser.serialize_to_request(values, operation))
        protocol, target = target_of(service, head, body)
        assert target.operation.name == name
        assert protocol.read(target, head, body) == plain(values), name


@pytest.mark.parametrize(("service_id", "protocol_name"), SPOKEN)
def test_every_member_of_every_answer_is_written(service_id, protocol_name):
    service = wire_service(service_id)
    model = ServiceModel(Loader().load_service_model(service_id, "service-2"), service_id)
    serialiser, parser = (
        create_serializer(protocol_name, include_validation=False),
        create_parser(protocol_name),
    )
    for name in model.operation_names:
        operation = model.operation_model(name)
        if operation.has_event_stream_output:
            continue  # test_wire_answers.py reads one with boto3
        minimal = dict.fromkeys(operation.input_shape.members, "plain") if operation.input_shape else {}
        head, body = head_of(serialiser.serialize_to_request(in_path(operation, minimal), operation))
        protocol, target = target_of(service, head, body)
        values = value_of(operation.output_shape) if operation.output_shape else {}
        for given in (values, plain(values)):  # times may be given as either
            answer = protocol.answer(target, given, "request-1")
            body = (
                bytearray(answer.body) if operation.has_streaming_output else answer.body
            )  # it decodes bytes
            response = {"status_code": answer.status, "headers": HeadersDict(answer.headers), "body": body}
            read = parser.parse(response, operation.output_shape)
            read.pop("ResponseMetadata", None)
            assert read == values, name


def in_path(operation, values):
    shape = operation.input_shape
    if shape is None:
        return {}
    return {
        key: values[key]
        for key, member in shape.members.items()
        if member.serialization.get("location") == "uri"
    }


@pytest.mark.parametrize(("service_id", "protocol_name"), SPOKEN)
def test_an_error_is_read_as_botocore_reads_it(service_id, protocol_name):
    head = RequestHead("POST", "/", (), {"x-amz-target": "a.B"} if protocol_name == "json" else {})
    error = AwsError("ValidationException", TEXT)
    answer = error_answer(service_id, error, "request-1", head, "POST")
    response = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    read = create_parser(protocol_name).parse(response, None)
    assert read["Error"]["Code"] == "ValidationException"
    assert read["Error"]["Message"] == TEXT
    assert read["ResponseMetadata"]["RequestId"] == "request-1"
    assert answer.status == 400


def test_modelled_errors_have_their_status_and_members():
    fields = {"OriginalStatusCode": 500, "OriginalMessage": "it broke", "LogStreamArn": "arn:x", "Unknown": 1}
    answer = error_answer(
        "sagemaker-runtime", AwsError("ModelError", "no", fields=fields), "request-1", None, "POST"
    )
    assert answer.status == 424
    assert answer.headers["x-amzn-errortype"] == "ModelError"
    assert b'"OriginalStatusCode":500' in answer.body
    assert b"Unknown" not in answer.body
    assert error_answer("iam", AwsError("NoSuchEntity", "no"), "request-1", None, "POST").status == 404


def test_xml_holds_no_character_that_xml_cannot():
    answer = error_answer("sts", AwsError("A", "a\x00b\ud800c\x1b"), "request-1", None, "POST")
    assert b"<Message>a\xef\xbf\xbdb\xef\xbf\xbdc\xef\xbf\xbd</Message>" in answer.body
