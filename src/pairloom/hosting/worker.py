"""One worker: a process of `pairloom.serving`, its socket, its log lines and its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pairloom
from pairloom.hosting.errors import WorkerError
from pairloom.hosting.worker_client import WorkerClient
from pairloom.serving.counters import Counters
from pairloom.serving.orders import BACKLOG, Orders
from pairloom.serving.settings import EndpointSettings

__all__ = ["Worker", "WorkerPlan"]

LONGEST_LINE_BYTES = 1 << 18
"""A log line is cut here."""
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""What a worker inherits of this process's environment: no credentials."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _forget(worker: str, line: bytes) -> None:
    """Keep no log."""


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What the workers of a variant are started with.

    Parameters
    ----------
    model : Path
        A model.tar.gz, or a folder with its contents.
    settings : EndpointSettings
        Limits; address and number of workers are of no effect.
    sockets : Path
        Folder for unix sockets, of this user alone; their whole path must be shorter than 100 bytes.
    algorithm : str
        That the model must be of; empty takes any.
    module : str
        Run with ``python -m``; it takes `pairloom.serving.orders.Orders`.
    environment : mapping of str to str
        Variables of the model.
    work : Path, optional
        Folder for temporary files. Default: the system's.
    repeatable : bool
        Whether a request may be sent again after a worker died over it: the answers of built-in models depend on
        nothing but the request.
    on_log : callable
        Gets the name of the worker and a line of its log without the line end.
    """

    model: Path
    settings: EndpointSettings
    sockets: Path
    algorithm: str = ""
    module: str = "pairloom.serving.worker"
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    work: Path | None = None
    repeatable: bool = True
    on_log: Callable[[str, bytes], None] = _forget


class Worker:
    """A process that answers on a unix socket; it ends when this process does, because it watches a pipe.

    Parameters
    ----------
    plan : WorkerPlan
    name : str
        Of its socket and its log.
    on_change : callable
        Called with this worker when it has become ready and when it has ended.

    Attributes
    ----------
    ready, ended : bool
    failure : WorkerError, optional
        Why it could not start, or how it ended.
    in_flight : int
        Requests that it has.
    was_ready : bool
        Whether it ever was.
    doubted : bool
        Whether it lost a request since its last sign of life.
    retired_at : float, optional
        When it was told to take no more requests.
    heard, started : float
        When it last gave a sign of life, and when it was launched; all in seconds of `time.monotonic`.
    """

    def __init__(self, plan: WorkerPlan, name: str, on_change: Callable[[Worker], None]) -> None:
        self.name, self.ready, self.ended = name, False, False
        self.was_ready = self.doubted = False
        self.retired_at: float | None = None
        self.failure: WorkerError | None = None
        self.in_flight = 0
        self._plan, self._on_change = plan, on_change
        self._socket = plan.sockets / name
        self.client = WorkerClient(self._socket)
        self._unread = {"status": b"", "log": b""}
        self._loop = asyncio.get_running_loop()
        self._gone = asyncio.Event()
        self.started = self.heard = time.monotonic()
        self._launch()

    @property
    def open(self) -> bool:
        """Whether it may be given requests."""
        return self.ready and self.retired_at is None and not self.doubted

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def terminate(self) -> None:
        """Ask it to finish its requests and end."""
        if not self.ended:
            self.client.close()  # a worker waits a second for a last request on connections that are kept
            self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        if not self.ended:
            self._process.kill()

    async def wait(self) -> None:
        """Return when it has ended."""
        await self._gone.wait()

    def _launch(self) -> None:
        plan = self._plan
        with contextlib.suppress(FileNotFoundError):
            self._socket.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened: list[int] = []
        try:
            listener.bind(str(self._socket))
            listener.listen(BACKLOG)
            listener.setblocking(False)
            status, status_end = os.pipe()
            log, log_end = os.pipe()
            opened += [status, status_end, log, log_end]
            counters = Counters.create(2)
            opened.append(counters.file)
            orders = Orders(
                str(plan.model),
                plan.settings,
                listener.fileno(),
                status_end,
                counters.file,
                1,
                plan.algorithm,
            )
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", plan.module],
                stdin=subprocess.PIPE,
                stdout=log_end,
                stderr=log_end,
                pass_fds=(orders.listener, orders.status, orders.counters),
                env=self._environment(),
                bufsize=0,
            )
        except OSError as error:
            for descriptor in opened:
                os.close(descriptor)
            message = f"Endpoint: a worker must be started on {self._socket}. Got: {error.strerror or error}."
            raise WorkerError(message) from error
        finally:
            listener.close()
        for descriptor in (status_end, log_end, counters.file):
            os.close(descriptor)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it ended at once, which its status tells
            self._process.stdin.write(orders.to_line())
        self._files = {"status": status, "log": log}
        for name, descriptor in self._files.items():
            os.set_blocking(descriptor, False)
            self._loop.add_reader(descriptor, self._read, name)

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        if "PYTHONPATH" in os.environ:
            package_folder = str(Path(pairloom.__file__).resolve().parents[1])
            kept["PYTHONPATH"] = os.pathsep.join([package_folder, os.environ["PYTHONPATH"]])
        threads = dict.fromkeys(ONE_THREAD, str(self._plan.settings.n_threads))
        work = {} if self._plan.work is None else {"TMPDIR": str(self._plan.work)}
        return threads | dict(self._plan.environment) | kept | work

    def _read(self, name: str) -> None:
        try:
            block = os.read(self._files[name], 1 << 16)
        except BlockingIOError:
            return
        if not block:
            self._finish(name)
            return
        *lines, rest = (self._unread[name] + block).split(b"\n")
        if len(rest) > LONGEST_LINE_BYTES:
            lines, rest = [*lines, rest], b""
        self._unread[name] = rest
        for line in lines:
            self._take(name, line)

    def _take(self, name: str, line: bytes) -> None:
        if name == "log":
            self._plan.on_log(self.name, line)
            return
        self.heard, was_doubted, self.doubted = time.monotonic(), self.doubted, False
        if line == b"ready":
            self.ready = self.was_ready = True
        if line == b"ready" or was_doubted:
            self._on_change(self)
        elif line.startswith(b"failed "):
            told = json.loads(line[7:])
            self.failure = WorkerError(told["message"], by_user=told["kind"] == "UserError", reported=True)

    def _finish(self, name: str) -> None:
        """Close a pipe that has ended; the end of the status pipe is the end of the worker."""
        descriptor = self._files.pop(name)
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        if self._unread[name]:
            self._take(name, self._unread[name])
        if name == "status":
            self.ready = False
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._reap(0)

    def _reap(self, n_looks: int) -> None:
        code = self._process.poll()
        if code is None:
            if n_looks == 1000:
                self._process.kill()  # it closed its pipe and lives on
            self._loop.call_later(0.005, self._reap, n_looks + 1)
            return
        if "log" in self._files:
            self._read("log")  # what a process of its own still holds open is not waited for
        if "log" in self._files:
            self._finish("log")
        self.ended = True
        self.failure = self.failure or WorkerError(f"Endpoint: a worker ended {_manner(code)}.")
        self.client.close()
        self._socket.unlink(missing_ok=True)
        self._gone.set()
        self._on_change(self)


def _manner(code: int) -> str:
    return f"by signal {-code}" if code < 0 else f"with exit code {code}"
