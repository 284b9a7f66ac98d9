"""A process that answers: loads the model, then takes connections from a socket that it inherited.

Its orders come as a line of JSON on standard input, which stays open: when it ends, so has the supervisor, and the
worker finishes what it has begun and goes. On a pipe it reports, line by line: ``ready``, ``.`` every second, or
``failed`` and why.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairloom.errors import PairloomError, PlatformError, UserError
from pairloom.serving.log import log
from pairloom.serving.orders import BACKLOG, BEAT_S, Orders

if TYPE_CHECKING:
    from pairloom.serving.application import Handler
    from pairloom.serving.counters import Counters
    from pairloom.serving.recommending.answering import RecommenderScorer
    from pairloom.serving.scoring import Answering

__all__ = ["main"]

SWITCH_S = 0.0005
"""How long a thread that takes in events may keep the interpreter while a request waits."""


def main(answering_of: Callable[[Orders], Answering] | None = None) -> int:
    """Serve until told to stop; returns the exit code.

    Parameters
    ----------
    answering_of : callable, optional
        Loads what answers. Default: the model of the orders.
    """
    for number in (signal.SIGINT, signal.SIGHUP):  # a terminal sends these to all; the supervisor decides
        signal.signal(number, signal.SIG_IGN)
    orders = Orders.from_line(_first_line())
    closing = contextlib.ExitStack()
    try:
        application, protocol, gave_up = _load(orders, answering_of, closing)
    except (PairloomError, OSError, MemoryError) as error:
        kind = "UserError" if isinstance(error, UserError) else "PlatformError"
        _report(orders, "failed " + json.dumps({"kind": kind, "message": str(error) or repr(error)}))
        return 1
    import uvloop

    gc.collect()
    gc.freeze()  # what is loaded now stays: full collections need not look at it
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(orders, application, protocol, gave_up))
    closing.close()
    os._exit(0)  # without waiting for threads that do not end


def _scorer(orders: Orders) -> Answering:
    from pairloom.artifact import load_artifact
    from pairloom.serving.scoring import Scorer

    settings = orders.settings
    if settings.events or settings.exposures:
        raise UserError(
            "Endpoint: '--events' and '--exposures' are for a recommender. Got another model. Leave them out."
        )
    artifact = load_artifact(orders.model)
    if orders.algorithm not in ("", artifact.algorithm):
        raise UserError(
            f"Endpoint: the model must be one of {orders.algorithm}, as its image says. Got one of "
            f"{artifact.algorithm}. Name the image that trained it."
        )
    return Scorer(artifact, n_threads=settings.n_threads, default_accept=settings.default_accept)


def _recommending(
    orders: Orders, counters: Counters, closing: contextlib.ExitStack
) -> tuple[RecommenderScorer, Handler]:
    from pairloom.recommenders.model_file import load_recommender
    from pairloom.serving.recommending.answering import RecommenderScorer
    from pairloom.serving.recommending.journal import EventJournal
    from pairloom.serving.recommending.route import EventsRoute
    from pairloom.serving.recommending.shown import ShownLists, model_version
    from pairloom.serving.recommending.updates import EventIntake

    sys.setswitchinterval(SWITCH_S)
    settings, model = orders.settings, Path(orders.model)
    found = load_recommender(model)
    found.n_jobs = settings.n_threads
    shown = intake = None
    if settings.exposures:
        shown = ShownLists(settings.exposures, model_version(model), settings.epsilon)
        closing.callback(shown.close)
    scorer = RecommenderScorer(found, default_accept=settings.default_accept, shown=shown)
    if settings.events:
        intake = EventIntake(scorer, EventJournal(settings.events), counters)
        intake.start()
    return scorer, EventsRoute(intake, shown, settings, counters).answer


def _load(
    orders: Orders, answering_of: Callable[[Orders], Answering] | None, closing: contextlib.ExitStack
) -> tuple[Any, Any, asyncio.Event]:
    from pairloom.formats.archive_contents import is_recommender
    from pairloom.serving.application import build_application
    from pairloom.serving.counters import Counters
    from pairloom.serving.protocol import limited_protocol

    settings = orders.settings
    counters = Counters(orders.counters, orders.slot)
    counters.put("requests_in_flight", 0)
    gave_up = asyncio.Event()

    def refused(status: int, message: str) -> None:
        counters.request(status)
        log("warning", "connection refused", status=status, message=message)

    protocol = limited_protocol(settings, refused)
    if answering_of is None and not orders.algorithm and is_recommender(Path(orders.model)):
        scorer, events = _recommending(orders, counters, closing)
    else:
        scorer, events = (answering_of or _scorer)(orders), None
    return build_application(scorer, settings, counters, gave_up.set, events), protocol, gave_up


async def _serve(orders: Orders, application: Any, protocol: Any, gave_up: asyncio.Event) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None]:
            yield  # they are handled below; uvicorn would end this process by the signal it got

    logging.getLogger("uvicorn.error").addHandler(_LogLines(logging.WARNING))
    settings = orders.settings
    server = Server(
        uvicorn.Config(
            application, http=protocol, ws="none", lifespan="off", log_config=None,
            access_log=False, server_header=False, backlog=BACKLOG, timeout_keep_alive=int(settings.keep_alive_s),
            timeout_graceful_shutdown=int(settings.drain_s),
        )
    )  # fmt: skip

    def stop() -> None:
        server.should_exit = True

    def stop_with_supervisor() -> None:
        if not os.read(sys.stdin.fileno(), 1):
            loop.remove_reader(sys.stdin.fileno())
            stop()

    async def stop_when_given_up() -> None:
        await gave_up.wait()
        log("error", "scoring outlasted the time limit", timeout_s=settings.timeout_s)
        stop()

    async def beat() -> None:
        while not server.started:
            await asyncio.sleep(0)
        _report(orders, "ready")
        while True:
            await asyncio.sleep(BEAT_S)
            _report(orders, ".")

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_reader(sys.stdin.fileno(), stop_with_supervisor)
    watching = [asyncio.create_task(beat()), asyncio.create_task(stop_when_given_up())]
    await server.serve([socket.socket(fileno=orders.listener)])
    for task in watching:
        task.cancel()


def _first_line() -> bytes:
    """Read a byte at a time: what is buffered in Python would be missed by the event loop."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(sys.stdin.fileno(), 1)
        if not byte:
            raise PlatformError("Endpoint: a worker must be started by its supervisor. Got no orders.")
        line += byte
    return line


def _report(orders: Orders, line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # without a supervisor, standard input ends too
        os.write(orders.status, line.encode() + b"\n")


class _LogLines(logging.Handler):
    """Turns the messages of the server's library into log lines."""

    def emit(self, record: logging.LogRecord) -> None:
        facts = {"traceback": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}
        log(record.levelname.lower(), "server", message=record.getMessage(), **facts)


if __name__ == "__main__":
    sys.exit(main())
