"""The routes of an endpoint."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pairloom.serving.counters import Counters
from pairloom.serving.invocations import Invocations
from pairloom.serving.log import log
from pairloom.serving.refused import error_body
from pairloom.serving.scoring import Answering
from pairloom.serving.settings import MIB, EndpointSettings

__all__ = ["Handler", "build_application"]

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPEN = ("/ping",)
"""Routes that ask for no token: a load balancer's health check has none."""
Handler = Callable[[Request], Awaitable[Response]]


def build_application(
    scorer: Answering,
    settings: EndpointSettings,
    counters: Counters,
    give_up: Callable[[], None],
    events: Handler | None = None,
) -> Any:
    """Return the ASGI application of an endpoint.

    Parameters
    ----------
    scorer, settings, counters, give_up
        As of `pairloom.serving.invocations.Invocations`.
    events : callable, optional
        Answers ``POST /events``; without it there is no such path.
    """

    async def ping(_: Request) -> Response:
        return Response()

    async def execution_parameters(_: Request) -> Response:
        return JSONResponse(
            {
                "MaxConcurrentTransforms": settings.n_workers,
                "BatchStrategy": "MULTI_RECORD",
                "MaxPayloadInMB": max(1, settings.max_body_bytes // MIB),
            }
        )

    async def metrics(_: Request) -> Response:
        return Response(counters.exposition(), media_type=METRICS_TYPE)

    invocations = Invocations(scorer, settings, counters, give_up)
    routes = [
        Route("/invocations", invocations, methods=["POST"]),
        Route("/ping", _logged(ping, settings)),
        Route("/execution-parameters", _logged(execution_parameters, settings)),
        Route("/metrics", _logged(metrics, settings)),
    ]
    if events is not None:
        routes.append(Route("/events", events, methods=["POST"]))
    application = Starlette(routes=routes, exception_handlers={HTTPException: _refusal, Exception: _failure})
    return application if settings.token is None else _Guarded(application, settings.token)


class _Guarded:
    """Asks for a token before anything else is done with a request."""

    def __init__(self, application: Any, token: str) -> None:
        self._application, self._expected = application, f"Bearer {token}".encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if scope["path"] in OPEN or (len(given) == 1 and hmac.compare_digest(given[0], self._expected)):
            await self._application(scope, receive, send)
            return
        log("warning", "request", method=scope["method"], path=scope["path"], status=401)
        message = "This endpoint asks for a token. Send the header Authorization: Bearer TOKEN."
        headers = {"www-authenticate": "Bearer", "connection": "close"}
        await Response(error_body(401, message), 401, headers, "application/json")(scope, receive, send)


def _logged(handler: Handler, settings: EndpointSettings) -> Handler:
    """Log requests to a route, but not every ping."""

    async def logged(request: Request) -> Response:
        began = perf_counter()
        response = await handler(request)
        if settings.access_log and request.url.path not in OPEN:
            log(
                "info", "request", method=request.method, path=request.url.path, status=response.status_code,
                overhead_ms=round((perf_counter() - began) * 1e3, 3),
            )  # fmt: skip
        return response

    return logged


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path[:200]
    message = {
        404: f"Path must be /invocations, /ping, /execution-parameters or /metrics. Got '{path}'.",
        405: f"Method of '{path}' must be {(error.headers or {}).get('Allow', 'another')}. Got {request.method}.",
    }.get(error.status_code, str(error.detail))
    log("warning", "request", method=request.method, path=path, status=error.status_code)
    return Response(
        error_body(error.status_code, message), error.status_code, error.headers, "application/json"
    )


async def _failure(request: Request, error: Exception) -> Response:
    log("error", "request failed", path=request.url.path[:200], error=repr(error))
    message = "The endpoint failed on this request; its log says how."
    return Response(error_body(500, message), 500, media_type="application/json")
