"""What the face sees of a request, and what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol
from urllib.parse import unquote

from pairloom.object_storage.s3_face.faults import S3Fault

__all__ = ["Answer", "Context", "Message", "Receive", "Request", "Scope", "Send"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Context(Protocol):
    """What who verified the signature tells, as ``scope["pairloom"]``."""

    request_id: str
    region: str
    trailers: dict[str, str]
    """Headers that came behind the body; complete with its last piece."""


@dataclass(slots=True)
class Request:
    """A verified request, path-style.

    Parameters
    ----------
    method : str
    bucket : str
        Empty for the list of buckets.
    key : str
        Empty for the bucket itself.
    query : dict
        First value by name, percent-decoded.
    headers : dict
        By lower-case name.
    receive : callable
        Gives the content piece by piece.
    context : Context
    """

    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    receive: Receive
    context: Context

    @classmethod
    def of(cls, scope: Scope, receive: Receive) -> Request:
        """Read the head; raises S3Fault ``InvalidURI`` for what is not percent-encoded UTF-8."""
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        bucket, _, key = raw_path.partition(b"?")[0].decode("latin-1").lstrip("/").partition("/")
        if raw_path.startswith(b"//"):
            bucket, key = "", ""
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            text = value.decode("latin-1")
            lower = name.decode("latin-1").lower()
            headers[lower] = f"{headers[lower]},{text}" if lower in headers else text
        query: dict[str, str] = {}
        try:
            for part in scope["query_string"].decode("ascii").split("&"):
                name, _, value = part.partition("=")
                if name:
                    query.setdefault(_plus_decoded(name), _plus_decoded(value))
            names = unquote(bucket, errors="strict"), unquote(key, errors="strict")
        except UnicodeDecodeError:
            raise S3Fault("InvalidURI", "Couldn't parse the specified URI.") from None
        return cls(scope["method"], *names, query, headers, receive, scope["pairloom"])

    def number(self, name: str, default: int, least: int = 0, most: int = 2**31 - 1) -> int:
        """Return a number of the query; raises S3Fault ``InvalidArgument``."""
        text = self.query.get(name)
        if text is None or text == "":
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 11 and least <= int(text) <= most):
            raise S3Fault(
                "InvalidArgument",
                f"Argument {name} must be an integer between {least} and {most}. Got '{text[:40]}'.",
                ArgumentName=name,
                ArgumentValue=text[:40],
            )
        return int(text)

    @property
    def encoding(self) -> str | None:
        """How keys are to be written in the answer."""
        encoding = self.query.get("encoding-type")
        if encoding not in (None, "", "url"):
            raise S3Fault(
                "InvalidArgument",
                "Invalid Encoding Method specified in Request",
                ArgumentName="encoding-type",
            )
        return encoding or None


@dataclass(slots=True)
class Answer:
    """Status, headers and a body: bytes, or a file of a known length."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    file: BinaryIO | None = None
    n_bytes: int = 0

    @classmethod
    def xml(cls, body: bytes, **headers: str) -> Answer:
        """Return an answer of XML."""
        return cls(200, {"content-type": "application/xml", **headers}, body)


def _plus_decoded(text: str) -> str:
    return unquote(text.replace("+", " "), errors="strict")
