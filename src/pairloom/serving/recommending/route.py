"""``POST /events``: what users took, kept before it is acknowledged."""

from __future__ import annotations

import asyncio
from time import perf_counter

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from pairloom.errors import PairloomError, UserError
from pairloom.serving.counters import Counters
from pairloom.serving.log import log
from pairloom.serving.recommending.answering import media_type_of
from pairloom.serving.recommending.requests import Event, read_events
from pairloom.serving.recommending.shown import ShownLists
from pairloom.serving.recommending.updates import EventIntake
from pairloom.serving.refused import Refused, error_body
from pairloom.serving.settings import EndpointSettings

__all__ = ["EventsRoute"]


class EventsRoute:
    """Takes one event, ``{"events": [...]}`` or JSON Lines, and answers ``{"accepted": 2}``.

    Parameters
    ----------
    intake : EventIntake, optional
        None for an endpoint that was started without a folder for events.
    shown : ShownLists, optional
        None for one that was started without a folder for exposures.
    settings : EndpointSettings
    counters : Counters
    """

    def __init__(
        self,
        intake: EventIntake | None,
        shown: ShownLists | None,
        settings: EndpointSettings,
        counters: Counters,
    ) -> None:
        self._intake, self._shown = intake, shown
        self._settings, self._counters = settings, counters

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        began = perf_counter()
        status, close, body = 200, False, b""
        try:
            body = await self._accepted(request)
        except Refused as refusal:
            status, close, body = refusal.status, refusal.close, error_body(refusal.status, refusal.message)
        except UserError as error:
            status, body = 400, error_body(400, f"Request body: {error}")
        except PairloomError as error:
            log("error", "events were not kept", message=str(error))
            status, body = 503, error_body(503, "The events could not be kept. Send them again later.")
        self._counters.request(status)
        if self._settings.access_log or status >= 500:
            level = "info" if status < 500 else "error"
            took = round((perf_counter() - began) * 1e3, 3)
            log(level, "request", method="POST", path="/events", status=status, overhead_ms=took)
        headers = {"connection": "close"} if close else None
        return Response(body, status, headers, "application/json")

    async def _accepted(self, request: Request) -> bytes:
        if self._intake is None and self._shown is None:
            raise Refused(404, "This endpoint takes no events. Start it with --events FOLDER.", close=True)
        media_type = media_type_of(request.headers.get("content-type", ""))
        if media_type == "text/csv":
            raise Refused(
                415, "Content-Type must be application/json or application/jsonlines. Got 'text/csv'."
            )
        events = read_events(await self._body(request), media_type)
        await asyncio.get_running_loop().run_in_executor(None, self._kept, events)
        return msgspec.json.encode({"accepted": len(events)})

    def _kept(self, events: list[Event]) -> None:
        answers = [event for event in events if event.request is not None]
        shown, intake = self._shown, self._intake
        if answers and shown is None:
            raise UserError("'request' is for an endpoint that logs lists. Start it with --exposures FOLDER.")
        if intake is None and len(answers) < len(events):
            raise UserError(
                "an event must name its 'request', or the endpoint be started with --events FOLDER."
            )
        if shown is not None:
            for event in answers:
                shown.check(event)
        if intake is not None:
            intake.take(events)
        if shown is not None:
            for event in answers:
                shown.feedback(event)

    async def _body(self, request: Request) -> bytes:
        limit = self._settings.max_body_bytes
        parts: list[bytes] = []
        n_bytes = 0
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                async for part in request.stream():
                    n_bytes += len(part)
                    if n_bytes > limit:
                        raise Refused(
                            413, f"Request body must be of at most {limit} bytes. Got more.", close=True
                        )
                    parts.append(part)
        except TimeoutError:
            raise Refused(408, "The body of a request must arrive in time.", close=True) from None
        except ClientDisconnect:
            raise Refused(400, "The client went away.", close=True) from None
        return b"".join(parts)
