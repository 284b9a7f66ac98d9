"""Answers of every form, asked for by boto3: values, streams, events, faults of ours."""

import asyncio
import threading

import pytest
from botocore.exceptions import ClientError, EventStreamError

from pairloom.control_plane import operations
from pairloom.control_plane.wire.errors import AwsError


@pytest.fixture
def offer(monkeypatch):
    """Offer an operation for the time of a test."""

    def add(service_id, name, handler):
        monkeypatch.setitem(operations._HANDLERS, (service_id, name), handler)

    return add


def test_a_plain_function_runs_beside_the_loop_and_a_coroutine_on_it(offer, local_service):
    seen = []

    def plain(call):
        seen.append((threading.current_thread().name, call.input))
        return {"DomainId": call.input["DomainId"]}

    async def coroutine(call):
        await asyncio.sleep(0)
        seen.append((threading.current_thread().name, call.input))
        return {"DomainId": call.input["DomainId"]}

    for handler in (plain, coroutine):
        offer("sagemaker", "DescribeDomain", handler)
        assert local_service.client("sagemaker").describe_domain(DomainId="d-1")["DomainId"] == "d-1"
    assert [name == "pairloom-service" for name, _ in seen] == [False, True]
    assert seen[0][1] == seen[1][1] == {"DomainId": "d-1"}


def test_rest_members_stand_in_the_input_and_in_the_answer(offer, local_service):
    seen = {}

    def invoke(call):
        seen.update(call.input)
        return {"Body": b"0.5\n", "ContentType": "text/csv", "InvokedProductionVariant": "AllTraffic"}

    offer("sagemaker-runtime", "InvokeEndpoint", invoke)
    said = local_service.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="e", Body=b"1,2\xff", ContentType="text/csv", TargetVariant="AllTraffic"
    )
    assert seen == {
        "EndpointName": "e", "Body": b"1,2\xff", "ContentType": "text/csv", "TargetVariant": "AllTraffic",
    }  # fmt: skip
    assert said["Body"].read() == b"0.5\n"
    assert (said["ContentType"], said["InvokedProductionVariant"]) == ("text/csv", "AllTraffic")


def test_a_body_may_come_piece_by_piece(offer, local_service):
    async def pieces():
        for number in range(100):
            yield b"%d," % number

    async def invoke(call):
        return {"Body": pieces()}

    offer("sagemaker-runtime", "InvokeEndpoint", invoke)
    said = local_service.client("sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=b"")
    assert said["Body"].read() == b"".join(b"%d," % number for number in range(100))


def test_a_stream_of_events_and_its_end_by_an_error(offer, local_service):
    async def events():
        yield {"PayloadPart": {"Bytes": b"one \x00\xff"}}
        yield {"PayloadPart": {"Bytes": b""}}
        raise AwsError(
            "ModelStreamError", "the model broke", fields={"ErrorCode": "ModelInvocationTimeExceeded"}
        )

    async def invoke(call):
        return {"Body": events(), "ContentType": "text/plain", "InvokedProductionVariant": "A"}

    offer("sagemaker-runtime", "InvokeEndpointWithResponseStream", invoke)
    said = local_service.client("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName="e", Body=b""
    )
    assert (said["ContentType"], said["InvokedProductionVariant"]) == ("text/plain", "A")
    stream = iter(said["Body"])
    assert next(stream) == {"PayloadPart": {"Bytes": b"one \x00\xff"}}
    assert next(stream) == {"PayloadPart": {"Bytes": b""}}
    with pytest.raises(EventStreamError, match="the model broke"):
        next(stream)
    said["Body"].close()


def test_an_error_of_an_operation_keeps_its_members(offer, local_service):
    def invoke(call):
        raise AwsError(
            "ModelError", "it said no", fields={"OriginalStatusCode": 500, "OriginalMessage": "no"}
        )

    offer("sagemaker-runtime", "InvokeEndpoint", invoke)
    runtime = local_service.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName="e", Body=b"")
    said = caught.value.response
    assert said["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (said["OriginalStatusCode"], said["OriginalMessage"]) == (500, "no")


def test_a_fault_of_ours_tells_where_to_look_and_nothing_else(offer, local_service, caplog):
    def broken(call):
        raise RuntimeError("a secret detail")

    offer("sagemaker", "DescribeDomain", broken)
    with pytest.raises(ClientError) as caught:
        local_service.client("sagemaker").describe_domain(DomainId="d-1")
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("InternalFailure", 500)
    assert "a secret detail" not in error["Error"]["Message"]
    assert error["ResponseMetadata"]["RequestId"] in caplog.text
    assert "a secret detail" in caplog.text


def test_a_header_of_an_answer_cannot_be_split(offer, local_service):
    offer(
        "sagemaker-runtime",
        "InvokeEndpoint",
        lambda call: {"Body": b"", "CustomAttributes": "a\r\nset-cookie: b"},
    )
    with pytest.raises(ClientError) as caught:
        local_service.client("sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=b"")
    assert caught.value.response["Error"]["Code"] == "InternalFailure"
