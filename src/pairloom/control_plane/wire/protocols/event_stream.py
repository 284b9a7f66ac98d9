"""Event streams (``application/vnd.amazon.eventstream``): framed messages with two CRC-32s."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.protocols.json_values import to_json

__all__ = ["event_frames", "frame"]

TEXT = 7
"""Type of a header whose value is text."""


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Write one message: lengths, their CRC, headers, payload, CRC of all."""
    written = b"".join(
        struct.pack("!B", len(name))
        + name.encode()
        + struct.pack("!BH", TEXT, len(value.encode()))
        + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", len(written) + len(payload) + 16, len(written))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + written + payload
    return message + struct.pack("!I", zlib.crc32(message))


async def event_frames(shape: Any, events: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    """Write a stream of events, each ``{name: its members}``; an AwsError on the way becomes its last message."""
    try:
        async for event in events:
            for name, values in event.items():
                yield _event(shape.members[name], name, values)
    except AwsError as error:
        headers = {
            ":message-type": "exception",
            ":exception-type": error.code,
            ":content-type": "application/json",
        }
        yield frame(headers, msgspec.json.encode({"Message": error.message} | error.fields))


def _event(shape: Any, name: str, values: Mapping[str, Any]) -> bytes:
    headers = {":message-type": "event", ":event-type": name}
    payload = next(
        (key for key, member in shape.members.items() if member.serialization.get("eventpayload")), None
    )
    if payload is not None and shape.members[payload].type_name == "blob":
        return frame(headers | {":content-type": "application/octet-stream"}, values[payload])
    return frame(
        headers | {":content-type": "application/json"}, msgspec.json.encode(to_json(shape, dict(values)))
    )
