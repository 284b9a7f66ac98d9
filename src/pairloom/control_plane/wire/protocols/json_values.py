"""JSON to values of a service model and back."""

from __future__ import annotations

import base64
import binascii
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.protocols.times import seconds_of

__all__ = ["decode_object", "from_json", "to_json"]

LARGEST = sys.float_info.max
SIZES = {"integer": 31, "long": 63}
NAMES = {"string": "a String", "integer": "an Integer", "long": "a Long", "float": "a Float", "double": "a Double",
         "boolean": "a Boolean", "timestamp": "a Timestamp", "blob": "a Blob"}  # fmt: skip


def decode_object(body: bytes) -> dict[str, Any]:
    """Decode the JSON object that a request holds; an empty body is an empty object.

    Raises
    ------
    AwsError
        ``SerializationException`` if it is none, or nested too deep.
    """
    if not body:
        return {}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AwsError("SerializationException", f"The body must be a JSON object: {error}.") from error
    if not isinstance(value, dict):
        raise AwsError("SerializationException", "The body must be a JSON object.")
    return value


def from_json(shape: Any, value: Any) -> Any:
    """Turn what JSON held into a value of a shape; null members and unknown ones go.

    Timestamps become seconds since 1970 (float), blobs bytes.

    Raises
    ------
    AwsError
        ``SerializationException`` if a type is wrong.
    """
    kind: str = shape.type_name
    if kind == "structure":
        if shape.is_document_type:
            return value
        if not isinstance(value, dict):
            raise _wrong(kind, value)
        members = shape.members
        names = {member.serialization.get("name", name): name for name, member in members.items()}
        return {
            names[key]: from_json(members[names[key]], item)
            for key, item in value.items()
            if item is not None and key in names
        }
    if kind == "list":
        if not isinstance(value, list):
            raise _wrong(kind, value)
        return [from_json(shape.member, item) for item in value if item is not None]
    if kind == "map":
        if not isinstance(value, dict):
            raise _wrong(kind, value)
        return {key: from_json(shape.value, item) for key, item in value.items() if item is not None}
    return _scalar(kind, value)


def _scalar(kind: str, value: Any) -> Any:
    read = READERS.get(kind, _as_it_is)(kind, value)
    if read is None:
        raise _wrong(kind, value)
    return read


def _as_it_is(kind: str, value: Any) -> Any:
    return value if isinstance(value, {"string": str, "boolean": bool}[kind]) else None


def _whole(kind: str, value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if -(1 << SIZES[kind]) <= value < 1 << SIZES[kind]:
        return value
    raise AwsError("SerializationException", f"{str(value)[:40]} is out of the range of {NAMES[kind]}.")


def _real(kind: str, value: Any) -> float | None:
    del kind
    finite = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    return float(value) if finite else None


def _time(kind: str, value: Any) -> float | None:
    del kind
    return seconds_of(value)


def _blob(kind: str, value: Any) -> bytes | None:
    del kind
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise AwsError("SerializationException", "A Blob must be written in base64.") from error


READERS: dict[str, Callable[[str, Any], Any]] = {
    "integer": _whole,
    "long": _whole,
    "float": _real,
    "double": _real,
    "timestamp": _time,
    "blob": _blob,
}


def _wrong(kind: str, value: Any) -> AwsError:
    if isinstance(value, list):
        return AwsError("SerializationException", "Start of list found where not expected.")
    if isinstance(value, dict):
        return AwsError("SerializationException", "Start of structure or map found where not expected.")
    if kind in ("structure", "list", "map"):
        return AwsError("SerializationException", "Unexpected field type.")
    found = {str: "STRING_VALUE", bool: "TRUE_VALUE" if value else "FALSE_VALUE"}.get(
        type(value), "NUMBER_VALUE"
    )
    return AwsError("SerializationException", f"{found} can not be converted to {NAMES[kind]}.")


def to_json(shape: Any, value: Any) -> Any:
    """Turn a value of a shape into what JSON can hold; None and unknown members go."""
    kind: str = shape.type_name
    if kind == "structure":
        if shape.is_document_type:
            return value
        return {
            member.serialization.get("name", name): to_json(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if kind == "list":
        return [to_json(shape.member, item) for item in value]
    if kind == "map":
        return {key: to_json(shape.value, item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.timestamp()
    return base64.b64encode(value).decode() if kind == "blob" else value
