"""The page that says what of AWS is offered, from the table of operations and botocore's service models."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import botocore

from pairloom.control_plane import resources
from pairloom.control_plane.operations import handler_of
from pairloom.control_plane.wire.models import SERVICE_IDS, WireService, wire_service
from pairloom.control_plane.wire.routing import S3
from pairloom.control_plane.wire.s3_requests import S3Context
from pairloom.control_plane.wire.unoffered import is_empty_list
from pairloom.object_storage.s3_face.absent import BUCKET_STATES
from pairloom.object_storage.s3_face.faults import S3Fault
from pairloom.object_storage.s3_face.requests import Request
from pairloom.object_storage.s3_face.routing import operation_of

__all__ = ["same_but_for_botocore", "supported_page"]

assert resources.__name__  # importing it offers the operations
REST = "### Not offered"
COUNT = re.compile(r"of \d+ \|$|(?<=of botocore )[\d.]+")
S3_OF_OTHER_HOSTS = {"ListDirectoryBuckets", "WriteGetObjectResponse"}
"""Operations that would look like another one: AWS answers them under host names of their own."""
INTRODUCTION = """\
`pairloom up` answers these operations of AWS as AWS does: input is checked against botocore's service models, with
AWS's own error texts. An operation that is not offered is refused by name (`NotImplemented`, HTTP 501), so that nothing
seems to have happened that has not; a list of what is not offered is empty.

Every request must be [signed](../explanation/security.md). Requests may be signed for any region."""


def supported_page() -> str:
    """Write the page, in Markdown."""
    parts = ["# What is supported", INTRODUCTION, _summary()]
    for service_id in SERVICE_IDS:
        service = wire_service(service_id)
        parts += [f"## {service.full_name}", f"`{service_id}` in boto3 and the AWS CLI."]
        parts += _sections(service)
    return "\n\n".join(parts) + "\n"


def same_but_for_botocore(one: str, other: str) -> bool:
    """Tell whether two pages differ only by what another version of botocore knows of AWS."""
    return _own(one) == _own(other)


def _own(page: str) -> list[str]:
    """Leave out the counts and the names of what is not offered."""
    kept: list[str] = []
    is_own = True
    for line in page.splitlines():
        if line.startswith("#"):
            is_own = line != REST
        if is_own:
            kept.append(COUNT.sub("", line))
    return kept


def _offers(service: WireService, name: str) -> bool:
    return _s3_offers(name) if service.id == S3 else handler_of(service.id, name) is not None


def _s3_offers(name: str) -> bool:
    """Tell whether the object store answers an operation: its request, as the service model has it, finds one."""
    operation = wire_service(S3).operation(name)
    if operation is None or name in S3_OF_OTHER_HOSTS:
        return False
    path, _, fixed = operation.http["requestUri"].partition("?")
    query = dict(part.partition("=")[::2] for part in fixed.split("&") if part)
    headers: dict[str, str] = {}
    shape: Any = operation.input_shape
    required: list[Any] = (
        [shape.members[each] for each in shape.required_members] if shape is not None else []
    )
    for where in (member.serialization for member in required):
        if where.get("location") == "querystring":
            query[where["name"]] = "1"
        elif where.get("location") == "header":
            headers[where["name"].lower()] = "a"
    _, bucket, *key = path.replace("{Bucket}", "bucket").replace("{Key+}", "key").split("/")
    context = S3Context("", "", "")
    request = Request(operation.http["method"], bucket, "/".join(key), query, headers, _nothing, context)
    try:
        operation_of(request)
    except S3Fault:
        return False
    return True


def _asks_for_a_state(name: str) -> bool:
    operation = wire_service(S3).operation(name)
    query = operation.http["requestUri"].partition("?")[2] if operation else ""
    return query.partition("&")[0].partition("=")[0] in BUCKET_STATES


async def _nothing() -> dict[str, str]:
    raise RuntimeError("The object store must choose an operation without the content.")


def _summary() -> str:
    rows = ["| service | offered |", "| --- | --- |"]
    for service_id in SERVICE_IDS:
        service = wire_service(service_id)
        n_offered = sum(_offers(service, name) for name in service.names)
        rows.append(f"| {service.full_name} (`{service_id}`) | {n_offered} of {len(service.names)} |")
    return (
        "\n".join(rows)
        + f"\n\nAWS's operations are those of botocore {botocore.__version__}, which is one of many."
    )


def _sections(service: WireService) -> Iterator[str]:
    names = sorted(service.names)
    offered = [name for name in names if _offers(service, name)]
    if service.id == S3:
        states = [name for name in offered if _asks_for_a_state(name)]
        yield ", ".join(f"`{name}`" for name in offered if name not in states) + "."
        yield (
            "Answered as S3 does for a bucket that has none: "
            + ", ".join(f"`{name}`" for name in states)
            + "."
        )
    else:
        rows = ["| operation | what it does here |", "| --- | --- |"]
        rows += [f"| `{name}` | {_first_sentence(service, name)} |" for name in offered]
        yield "\n".join(rows)
    left = [name for name in names if name not in offered]
    empty = [name for name in left if service.id != S3 and is_empty_list(name, _output(service, name))]
    refused = [name for name in left if name not in empty]
    if left:
        yield REST
    if refused:
        yield "Refused: " + ", ".join(f"`{name}`" for name in refused) + "."
    if empty:
        yield "Empty: " + ", ".join(f"`{name}`" for name in empty) + "."


def _output(service: WireService, name: str) -> object:
    found = service.operation(name)
    return found.output_shape if found else None


def _first_sentence(service: WireService, name: str) -> str:
    lines = (inspect.getdoc(handler_of(service.id, name)) or "").partition("\n\n")[0].splitlines()
    return " ".join(lines).replace("``", "`").replace("|", "\\|")
