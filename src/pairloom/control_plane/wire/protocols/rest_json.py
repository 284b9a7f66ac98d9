"""REST with JSON: parts of the input in path, query and headers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from pairloom.control_plane.wire.answer import Answer
from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.models import WireService
from pairloom.control_plane.wire.protocols.event_stream import event_frames
from pairloom.control_plane.wire.protocols.json_rpc import json_error_body
from pairloom.control_plane.wire.protocols.json_values import decode_object, from_json, to_json
from pairloom.control_plane.wire.protocols.statuses import status_of
from pairloom.control_plane.wire.protocols.times import http_date, seconds_of
from pairloom.control_plane.wire.request import RequestHead
from pairloom.control_plane.wire.routing import Target

__all__ = ["RestJson"]


class RestJson:
    """The protocol of SageMaker's runtime and metrics."""

    has_form = False

    def read(self, target: Target, head: RequestHead, body: bytes) -> dict[str, Any]:
        """Read path, query, headers and body."""
        shape: Any = target.operation.input_shape
        if shape is None:
            return {}
        payload = shape.serialization.get("payload")
        values: dict[str, Any] = {}
        inside: dict[str, Any] = {}
        for name, member in shape.members.items():
            where, wire_name = member.serialization.get("location"), member.serialization.get("name", name)
            if where == "uri":
                values[name] = _from_text(member, target.labels[wire_name], name)
            elif where == "querystring":
                found = [value for key, value in head.query if key == wire_name]
                if found and member.type_name == "list":
                    values[name] = [_from_text(member.member, text, name) for text in found]
                elif found:
                    values[name] = _from_text(member, found[0], name)
            elif where == "header":
                if wire_name.lower() in head.headers:
                    values[name] = _from_text(member, head.headers[wire_name.lower()], name)
            elif where == "headers":
                prefix = wire_name.lower()
                values[name] = {
                    key[len(prefix) :]: text for key, text in head.headers.items() if key.startswith(prefix)
                }
            elif name == payload:
                values[name] = body if member.type_name == "blob" else from_json(member, decode_object(body))
            else:
                inside[name] = member
        if inside and payload is None:
            read = from_json(shape, decode_object(body))
            values |= {name: value for name, value in read.items() if name in inside}
        return values

    def answer(self, target: Target, output: dict[str, Any], request_id: str) -> Answer:
        """Write headers, and the body or the stream."""
        shape: Any = target.operation.output_shape
        status = int(target.operation.http.get("responseCode", 200))
        headers = {"x-amzn-requestid": request_id}
        if shape is None:
            return Answer(status, b"", headers)
        payload = shape.serialization.get("payload")
        inside: dict[str, Any] = {}
        body: bytes | AsyncIterator[bytes] | None = None
        for name, member in shape.members.items():
            value = output.get(name)
            if value is None:
                continue
            where, wire_name = member.serialization.get("location"), member.serialization.get("name", name)
            if where == "header":
                headers[wire_name.lower()] = _to_text(member, value)
            elif where == "statusCode":
                status = int(value)
            elif name == payload and member.serialization.get("eventstream"):
                headers.setdefault("content-type", "application/vnd.amazon.eventstream")
                body = event_frames(member, value)
            elif name == payload:
                body = value if member.type_name == "blob" else msgspec.json.encode(to_json(member, value))
            else:
                inside[name] = value
        if payload is None:
            headers.setdefault("content-type", "application/json")
            body = msgspec.json.encode(to_json(shape, inside))
        if isinstance(body, str):
            body = body.encode()
        return Answer(status, body if body is not None else b"", headers)

    def error(self, service: WireService, error: AwsError, request_id: str) -> Answer:
        """Write the code into a header, the message into the body."""
        headers = {
            "content-type": "application/json", "x-amzn-requestid": request_id, "x-amzn-errortype": error.code,
        }  # fmt: skip
        return Answer(status_of(service, error), json_error_body(service, error), headers)


def _from_text(shape: Any, text: str, name: str) -> Any:
    kind: str = shape.type_name
    if kind == "string":
        return text
    try:
        if kind in ("integer", "long"):
            return from_json(shape, int(text) if len(text) < 20 else text)
        if kind in ("float", "double"):
            return from_json(shape, float(text))
        if kind == "boolean":
            return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError) as error:
        raise AwsError(
            "SerializationException", f"'{name}' must be of type {kind}. Got '{text[:128]}'."
        ) from error
    seconds = seconds_of(text) if kind == "timestamp" else None
    if seconds is None:
        raise AwsError("SerializationException", f"'{name}' must be of type {kind}. Got '{text[:128]}'.")
    return seconds


def _to_text(shape: Any, value: Any) -> str:
    if shape.type_name == "timestamp":
        return http_date(value)
    if shape.type_name == "boolean":
        return "true" if value else "false"
    return str(value)
