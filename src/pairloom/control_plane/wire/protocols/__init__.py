"""The protocols of AWS's services: requests to values, values to answers, errors to answers."""

from __future__ import annotations

from typing import Any, Protocol

from pairloom.control_plane.wire.answer import Answer
from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.models import WireService, wire_service
from pairloom.control_plane.wire.protocols.json_rpc import JsonRpc
from pairloom.control_plane.wire.protocols.query import Query
from pairloom.control_plane.wire.protocols.rest_json import RestJson
from pairloom.control_plane.wire.protocols.rest_xml import s3_error
from pairloom.control_plane.wire.request import RequestHead
from pairloom.control_plane.wire.routing import S3, Target

__all__ = ["WireProtocol", "error_answer", "protocol_of", "validation_code"]


class WireProtocol(Protocol):
    """How one protocol writes."""

    @property
    def has_form(self) -> bool:
        """Whether the operation is named in a form."""
        ...

    def read(self, target: Target, head: RequestHead, body: bytes) -> dict[str, Any]:
        """Read the input of an operation, types checked.

        Raises
        ------
        AwsError
            ``SerializationException`` if something is of another type than the model says.
        """
        ...

    def answer(self, target: Target, output: dict[str, Any], request_id: str) -> Answer:
        """Write the output of an operation; what the model does not know is left out."""
        ...

    def error(self, service: WireService, error: AwsError, request_id: str) -> Answer:
        """Write a refusal."""
        ...


OF_NAME: dict[str, WireProtocol] = {
    "json": JsonRpc(),
    "query": Query(),
    "rest-json": RestJson(),
}
VALIDATION_CODES = {
    "sagemaker-runtime": "ValidationError",
    "sts": "ValidationError",
    "iam": "ValidationError",
    "cloudwatch": "ValidationError",
    "logs": "InvalidParameterException",
}
"""Where it is not ValidationException."""


def protocol_of(service: WireService, head: RequestHead) -> WireProtocol:
    """Choose the protocol of a request: a service that once spoke the query protocol still does."""
    if "query" in service.protocols and not head.header("x-amz-target"):
        return OF_NAME["query"]
    return OF_NAME[service.protocol]


def error_answer(
    service_id: str, error: AwsError, request_id: str, head: RequestHead | None, method: str
) -> Answer:
    """Write a refusal as the clients of a service read it."""
    if service_id == S3:
        return s3_error(error, request_id, bare=method == "HEAD")
    service = wire_service(service_id)
    protocol = protocol_of(service, head) if head else OF_NAME[service.protocol]
    return protocol.error(service, error, request_id)


def validation_code(service: WireService) -> str:
    """Return the code of a request whose values break the service model: the service's own."""
    return VALIDATION_CODES.get(service.id, "ValidationException")
