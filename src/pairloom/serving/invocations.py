"""The hot route, ``POST /invocations``: the body of a request to its answer, in the event loop's own thread."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

from pairloom.serving.counters import Counters
from pairloom.serving.log import log
from pairloom.serving.refused import Refused, error_body
from pairloom.serving.scoring import Answer, Answering
from pairloom.serving.settings import EndpointSettings

__all__ = ["Invocations"]

LARGEST_INLINE_BYTES = 256 << 10
"""Longer bodies are scored in a thread, so that short ones need not wait for them; a thread costs 0.1 ms."""
LONGEST_INLINE_S = 0.05
"""So are those of a length for which the model was slower than this, until it is quick again."""
DRAINED_S, DRAINED_BYTES = 2.0, 64 << 20
"""How long, and how much of, a body that was refused is still taken in, so that its sender sees the refusal."""
LEFT = 499
ECHOED = (b"x-amzn-sagemaker-custom-attributes", b"x-amzn-sagemaker-inference-id")
NOT_HERE = {
    b"x-amzn-sagemaker-target-model": "This endpoint serves one model",
    b"x-amzn-sagemaker-session-id": "This endpoint keeps no sessions",
}
HeaderList = list[tuple[bytes, bytes]]


class _LeftError(Exception):
    """The client went away."""


class Invocations:
    """An ASGI application.

    Parameters
    ----------
    scorer : Answering
    settings : EndpointSettings
    counters : Counters
    give_up : callable
        Called when scoring outlasts the time limit: the thread cannot be stopped, so this process has to end.
    """

    def __init__(
        self, scorer: Answering, settings: EndpointSettings, counters: Counters, give_up: Callable[[], None]
    ) -> None:
        self.scorer, self.settings, self.counters, self.give_up = scorer, settings, counters, give_up
        self.most_at_once = -(-settings.max_concurrent // settings.n_workers)
        self.in_flight = 0
        self.inline_bytes = LARGEST_INLINE_BYTES
        self._threads = ThreadPoolExecutor(max(2, settings.n_threads), "pairloom-score")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        began = perf_counter()
        status, model_s, received, n_rows = 500, 0.0, 0, 0
        self.in_flight += 1
        self.counters.put("requests_in_flight", self.in_flight)
        echoed: HeaderList = []
        note: dict[str, object] = {}
        close = False
        try:
            content_type, accept, length, echoed = _read_headers(scope["headers"])
            body = await self._body(receive, length)
            received = len(body)
            scored = perf_counter()
            answer = await self._answer(body, content_type, accept)
            model_s = perf_counter() - scored
            n_rows, sent, answered_as = answer.n_rows, answer.body, answer.content_type
            status = 204 if answered_as is None else 200
        except Refused as refusal:
            status, close, answered_as = refusal.status, refusal.close, "application/json"
            sent = error_body(status, refusal.message)
            note["message"] = refusal.message
        except _LeftError:
            status, sent, answered_as = LEFT, b"", None
        except Exception as error:
            answered_as = "application/json"
            sent = error_body(500, "The model failed on this request; the log of the endpoint says how.")
            log("error", "model failed", error=repr(error), traceback=traceback.format_exc())
        finally:
            self.in_flight -= 1
            self.counters.put("requests_in_flight", self.in_flight)
        if status != LEFT:
            await _respond(send, receive, status, answered_as, body=sent, echoed=echoed, close=close)
        took = perf_counter() - began
        self.counters.request(
            status,
            model_s=model_s,
            overhead_s=took - model_s,
            n_rows=n_rows,
            received=received,
            sent=len(sent),
        )
        if self.settings.access_log or status >= 500:
            log(
                "info" if status < 500 else "error", "request", method="POST", path="/invocations", status=status,
                rows=n_rows, request_bytes=received, response_bytes=len(sent), model_ms=round(model_s * 1e3, 3),
                overhead_ms=round((took - model_s) * 1e3, 3), **note,
            )  # fmt: skip

    async def _answer(self, body: bytes, content_type: str, accept: str) -> Answer:
        began = perf_counter()
        if self.scorer.inline and len(body) <= self.inline_bytes:
            try:
                return self.scorer.answer(body, content_type=content_type, accept=accept)
            finally:
                if perf_counter() - began > LONGEST_INLINE_S:
                    self.inline_bytes = len(body) - 1
        scoring = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: self.scorer.answer(body, content_type=content_type, accept=accept)
        )
        try:
            answer = await asyncio.wait_for(scoring, self.settings.timeout_s)
            if perf_counter() - began <= LONGEST_INLINE_S / 2:
                self.inline_bytes = max(self.inline_bytes, min(len(body), LARGEST_INLINE_BYTES))
            return answer
        except TimeoutError:
            self.give_up()
            message = f"The model must answer within {self.settings.timeout_s:g} s. Send fewer rows at once."
            raise Refused(504, message) from None

    async def _body(self, receive: Any, length: int | None) -> bytes:
        limit = self.settings.max_body_bytes
        if self.in_flight > self.most_at_once:
            raise Refused(503, "Too many requests at once. Try again in a moment.", close=True)
        if length is not None and length > limit:
            raise Refused(413, _too_long(limit, f"{length} bytes"), close=True)
        body = b""
        parts: list[bytes] = []
        n_bytes = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _LeftError
            body = message.get("body", b"")
            n_bytes += len(body)
            if n_bytes > limit:
                raise Refused(413, _too_long(limit, "more"), close=True)
            if not message.get("more_body", False):
                return body if not parts else b"".join([*parts, body])
            parts.append(body)


def _too_long(limit: int, got: str) -> str:
    return f"Request body must be of at most {limit} bytes. Got {got}. Send fewer rows at once."


def _read_headers(headers: HeaderList) -> tuple[str, str, int | None, HeaderList]:
    """Take out content type, accept, content length and what is sent back.

    Raises
    ------
    Refused
        For a header that asks for what there is not here.
    """
    content_type, accept, length = b"", b"", None
    echoed: HeaderList = []
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"accept":
            accept = accept + b"," + value if accept else value
        elif name == b"content-length":
            length = int(value)
        elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            got = value.decode("latin-1")
            raise Refused(415, f"Content-Encoding must be identity. Got '{got[:200]}'. Send plain bytes.")
        elif name.startswith(b"x-amzn-sagemaker-"):
            if name in ECHOED:
                echoed.append((name, value))
            elif name in NOT_HERE:
                header = name.decode().title().replace("Sagemaker", "SageMaker")
                raise Refused(400, f"{NOT_HERE[name]}. Got a header {header}. Leave it out.")
    return content_type.decode("latin-1"), accept.decode("latin-1"), length, echoed


async def _respond(
    send: Any,
    receive: Any,
    status: int,
    content_type: str | None,
    *,
    body: bytes,
    echoed: HeaderList,
    close: bool,
) -> None:
    headers: HeaderList = [*echoed]
    if content_type is not None:
        headers.append((b"content-type", content_type.encode()))
        headers.append((b"content-length", b"%d" % len(body)))
    if status == 503:
        headers.append((b"retry-after", b"1"))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if close:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await _drain(receive)
        body = b""
    await send({"type": "http.response.body", "body": body})


async def _drain(receive: Any) -> None:
    """Throw away what is still being sent, for a while: closing at once would take the answer away too."""
    n_bytes = 0
    try:
        async with asyncio.timeout(DRAINED_S):
            while n_bytes < DRAINED_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                n_bytes += len(message.get("body", b""))
    except TimeoutError:
        return
