"""The query protocol of STS, IAM and older CloudWatch clients: a form in, XML out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from pairloom.control_plane.wire.answer import Answer
from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.models import WireService
from pairloom.control_plane.wire.protocols.statuses import modelled, status_of
from pairloom.control_plane.wire.protocols.times import seconds_of
from pairloom.control_plane.wire.protocols.xml_values import element, to_xml, xml_text
from pairloom.control_plane.wire.request import RequestHead
from pairloom.control_plane.wire.routing import Target

__all__ = ["Query", "form_of"]

MAX_FIELDS = 20_000


def form_of(head: RequestHead, body: bytes) -> dict[str, str]:
    """Read the fields of a form: those of the query, and of the body unless it is a GET.

    Raises
    ------
    AwsError
        ``MalformedQueryString`` if it is no form, has the same field twice or too many of them.
    """
    pairs = list(head.query)
    if head.method != "GET" and body:
        try:
            parts = body.decode("ascii").split("&")
            pairs += [
                (unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict"))
                for name, _, value in (part.partition("=") for part in parts)
            ]
        except UnicodeDecodeError as error:
            raise AwsError(
                "MalformedQueryString", "The body must be a form, percent-encoded UTF-8."
            ) from error
    form = dict(pairs)
    if len(form) < len(pairs) or len(pairs) > MAX_FIELDS:
        raise AwsError("MalformedQueryString", f"A form must hold at most {MAX_FIELDS} fields, each once.")
    return form


class Query:
    """Names such as ``Dimensions.member.1.Name`` hold the structure."""

    has_form = True

    def read(self, target: Target, head: RequestHead, body: bytes) -> dict[str, Any]:
        """Read the form."""
        shape = target.operation.input_shape
        return _read(shape, _tree(form_of(head, body)), "") if shape is not None else {}

    def answer(self, target: Target, output: dict[str, Any], request_id: str) -> Answer:
        """Write ``<NameResponse><NameResult>...``."""
        name, shape = target.operation.name, target.operation.output_shape
        inside = ""
        if shape is not None:
            wrapper = shape.serialization.get("resultWrapper", f"{name}Result")
            inside = to_xml(shape, output, wrapper)
        inside += element("ResponseMetadata", element("RequestId", request_id))
        return _xml(200, f"{name}Response", target.service, inside, request_id)

    def error(self, service: WireService, error: AwsError, request_id: str) -> Answer:
        """Write ``<ErrorResponse>``."""
        shape = modelled(service, error.code)
        code = shape.metadata.get("error", {}).get("code", error.code) if shape is not None else error.code
        status = status_of(service, error)
        inside = element("Type", "Sender" if status < 500 else "Receiver")
        inside += element("Code", xml_text(code)) + element("Message", xml_text(error.message))
        inside = element("Error", inside) + element("RequestId", request_id)
        return _xml(status, "ErrorResponse", service, inside, request_id)


def _xml(status: int, root: str, service: WireService, inside: str, request_id: str) -> Answer:
    body = f'<{root} xmlns="{service.xml_namespace}">{inside}</{root}>'.encode()
    return Answer(status, body, {"content-type": "text/xml", "x-amzn-requestid": request_id})


def _tree(form: Mapping[str, str]) -> dict[str, Any]:
    """Nest the fields by the dots in their names; a text stands under the empty key."""
    tree: dict[str, Any] = {}
    for name, value in form.items():
        node = tree
        for part in name.split(".", 16):
            node = node.setdefault(part, {})
        node[""] = value
    return tree


def _read(shape: Any, node: dict[str, Any], path: str) -> Any:
    kind: str = shape.type_name
    if kind == "structure":
        values: dict[str, Any] = {}
        for name, member in shape.members.items():
            below = node.get(member.serialization.get("name", name))
            if below is not None:
                values[name] = _read(member, below, name)
        return values
    if kind == "list":
        if not shape.serialization.get("flattened"):
            node = node.get(shape.member.serialization.get("name", "member"), {})
        return [_read(shape.member, item, path) for item in _numbered(node, path)]
    if kind == "map":
        if not shape.serialization.get("flattened"):
            node = node.get("entry", {})
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        entries = _numbered(node, path)
        return {
            _read(shape.key, entry.get(key_name, {}), path): _read(
                shape.value, entry.get(value_name, {}), path
            )
            for entry in entries
        }
    return _scalar(kind, node.get("", ""), path)


def _numbered(node: dict[str, Any], path: str) -> list[dict[str, Any]]:
    items = {key: item for key, item in node.items() if key}
    if not all(key.isascii() and key.isdigit() and len(key) < 10 for key in items):
        raise AwsError("MalformedInput", f"The items of '{path}' must be numbered.")
    return [items[key] for key in sorted(items, key=int)]


def _scalar(kind: str, text: str, path: str) -> Any:
    if kind in ("string",):
        return text
    try:
        if kind == "boolean":
            return {"true": True, "false": False}[text.lower()]
        if kind in ("integer", "long"):
            value = int(text) if len(text) < 20 else None
            if value is not None and -(1 << 63) <= value < 1 << 63:
                return value
        elif kind in ("float", "double"):
            value = float(text)
            if abs(value) <= 1.7e308:
                return value
        elif kind == "blob":
            return base64.b64decode(text, validate=True)
        elif kind == "timestamp":
            seconds = seconds_of(text)
            if seconds is not None:
                return seconds
    except (KeyError, ValueError, binascii.Error):
        pass
    raise AwsError("MalformedInput", f"'{path}' must be of type {kind}. Got '{text[:128]}'.")
