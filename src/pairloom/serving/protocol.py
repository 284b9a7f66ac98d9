"""HTTP on a connection: uvicorn's protocol with limits on slow and endless clients, and a gentle end.

One timer a connection is armed only while a request is incomplete, so that a request that arrives in one piece
costs none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pairloom.serving.refused import error_body
from pairloom.serving.settings import EndpointSettings

__all__ = ["limited_protocol"]

MAX_HEAD_BYTES = 64 << 10
LAST_REQUEST_S = 1.0
"""How long an idle connection of an ending worker may still begin a request, which it would lose otherwise."""
PHRASES = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


class _LimitedProtocol(HttpToolsProtocol):
    settings: EndpointSettings
    on_refusal: Callable[[int, str], None]
    _timer: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _arriving = True
    _in_head = True
    _n_head_bytes = 0
    _ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.settings.max_connections:
            self._refuse(503, "Too many connections. Try again in a moment.")
            return
        self._arm(self.settings.header_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        if self._stalled is not None:
            self._stalled.cancel()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._in_head:
            self._n_head_bytes += len(data)
            if self._n_head_bytes > MAX_HEAD_BYTES + len(data):
                self._refuse(431, f"The head of a request must be of at most {MAX_HEAD_BYTES} bytes.")
                return
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._arriving:
            if self._timer is None:
                self._arm(self.settings.header_timeout_s if self._in_head else self.settings.timeout_s)
        elif self.timeout_keep_alive_task is None and not self._answering():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        self._arriving = self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._n_head_bytes = False, 0
        self._disarm()
        super().on_headers_complete()
        if self._ending:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._arriving = False
        self._disarm()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "This is no HTTP/1.1 request.")

    def shutdown(self) -> None:
        """End after the answers that are under way; an idle connection may still begin one request."""
        self._ending = True
        if not self._answering():
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                LAST_REQUEST_S, self.timeout_keep_alive_handler
            )
        else:
            self.cycle.keep_alive = False

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(self.settings.timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _answering(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._in_head:
            self._refuse(
                408, f"The head of a request must arrive within {self.settings.header_timeout_s:g} s."
            )
        else:
            self._refuse(408, f"The body of a request must arrive within {self.settings.timeout_s:g} s.")

    def _refuse(self, status: int, message: str) -> None:
        """Answer without the application, unless it began to, and end the connection."""
        self._disarm()
        type(self).on_refusal(status, message)
        cycle, answering = self.cycle, self._answering()
        if not (answering and cycle.response_started):
            body = error_body(status, message)
            self.transport.write(
                b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
                b"connection: close\r\n\r\n%s" % (status, PHRASES[status], len(body), body)
            )
        self.transport.close()
        if answering:
            cycle.disconnected = True
            cycle.message_event.set()


def limited_protocol(settings: EndpointSettings, on_refusal: Callable[[int, str], None]) -> Any:
    """Return the class of connections of an endpoint; `on_refusal` hears of requests that end here."""
    members = {"settings": settings, "on_refusal": staticmethod(on_refusal)}
    return type("LimitedProtocol", (_LimitedProtocol,), members)
