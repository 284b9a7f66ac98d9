"""The head of a request as the wire sees it, and its body read within a limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus

from pairloom.control_plane.wire.errors import AwsError

__all__ = ["BodyRoom", "Place", "Receive", "RequestHead", "Scope", "Send", "read_body"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What came before the body.

    Parameters
    ----------
    method : str
    raw_path : str
        Still percent-encoded, as it was sent, without the query.
    query : tuple of (name, value)
        Percent-decoded, a plus sign as a space, in the order they were sent.
    headers : mapping
        Lower-case name to value, decoded as latin-1; a repeated header is joined by commas.
    """

    method: str
    raw_path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]

    @classmethod
    def of(cls, scope: Scope) -> RequestHead:
        """Read it from an ASGI scope.

        Raises
        ------
        AwsError
            If path or query are not UTF-8 behind their percent-encoding.
        """
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        try:
            raw_path = scope.get("raw_path", scope["path"].encode()).partition(b"?")[0].decode("ascii")
            unquote(raw_path, errors="strict")
            parts = [part.partition("=") for part in scope["query_string"].decode("ascii").split("&") if part]
            query = tuple(
                (unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict"))
                for name, _, value in parts
            )
        except UnicodeDecodeError as error:
            raise AwsError(
                "InvalidURI", "The path and the query of a request must be percent-encoded UTF-8."
            ) from error
        return cls(scope["method"], raw_path or "/", query, headers)

    @property
    def path(self) -> str:
        """Percent-decoded path."""
        return unquote(self.raw_path)

    def header(self, name: str, default: str = "") -> str:
        """Value of a header by its lower-case name."""
        return self.headers.get(name, default)

    def parameter(self, name: str) -> str | None:
        """First value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)


class BodyRoom:
    """Memory for the bodies of all requests together.

    Parameters
    ----------
    limit_bytes : int
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes, self.n_bytes = limit_bytes, 0

    @contextmanager
    def place(self) -> Generator[Place]:
        """Yield the place of one request; it is free again at the end."""
        place = Place(self)
        try:
            yield place
        finally:
            self.n_bytes -= place.n_bytes


class Place:
    """What one request holds of a room."""

    def __init__(self, room: BodyRoom) -> None:
        self.room, self.n_bytes = room, 0

    def take(self, n_bytes: int) -> None:
        """Hold more bytes.

        Raises
        ------
        AwsError
            ``ServiceUnavailable`` (503) if the room is full; clients try again.
        """
        if self.room.n_bytes + n_bytes > self.room.limit_bytes:
            raise AwsError(
                "ServiceUnavailable", "Too many large requests at once. Try again in a moment.", 503
            )
        self.room.n_bytes += n_bytes
        self.n_bytes += n_bytes


async def read_body(head: RequestHead, receive: Receive, limit_bytes: int, place: Place) -> bytes:
    """Read a body whole.

    Raises
    ------
    AwsError
        ``RequestEntityTooLarge`` (413) as soon as it is known to be longer than `limit_bytes`;
        ``RequestTimeout`` if the client went away; ``ServiceUnavailable`` if there is no room.
    """
    declared = head.header("content-length", "0")
    if not (declared.isascii() and declared.isdigit()):
        raise AwsError("InvalidRequest", f"Content-Length must be a number of bytes. Got {declared[:40]!r}.")
    too_long = AwsError("RequestEntityTooLarge", f"A request must hold at most {limit_bytes} bytes.", 413)
    if len(declared) > 18 or int(declared) > limit_bytes:
        raise too_long
    parts: list[bytes] = []
    n_bytes, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise AwsError("RequestTimeout", "The client went away before the end of its request.")
        part = message.get("body", b"")
        n_bytes += len(part)
        if n_bytes > limit_bytes:
            raise too_long
        place.take(len(part))
        parts.append(part)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)
