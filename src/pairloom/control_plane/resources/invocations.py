"""Requests to endpoints."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Any

from pairloom.control_plane.hosted.answering import CUSTOM, Request, ask, ask_for_pieces, header_text
from pairloom.control_plane.operations import Call, operation
from pairloom.control_plane.wire.errors import AwsError
from pairloom.errors import PairloomError, UserError
from pairloom.hosting.capture import Exchange
from pairloom.hosting.live import LiveEndpoint

__all__ = ["invoke_endpoint", "invoke_endpoint_with_response_stream", "live_endpoint"]

WAKE_S = 60.0
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
    writer.write(exchange, str(uuid.uuid4()), call.service.clock())
