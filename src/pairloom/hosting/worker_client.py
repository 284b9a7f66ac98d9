"""HTTP to one worker over its unix socket, on connections that are kept."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, cast

import httptools

from pairloom.errors import UserError
from pairloom.hosting.errors import LostError, TooLongError

__all__ = ["Answer", "StreamedAnswer", "WorkerClient"]

Header = tuple[bytes, bytes]
IDLE_S = 60.0
"""Connections that were idle for longer are not used again: a worker ends them after 75 s."""
MOST_IDLE = 64
LONGEST_ANSWER_BYTES = 256 << 20
AHEAD_BYTES = 1 << 20
"""Of a streamed answer that may wait for its reader."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker answered.

    Parameters
    ----------
    status : int
    headers : sequence of (name, value)
        Names in lower case.
    body : bytes
    """

    status: int
    headers: Sequence[Header]
    body: bytes

    def header(self, name: bytes) -> str | None:
        """Return the value of the first header of a name."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """The head of an answer, and its body in pieces; one that is not read to its end must be closed with `aclose`."""

    status: int
    headers: Sequence[Header]
    pieces: AsyncIterator[bytes]


class WorkerClient:
    """Connections to one worker.

    Parameters
    ----------
    path : Path
        Of its unix socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._idle: deque[_Connection] = deque()

    async def request(
        self, method: bytes, target: bytes, headers: Sequence[Header], body: bytes, *, timeout_s: float
    ) -> Answer:
        """Send a request and return its whole answer.

        Raises
        ------
        LostError
            If the worker went away.
        TooLongError
        TimeoutError
        """
        connection = await self._connection()
        try:
            async with asyncio.timeout(timeout_s):
                await connection.send(_head(method, target, headers, len(body)), body)
        except BaseException:
            connection.abort()
            raise
        self._give(connection)
        return Answer(connection.status, connection.headers, b"".join(connection.parts))

    async def stream(
        self, method: bytes, target: bytes, headers: Sequence[Header], body: bytes, *, timeout_s: float
    ) -> StreamedAnswer:
        """Send a request and return the head of its answer as soon as it is there; errors as of `request`."""
        connection = await self._connection()
        try:
            async with asyncio.timeout(timeout_s):
                await connection.send(_head(method, target, headers, len(body)), body, whole=False)
        except BaseException:
            connection.abort()
            raise
        return StreamedAnswer(connection.status, connection.headers, self._pieces(connection, timeout_s))

    def close(self) -> None:
        """End all connections that are idle."""
        while self._idle:
            self._idle.pop().abort()

    async def _pieces(self, connection: _Connection, timeout_s: float) -> AsyncIterator[bytes]:
        try:
            async with asyncio.timeout(timeout_s) as limit:
                async for piece in connection.pieces():
                    yield piece
                    limit.reschedule(asyncio.get_running_loop().time() + timeout_s)
        except BaseException:
            connection.abort()
            raise
        self._give(connection)

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and monotonic() - connection.idle_since < IDLE_S:
                return connection
            connection.abort()
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_unix_connection(_Connection, self._path)
        except OSError as error:
            raise LostError(
                f"The worker takes no connection: {error.strerror or error}.", sent=False
            ) from error
        return connection

    def _give(self, connection: _Connection) -> None:
        if connection.usable and len(self._idle) < MOST_IDLE:
            connection.idle_since = monotonic()
            self._idle.append(connection)
        else:
            connection.abort()


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self) -> None:
        self.usable, self.idle_since, self.done = True, 0.0, True
        self.status, self.headers, self.parts = 0, list[Header](), list[bytes]()
        self._parser = httptools.HttpResponseParser(self)
        self._changed: asyncio.Future[None] | None = None
        self._whole, self._head_done, self._n_bytes, self._is_paused = True, False, 0, False
        self._fault: Exception | None = None
        self._transport: asyncio.Transport | None = None

    async def send(self, head: bytes, body: bytes, *, whole: bool = True) -> None:
        """Send a request and wait for its whole answer, or for its head alone."""
        assert self._transport is not None
        self.status, self.headers, self.parts = 0, [], []
        self.done = self._head_done = False
        self._whole, self._n_bytes = whole, 0
        if self._transport.is_closing():
            raise LostError("The worker ended a connection.", sent=False)
        self._transport.write(head + body if len(body) < AHEAD_BYTES else head)
        if len(body) >= AHEAD_BYTES:
            self._transport.write(body)
        while not (self.done or (self._head_done and not whole)):
            await self._change()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        while True:
            if self.parts:
                parts, self.parts = self.parts, []
                self._n_bytes = 0
                if self._is_paused and self._transport is not None and not self._transport.is_closing():
                    self._is_paused = False
                    self._transport.resume_reading()
                yield b"".join(parts)
            elif self.done:
                return
            else:
                await self._change()

    def abort(self) -> None:
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(LostError(f"The worker answered what is no HTTP: {error}.", sent=True))
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if not self.done:
            self._fail(LostError("The worker went away while it had this request.", sent=True))

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._head_done = True
        if not self._whole:
            self._tell()

    def on_body(self, body: bytes) -> None:
        self.parts.append(body)
        self._n_bytes += len(body)
        if self._whole:
            if self._n_bytes > LONGEST_ANSWER_BYTES:
                self._fail(TooLongError(f"An answer must be of at most {LONGEST_ANSWER_BYTES >> 20} MiB."))
                self.abort()
            return
        if self._n_bytes > AHEAD_BYTES and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._tell()

    def on_message_complete(self) -> None:
        self.done = True
        self.usable = self.usable and bool(self._parser.should_keep_alive())
        self._tell()

    async def _change(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._changed = asyncio.get_running_loop().create_future()
        try:
            await self._changed
        finally:
            self._changed = None
        if self._fault is not None:
            raise self._fault

    def _tell(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def _fail(self, fault: Exception) -> None:
        self._fault = self._fault or fault
        self._tell()


def _head(method: bytes, target: bytes, headers: Sequence[Header], length: int) -> bytes:
    lines: list[Any] = [method, b" ", target, b" HTTP/1.1\r\nhost: worker\r\ncontent-length: %d\r\n" % length]
    for name, value in headers:
        if b"\r" in value or b"\n" in value or b"\0" in value:
            raise UserError(f"Header {name.decode()}: must be of one line. Got {value[:100]!r}.")
        lines += [name, b": ", value, b"\r\n"]
    return b"".join([*lines, b"\r\n"])
