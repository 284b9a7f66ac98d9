"""Contents that a client sends only when it is told to (``Expect: 100-continue``)."""

from __future__ import annotations

from typing import Any

from pairloom.control_plane.wire.request import Receive, Scope, Send

__all__ = ["closing_where_awaited"]


def closing_where_awaited(scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Return both such that an answer before the content was asked for ends the connection.

    The client may then send its content or not, so what follows on the connection cannot be told apart from it.
    """
    if (b"expect", b"100-continue") not in scope["headers"]:
        return receive, send
    is_awaited = True

    async def receive_noting() -> Any:
        nonlocal is_awaited
        is_awaited = False
        return await receive()

    async def send_closing(message: Any) -> None:
        if is_awaited and message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await send(message)

    return receive_noting, send_closing
