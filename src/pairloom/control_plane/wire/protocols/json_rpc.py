"""JSON 1.0 and 1.1: one path, the operation in X-Amz-Target."""

from __future__ import annotations

from typing import Any

import msgspec

from pairloom.control_plane.wire.answer import Answer
from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.models import WireService
from pairloom.control_plane.wire.protocols.json_values import decode_object, from_json, to_json
from pairloom.control_plane.wire.protocols.statuses import modelled, status_of
from pairloom.control_plane.wire.request import RequestHead
from pairloom.control_plane.wire.routing import Target

__all__ = ["JsonRpc", "json_error_body"]


class JsonRpc:
    """The protocol of SageMaker, CloudWatch Logs and most of AWS."""

    has_form = False

    def read(self, target: Target, head: RequestHead, body: bytes) -> dict[str, Any]:
        """Read the body."""
        del head
        shape = target.operation.input_shape
        values = decode_object(body)
        return from_json(shape, values) if shape is not None else {}

    def answer(self, target: Target, output: dict[str, Any], request_id: str) -> Answer:
        """Write a JSON object."""
        shape = target.operation.output_shape
        content = to_json(shape, output) if shape is not None else None
        body = b"" if content is None else msgspec.json.encode(content)
        return Answer(200, body, self._headers(target.service, request_id))

    def error(self, service: WireService, error: AwsError, request_id: str) -> Answer:
        """Write ``{"__type": code, "message": ...}``."""
        headers = self._headers(service, request_id)
        if service.query_compatible:
            fault = "Receiver" if status_of(service, error) >= 500 else "Sender"
            headers["x-amzn-query-error"] = f"{error.code};{fault}"
        return Answer(status_of(service, error), json_error_body(service, error), headers)

    def _headers(self, service: WireService, request_id: str) -> dict[str, str]:
        return {
            "content-type": f"application/x-amz-json-{service.json_version}",
            "x-amzn-requestid": request_id,
        }


def json_error_body(service: WireService, error: AwsError) -> bytes:
    """Write an error as JSON, with its message under the name that the model has for it."""
    shape = modelled(service, error.code)
    members = shape.members if shape is not None else {}
    content: dict[str, Any] = {
        "__type": error.code,
        "Message" if "Message" in members else "message": error.message,
    }
    content |= {
        name: to_json(members[name], value) for name, value in error.fields.items() if name in members
    }
    return msgspec.json.encode(content)
