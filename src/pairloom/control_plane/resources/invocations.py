"""Requests to endpoints."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Any

from pairloom.control_plane.hosted.answering import CUSTOM, Request, ask, ask_for_pieces, header_text
from pairloom.control_plane.hosted.locations import parse_s3_url
from pairloom.control_plane.hosted.waiting_requests import KIND
from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource
from pairloom.errors import PairloomError, PlatformError, UserError
from pairloom.hosting.capture import Exchange
from pairloom.hosting.live import LiveEndpoint

__all__ = [
    "invoke_endpoint",
    "invoke_endpoint_async",
    "invoke_endpoint_with_response_stream",
    "live_endpoint",
]

LOG = logging.getLogger("pairloom.endpoints")
WAKE_S = 60.0
REQUEST_TTL_S, ASYNC_TIMEOUT_S = 21_600, 900
UNOFFERED = (
    "TargetModel",
    "TargetContainerHostname",
    "InferenceComponentName",
    "SessionId",
    "EnableExplanations",
)


@operation("sagemaker-runtime", "InvokeEndpoint")
async def invoke_endpoint(call: Call) -> dict[str, Any]:
    """Let a model answer."""
    endpoint = await live_endpoint(call)
    request = _request(call, endpoint)
    answer = await ask(call.service, request)
    content_type = answer.header(b"content-type") or ""
    _capture(call, endpoint, request, answer.body, content_type)
    told = {"Body": answer.body, "InvokedProductionVariant": request.variant.name}
    if content_type:
        told["ContentType"] = content_type
    custom = answer.header(CUSTOM)
    return told if custom is None else told | {"CustomAttributes": custom}


@operation("sagemaker-runtime", "InvokeEndpointWithResponseStream")
async def invoke_endpoint_with_response_stream(call: Call) -> dict[str, Any]:
    """Let a model answer piece by piece."""
    endpoint = await live_endpoint(call)
    request = _request(call, endpoint)
    answer = await ask_for_pieces(call.service, request)

    async def events() -> AsyncIterator[dict[str, Any]]:
        try:
            async for piece in answer.pieces:
                yield {"PayloadPart": {"Bytes": piece}}
        except (PairloomError, TimeoutError) as error:
            message = f"The model stopped in the middle of its answer: {error}"
            raise AwsError("ModelStreamError", message, 400, {"ErrorCode": "StreamBroken"}) from error

    told = {"Body": events(), "InvokedProductionVariant": request.variant.name}
    told["ContentType"] = header_text(answer.headers, b"content-type") or "application/octet-stream"
    custom = header_text(answer.headers, CUSTOM)
    return told if custom is None else told | {"CustomAttributes": custom}


@operation("sagemaker-runtime", "InvokeEndpointAsync")
async def invoke_endpoint_async(call: Call) -> dict[str, Any]:
    """Keep a request, whose answer will come as an object."""
    asked, service = call.input, call.service
    endpoint = await live_endpoint(call)
    config = endpoint.about.get("AsyncInferenceConfig")
    if not config:
        message = f"Endpoint {asked['EndpointName']} answers at once: it has no AsyncInferenceConfig."
        raise AwsError("ValidationError", message)
    for member in ("Body", "Filename", "S3OutputPathExtension"):
        if asked.get(member):
            raise AwsError("ValidationError", f"{member}: Pairloom does not offer it. Give an InputLocation.")
    try:
        parse_s3_url(asked.get("InputLocation", ""), "InputLocation")
    except AwsError as error:
        raise AwsError("ValidationError", error.message) from error
    identity = str(uuid.uuid4())
    output = config["OutputConfig"]
    inference_id = asked.get("InferenceId", identity)
    document: dict[str, Any] = {
        "EndpointName": asked["EndpointName"],
        "InputLocation": asked["InputLocation"],
        "OutputLocation": _below(output, "S3OutputPath", f"{identity}.out")
        or _default_output(call, identity),
        "FailureLocation": _below(output, "S3FailurePath", f"{identity}-error.out"),
        "InferenceId": inference_id,
        "Deadline": service.clock() + asked.get("RequestTTLSeconds", REQUEST_TTL_S),
        "TimeoutSeconds": float(asked.get("InvocationTimeoutSeconds", ASYNC_TIMEOUT_S)),
    }
    for member in ("ContentType", "Accept", "CustomAttributes"):
        document[member] = asked.get(member, "")
    arn = f"{service.arn('endpoint', asked['EndpointName'])}/{KIND}/{identity}"
    resource = Resource(KIND, identity, arn, "Waiting", document=document)
    await service.database.write(lambda t: t.insert(resource))
    told = {"InferenceId": inference_id, "OutputLocation": document["OutputLocation"]}
    failure = document["FailureLocation"]
    return told if failure is None else told | {"FailureLocation": failure}


async def live_endpoint(call: Call) -> LiveEndpoint:
    """Return an endpoint that answers; one that is being brought up after a restart is waited for.

    Raises
    ------
    AwsError
        If it is not there, or not in service.
    """
    service, name = call.service, call.input["EndpointName"]
    for member in UNOFFERED:
        if call.input.get(member):
            message = f"{member}: this endpoint has one container with one model. Leave it out."
            raise AwsError("ValidationError", message)
    endpoint = service.endpoints.get(name)
    if endpoint is not None:
        return endpoint
    resource = await service.database.read(lambda t: t.get("endpoint", name))
    if resource is None:
        raise AwsError("ValidationError", f"Endpoint {name} of account {service.account_id} not found.")
    if resource.status in ("InService", "Updating", "RollingBack"):
        endpoint = await service.endpoints.wait(name, WAKE_S)
    if endpoint is None:
        message = (
            f"Endpoint {name} of account {service.account_id} is not in service: it is {resource.status}."
        )
        raise AwsError("ValidationError", message)
    return endpoint


def _request(call: Call, endpoint: LiveEndpoint) -> Request:
    asked = call.input
    try:
        variant = endpoint.deployment.variant(asked.get("TargetVariant"))
    except UserError as error:
        raise AwsError("ValidationError", str(error)) from error
    return Request(
        asked["EndpointName"],
        variant,
        asked.get("Body", b""),
        asked.get("ContentType", ""),
        asked.get("Accept", ""),
        asked.get("CustomAttributes", ""),
        asked.get("InferenceId", ""),
        perf_counter(),
    )


def _below(output: dict[str, Any], member: str, name: str) -> str | None:
    prefix = output.get(member)
    return f"{prefix.rstrip('/')}/{name}" if prefix else None


def _default_output(call: Call, identity: str) -> str:
    bucket = f"sagemaker-{call.service.region}-{call.service.account_id}"
    return f"s3://{bucket}/async-endpoint-outputs/{call.input['EndpointName']}/{identity}.out"


def _capture(call: Call, endpoint: LiveEndpoint, request: Request, body: bytes, content_type: str) -> None:
    writer = endpoint.captures.get(request.variant.name)
    if writer is None or not writer.wants():
        return
    exchange = Exchange(
        request.body,
        body,
        request.content_type,
        content_type,
        request.custom_attributes,
        request.inference_id,
    )
    try:
        writer.write(exchange, str(uuid.uuid4()), call.service.clock())
    except PlatformError as error:  # the answer is there, and goes out all the same
        LOG.error("Endpoint %s: %s", request.endpoint, error)
