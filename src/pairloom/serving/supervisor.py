"""Keeps the workers of an endpoint alive, exchanges them when the model changes, and ends them gently.

The supervisor holds the listening socket, from which all workers take connections, and does no other work: it
imports neither numpy nor an HTTP library. A worker that dies is replaced. On SIGHUP, new workers load the model
file anew; when all of them answer, the old ones finish their requests and end. If one of them fails, the old ones
stay. Every set of workers loads a copy of the model that was made for it, so that a replaced worker serves the same
model as its neighbours, whatever has become of the file. SIGTERM and SIGINT end all.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pairloom.errors import DataError, PairloomError, PlatformError, UserError
from pairloom.serving.counters import Counters
from pairloom.serving.log import log
from pairloom.serving.orders import BACKLOG, BEAT_S, Orders
from pairloom.serving.settings import EndpointSettings

__all__ = ["Supervisor", "listen"]

LOAD_S = 600.0
"""Seconds a worker has to load the model."""
SILENT_S = 10.0
"""Seconds beyond the time limit of a request after which a worker that shows no sign of life is ended."""
KILL_S = 5.0
"""Seconds beyond its time to drain after which a worker is killed."""
BACKOFF_S = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds to wait before a worker is replaced, by how many died soon after their start."""
SOON_S = 10.0
SIGNALS = (signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


def listen(settings: EndpointSettings) -> socket.socket:
    """Open the socket of an endpoint.

    Raises
    ------
    PlatformError
        If the address is taken or not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        raise PlatformError(
            f"Endpoint: {settings.host}:{settings.port} must be a free address of this machine. "
            f"Got: {error.strerror or error}. Choose another with --port or --host."
        ) from error
    listener.setblocking(False)
    return listener


@dataclass(eq=False)
class _Worker:
    process: subprocess.Popen[bytes]
    status: int
    slot: int
    started: float
    ready: bool = False
    heard: float = 0.0
    unread: bytes = b""
    told_to_end: float | None = None
    failure: dict[str, str] | None = None


@dataclass(eq=False)
class _Generation:
    """Workers that serve one copy of the model."""

    model: Path
    folder: tempfile.TemporaryDirectory[str]
    workers: list[_Worker] = field(default_factory=list[_Worker])
    due: list[float] = field(default_factory=list[float])
    n_early_deaths: int = 0

    def all_ready(self, n_workers: int) -> bool:
        return len(self.workers) == n_workers and all(worker.ready for worker in self.workers)


class Supervisor:
    """Runs an endpoint until it is told to end.

    Parameters
    ----------
    model : path
        A model.tar.gz or a folder with its contents.
    settings : EndpointSettings
    on_ready : callable
        Called with the URL when all workers answer for the first time.
    """

    def __init__(
        self, model: str | Path, settings: EndpointSettings, on_ready: Callable[[str], None] = lambda _: None
    ) -> None:
        self.model, self.settings, self.on_ready = Path(model), settings, on_ready
        self._current: _Generation | None = None
        self._coming: _Generation | None = None
        self._leaving: list[_Generation] = []
        self._reload_again = False
        self._ending: float | None = None
        self._fault: PairloomError | None = None
        self._announced = False

    def run(self) -> int:
        """Serve; returns 0 after a gentle end.

        Raises
        ------
        UserError
            For a model that cannot be loaded at the start.
        PlatformError
            For an address that is taken, or a platform without forked sockets.
        """
        if not hasattr(signal, "SIGHUP"):
            raise PlatformError("Endpoint: serving needs Linux or macOS. On Windows, run it in WSL.")
        self._listener = listen(self.settings)
        host, port = self._listener.getsockname()[:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self._counters = Counters.create(4 * self.settings.n_workers + 1)
        self._free_slots = list(range(4 * self.settings.n_workers, 0, -1))
        self._selector = selectors.DefaultSelector()
        with _signals() as told:
            self._selector.register(told, selectors.EVENT_READ, None)
            try:
                self._current = self._begin()
                while self._all():
                    self._step(told)
            finally:
                self._kill_all()
                self._listener.close()
        if self._fault is not None:
            raise self._fault
        log("info", "ended")
        return 0

    def _step(self, told: socket.socket) -> None:
        for key, _ in self._selector.select(0.2):
            if key.data is None:
                for number in told.recv(64):
                    self._on_signal(number)
            else:
                self._read(*key.data)
        now = time.monotonic()
        for generation in self._all():
            for worker in list(generation.workers):
                self._watch(generation, worker, now)
            if generation is self._current and self._ending is None:
                for at in [at for at in generation.due if at <= now]:
                    generation.due.remove(at)
                    self._start_worker(generation)
        self._settle()

    def _all(self) -> list[_Generation]:
        return [each for each in (self._current, self._coming, *self._leaving) if each is not None]

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._reload()
        elif self._ending is None:
            log("info", "ending", signal=signal.Signals(number).name)
            self._end()

    def _end(self) -> None:
        self._ending = time.monotonic()
        self._listener.close()
        for generation in self._all():
            self._retire(generation)

    def _reload(self) -> None:
        if self._ending is not None:
            return
        if self._coming is not None or self._current is None or not self._announced:
            self._reload_again = True
            return
        log("info", "reloading", model=str(self.model))
        try:
            self._coming = self._begin()
        except (PairloomError, OSError) as error:
            self._keep_old(str(error))

    def _keep_old(self, message: str) -> None:
        self._counters.add("failed_reloads_total")
        log("error", "reload failed, the old model keeps serving", message=message)

    def _begin(self) -> _Generation:
        """Copy the model and start workers on the copy."""
        folder = tempfile.TemporaryDirectory(prefix="pairloom-serve-")
        generation = _Generation(Path(folder.name) / "model", folder)
        if not self.model.exists():
            folder.cleanup()
            raise DataError(
                "a model.tar.gz", got="nothing by that name", source=str(self.model), action="Check the path"
            )
        if self.model.is_dir():
            shutil.copytree(self.model, generation.model)
        else:
            shutil.copyfile(self.model, generation.model)
        for _ in range(self.settings.n_workers):
            self._start_worker(generation)
        return generation

    def _start_worker(self, generation: _Generation) -> None:
        reading, writing = os.pipe()
        slot = self._free_slots.pop()
        orders = Orders(
            str(generation.model), self.settings, self._listener.fileno(), writing, self._counters.file, slot
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "pairloom.serving.worker"],
            stdin=subprocess.PIPE,
            pass_fds=(orders.listener, orders.status, orders.counters),
        )
        os.close(writing)
        assert process.stdin is not None
        try:
            process.stdin.write(orders.to_line())
            process.stdin.flush()
        except BrokenPipeError:
            log("error", "a worker ended before its orders came", worker=process.pid)
        os.set_blocking(reading, False)
        now = time.monotonic()
        worker = _Worker(process, reading, slot, now, heard=now)
        generation.workers.append(worker)
        self._selector.register(reading, selectors.EVENT_READ, (generation, worker))

    def _read(self, generation: _Generation, worker: _Worker) -> None:
        try:
            block = os.read(worker.status, 1 << 16)
        except BlockingIOError:
            return
        if not block:
            self._gone(generation, worker)
            return
        worker.heard = time.monotonic()
        *lines, worker.unread = (worker.unread + block).split(b"\n")
        for line in lines:
            if line == b"ready":
                worker.ready = True
                log("info", "worker ready", worker=worker.process.pid)
            elif line.startswith(b"failed "):
                worker.failure = json.loads(line[7:])

    def _gone(self, generation: _Generation, worker: _Worker) -> None:
        self._selector.unregister(worker.status)
        os.close(worker.status)
        assert worker.process.stdin is not None
        worker.process.stdin.close()
        try:
            code = worker.process.wait(KILL_S)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            code = worker.process.wait()
        generation.workers.remove(worker)
        self._free_slots.append(worker.slot)
        if worker.told_to_end is None:
            self._died(generation, worker, code)

    def _died(self, generation: _Generation, worker: _Worker, code: int) -> None:
        reason = (worker.failure or {}).get("message", f"exit code {code}")
        if generation is self._coming:
            self._coming = None
            self._leaving.append(generation)
            self._retire(generation)
            self._keep_old(reason)
            return
        if not self._announced and not worker.ready:
            user = (worker.failure or {}).get("kind") == "UserError"
            message = reason if worker.failure else f"Endpoint: a worker ended at its start with {reason}."
            self._fault = UserError(message) if user else PlatformError(message)
            self._end()
            return
        self._counters.add("worker_deaths_total")
        log("error", "worker died, it is replaced", worker=worker.process.pid, message=reason)
        now = time.monotonic()
        generation.n_early_deaths = generation.n_early_deaths + 1 if now - worker.started < SOON_S else 0
        generation.due.append(now + BACKOFF_S[min(generation.n_early_deaths, len(BACKOFF_S) - 1)])

    def _watch(self, generation: _Generation, worker: _Worker, now: float) -> None:
        """End a worker that takes too long at loading, answering or ending."""
        if worker.told_to_end is not None:
            if now - worker.told_to_end > self.settings.drain_s + KILL_S:
                log("warning", "worker killed: it did not end in time", worker=worker.process.pid)
                worker.process.kill()
                worker.told_to_end = now
        elif now - worker.heard > (self.settings.timeout_s + SILENT_S + BEAT_S if worker.ready else LOAD_S):
            log("error", "worker killed: no sign of life", worker=worker.process.pid)
            worker.heard = now
            worker.process.kill()

    def _retire(self, generation: _Generation) -> None:
        generation.due.clear()
        for worker in generation.workers:
            if worker.told_to_end is None:
                worker.told_to_end = time.monotonic()
                worker.process.terminate()

    def _settle(self) -> None:
        """Take the steps that are due once workers have become ready or have gone."""
        n_workers = self.settings.n_workers
        if not self._announced and self._current is not None and self._current.all_ready(n_workers):
            self._announced = True
            self._counters.put("workers", n_workers)
            log("info", "serving", url=self.url, model=str(self.model), workers=n_workers)
            self.on_ready(self.url)
        if self._coming is not None and self._coming.all_ready(n_workers) and self._current is not None:
            old, self._current, self._coming = self._current, self._coming, None
            self._leaving.append(old)
            self._retire(old)
            self._counters.add("reloads_total")
            log("info", "reloaded", model=str(self.model))
        for generation in [each for each in self._leaving if not each.workers]:
            self._leaving.remove(generation)
            generation.folder.cleanup()
        if self._ending is not None:
            for name in ("_current", "_coming"):
                generation: _Generation | None = getattr(self, name)
                if generation is not None and not generation.workers:
                    setattr(self, name, None)
                    generation.folder.cleanup()
        if self._reload_again and self._announced and self._coming is None:
            self._reload_again = False
            self._reload()

    def _kill_all(self) -> None:
        for generation in self._all():
            for worker in generation.workers:
                worker.process.kill()
                worker.process.wait()
            generation.folder.cleanup()


class _signals:  # noqa: N801 - used as a function
    """Turns the signals of this process into bytes on a socket, for as long as it is entered."""

    def __enter__(self) -> socket.socket:
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)
        self._old_wakeup = signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        self._old: list[tuple[int, Any]] = [(number, signal.signal(number, _ignore)) for number in SIGNALS]
        return self._reading

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old:
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_wakeup)
        self._reading.close()
        self._writing.close()


def _ignore(*_: object) -> None:
    """Handle a signal by the byte that Python writes for it."""
