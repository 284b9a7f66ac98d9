"""XML as S3 reads and writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from pairloom.object_storage.s3_face.faults import S3Fault

__all__ = ["children", "document", "element", "iso_time", "key_text", "malformed", "one_text", "read_xml"]

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\x7f\ufffe\uffff]")


def element(name: str, *content: str | int | bool | None) -> str:
    """Return ``<name>content</name>``; content is markup already, nothing at all where it is None."""
    if content == (None,):
        return ""
    text = "".join(str(part).lower() if isinstance(part, bool) else str(part) for part in content)
    return f"<{name}>{text}</{name}>"


def document(name: str, *content: str) -> bytes:
    """Return a whole answer."""
    body = "".join(content)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{NAMESPACE}">{body}</{name}>'.encode()


def key_text(key: str, encoding: str | None) -> str:
    """Return a key as markup: percent-encoded if the client asked for it, else with what XML lacks as references."""
    if encoding == "url":
        return quote(key, safe="/-_.~*")
    return _CONTROL.sub(lambda found: f"&#x{ord(found[0]):x};", escape(key))


def iso_time(seconds: float) -> str:
    """Return a time as the bodies of answers hold it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Builder(ET.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise malformed()


def read_xml(body: bytes, root: str) -> Element:
    """Parse the body of a request. Raise S3Fault ``MalformedXML``, also for one with a document type."""
    try:
        found = ET.fromstring(body, parser=ET.XMLParser(target=_Builder()))  # noqa: S314 - no entities without a doctype
    except (ET.ParseError, ValueError, LookupError):
        raise malformed() from None
    if _local(found) != root:
        raise malformed()
    return found


def children(parent: Element, name: str) -> Iterator[Element]:
    """Yield children of a name in any namespace."""
    return (child for child in parent if _local(child) == name)


def one_text(parent: Element, name: str) -> str | None:
    """Return the text of the first child of a name; None if there is none."""
    found = next(children(parent, name), None)
    return None if found is None else found.text or ""


def _local(found: Element) -> str:
    return found.tag.rpartition("}")[2]


def malformed() -> S3Fault:
    """Return the refusal of a document that is not as it must be."""
    return S3Fault(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
