"""The service on its port, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairloom.control_plane.app import Application
from pairloom.errors import PlatformError, UserError
from pairloom.serving.protocol import limited_protocol
from pairloom.serving.settings import EndpointSettings, is_loopback

__all__ = ["ADDRESS_FILE", "Address", "connections", "listen", "log_to_standard_error", "run"]

ADDRESS_FILE = "service.json"
"""In the data folder while the service runs: ``{"url": ..., "region": ..., "account_id": ..., "pid": ...}``."""
BACKLOG = 2048
LIMITS = EndpointSettings(
    max_connections=4096, max_concurrent=4096, timeout_s=3600.0, header_timeout_s=20.0, drain_s=5.0
)
"""A body has an hour to arrive: it may be gigabytes."""
LOG = logging.getLogger("pairloom.control_plane")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service listens.

    Parameters
    ----------
    host : str
    port : int
    """

    host: str
    port: int

    @property
    def url(self) -> str:
        """How clients of this machine reach it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - what to call, not to bind
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def listen(host: str, port: int, *, allow_remote: bool) -> socket.socket:
    """Take a port.

    Parameters
    ----------
    host : str
    port : int
        0 picks a free one.
    allow_remote : bool
        Whether an address that other machines can reach is meant.

    Raises
    ------
    UserError
        If the address is no address of this machine, or the port is taken, or others can reach it and
        `allow_remote` is not given.
    """
    if not allow_remote and not is_loopback(host):
        raise UserError(
            f"pairloom up: '--host' must be an address of loopback, such as 127.0.0.1, unless --allow-remote is given. "
            f"Got {host}. Requests are signed, but neither they nor the answers are encrypted."
        )
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, where = found[0]
        return socket.create_server(where[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what = (
                f"port {port} is taken by another program. Choose one with --port, or 0 for any that is free"
            )
        elif error.errno == errno.EACCES:
            what = f"port {port} may not be used. Choose one above 1023 with --port"
        else:
            what = f"{host} is no address of this machine ({error.strerror})"
        raise UserError(f"pairloom up: {what}.") from error


def log_to_standard_error() -> None:
    """Write what the service has to say, one line of text each; who asked what is not logged."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("uvicorn.error", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def connections() -> Any:
    """Return the class of the service's connections: HTTP within `LIMITS`."""

    def refused(status: int, message: str) -> None:
        LOG.warning("connection refused with %d: %s", status, message)

    return limited_protocol(LIMITS, refused)


def run(application: Application, listener: socket.socket, announce: Callable[[Address], None]) -> int:
    """Answer requests until SIGTERM or Ctrl-C.

    Parameters
    ----------
    application : Application
    listener : socket
        Closed at the end.
    announce : callable
        Called with the address as soon as requests are answered.

    Returns
    -------
    int
        Exit code.

    Raises
    ------
    PlatformError
        If what goes on beside requests cannot be started.
    """
    host, port = listener.getsockname()[:2]
    address = Address(host, port)
    service = application.service
    published = _address_file(service.data / ADDRESS_FILE, address, service.region, service.account_id)
    with _runner() as runner, published as publish:

        def ready() -> None:
            publish()
            announce(address)

        runner.run(_serve(application, listener, ready))
    return 0


def _runner() -> asyncio.Runner:
    if sys.platform == "win32":
        return asyncio.Runner()
    import uvloop

    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _serve(application: Application, listener: socket.socket, ready: Callable[[], None]) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None]:
            yield  # they are handled below; uvicorn would end this process by the signal it got

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                gc.collect()
                gc.freeze()
                ready()

    server = Server(
        uvicorn.Config(
            application, http=connections(), ws="none", lifespan="on", log_config=None, access_log=False,
            server_header=False, proxy_headers=False, backlog=BACKLOG, timeout_keep_alive=int(LIMITS.keep_alive_s),
            timeout_graceful_shutdown=int(LIMITS.drain_s),
        )
    )  # fmt: skip

    def stop() -> None:
        application.service.ending.set()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve([listener])
    if not server.started:
        raise PlatformError("pairloom up: the service could not start; its log says why.")


@contextlib.contextmanager
def _address_file(
    file: Path, address: Address, region: str, account_id: str
) -> Generator[Callable[[], None]]:
    """Yield what publishes the address for clients of this machine; it is taken back at the end."""
    content = json.dumps({"url": address.url, "region": region, "account_id": account_id, "pid": os.getpid()})

    def publish() -> None:
        draft = file.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(content)
        draft.replace(file)

    try:
        yield publish
    finally:
        file.unlink(missing_ok=True)
