"""XML from values of a service model."""

from __future__ import annotations

import base64
import re
from typing import Any
from xml.sax.saxutils import escape

from pairloom.control_plane.wire.protocols.times import iso_time

__all__ = ["element", "to_xml", "xml_text"]

UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


def xml_text(value: str) -> str:
    """Escape a text; what XML cannot hold becomes U+FFFD."""
    return escape(UNWRITABLE.sub("\ufffd", value), {"\r": "&#13;"})


def element(name: str, inside: str) -> str:
    """Wrap content that is XML already."""
    return f"<{name}>{inside}</{name}>"


def to_xml(shape: Any, value: Any, name: str) -> str:
    """Write a value of a shape as the element `name` (several of them for a flattened list or map)."""
    kind: str = shape.type_name
    if kind == "structure":
        inside = "".join(
            to_xml(member, value[key], member.serialization.get("name", key))
            for key, member in shape.members.items()
            if value.get(key) is not None
        )
        return element(name, inside)
    if kind == "list":
        item_name = shape.member.serialization.get("name", "member")
        if shape.serialization.get("flattened"):
            return "".join(
                to_xml(shape.member, item, shape.member.serialization.get("name", name)) for item in value
            )
        return element(name, "".join(to_xml(shape.member, item, item_name) for item in value))
    if kind == "map":
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        entries = [
            to_xml(shape.key, key, key_name) + to_xml(shape.value, item, value_name)
            for key, item in value.items()
        ]
        if shape.serialization.get("flattened"):
            return "".join(element(name, entry) for entry in entries)
        return element(name, "".join(element("entry", entry) for entry in entries))
    return element(name, _scalar(kind, value))


def _scalar(kind: str, value: Any) -> str:
    if kind == "timestamp":
        return iso_time(value)
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "blob":
        return base64.b64encode(value).decode()
    return xml_text(str(value))
