"""What is offered is known to AWS, explained, and on the page."""

import inspect
import re

import pytest

from pairloom.control_plane import operations, resources
from pairloom.control_plane.reference_page import same_but_for_botocore, supported_page
from pairloom.control_plane.wire.models import SERVICE_IDS, wire_service
from pairloom.control_plane.wire.routing import BY_SCOPE, BY_TARGET

OFFERED = sorted(operations.offered())
assert resources.__name__  # offers them


@pytest.fixture(scope="module")
def page():
    return supported_page()


@pytest.mark.parametrize(("service_id", "name"), OFFERED)
def test_what_is_offered_is_aws_and_explained(service_id, name, page):
    assert wire_service(service_id).operation(name) is not None
    sentence = inspect.getdoc(operations.handler_of(service_id, name))
    assert sentence
    assert sentence.partition("\n\n")[0].endswith("."), sentence
    assert f"| `{name}` | " in page


def test_every_operation_of_aws_is_on_the_page(page):
    for service_id in SERVICE_IDS:
        missing = [name for name in wire_service(service_id).names if f"`{name}`" not in page]
        assert missing == []


def test_what_clients_need_first_is_there(page):
    """The first tier: what every client that trains, deploys and predicts was seen to call."""
    refused = " ".join(re.findall(r"^Refused: (.+)$", page, re.MULTILINE))
    for name in (
        "GetCallerIdentity", "GetRole", "CreateBucket", "PutObject", "GetObject", "HeadObject", "CopyObject",
        "ListObjects", "ListObjectsV2", "DeleteObjects", "CreateMultipartUpload", "UploadPart",
        "CompleteMultipartUpload", "CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob", "CreateModel",
        "CreateEndpointConfig", "CreateEndpoint", "DescribeEndpoint", "InvokeEndpoint", "DescribeLogStreams",
        "GetLogEvents", "GetMetricStatistics",
    ):  # fmt: skip
        assert f"`{name}`" in page
        assert f"`{name}`" not in refused


def test_every_service_has_a_way_to_it():
    ways = {service_id for among in BY_SCOPE.values() for service_id in among}
    assert ways == set(SERVICE_IDS)
    for prefix, service_id in BY_TARGET.items():
        assert wire_service(service_id).target_prefix == prefix
    for scope_name, among in BY_SCOPE.items():
        assert {wire_service(service_id).signing_name for service_id in among} == {scope_name}


def test_another_botocore_makes_the_page_no_older(page):
    newer = re.sub(r"of 1\d\d \|", "of 199 |", page).replace("Refused: ", "Refused: `NewThing`, ")
    newer = re.sub(r"of botocore [\d.]+", "of botocore 9.9.9", newer)
    assert newer.count("199") >= 1
    assert newer.count("9.9.9") == 1
    assert same_but_for_botocore(page, newer)
    assert not same_but_for_botocore(page, page.replace("| `GetRole` |", "| `GetRoles` |"))
