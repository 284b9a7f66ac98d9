"""One small process beside each attempt at a job: starts its commands, keeps their log, ends them, packs the results.

``python -S -m pairloom.jobs.shim FOLDER``, where ``launch.json`` in the folder says what to run. The lock of the
attempt is inherited from the launcher, so that there is no moment at which a running attempt looks like a dead one.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from pairloom.container.process_control import adopt_orphans
from pairloom.jobs.attempt_files import AttemptFiles, read_json, write_json
from pairloom.jobs.log_writer import LogWriter
from pairloom.jobs.metric_lines import MetricFinder
from pairloom.jobs.packing import pack
from pairloom.jobs.processes import (
    end_group,
    end_orphans,
    has_ended,
    signal_process,
    start,
)

__all__ = ["REASONS", "Shim", "main"]

REASONS = ("stop", "suspend", "max-runtime", "max-wait")
"""Why an attempt may be ended before its time: its owner, the service that goes, and two limits."""
BLOCK_BYTES = 1 << 16
LAST_WORDS_S = 1.0
LONGEST_SLEEP_S = 1.0
STANDARD_OUTPUT, STANDARD_ERROR = 1, 2
NOT_STARTED = 127


@dataclass
class Host:
    """A host of the job: its process, and the feeder of its pipes where it has any."""

    name: str
    root: Path
    log: LogWriter
    process: subprocess.Popen[bytes] | None = None
    feeder: subprocess.Popen[bytes] | None = None
    code: int | None = None
    outputs: set[int] = field(default_factory=set[int])


class Shim:
    """Runs one attempt.

    Parameters
    ----------
    files : AttemptFiles
    """

    def __init__(self, files: AttemptFiles) -> None:
        self.files = files
        launch = read_json(files.launch)
        if launch is None:
            raise FileNotFoundError(files.launch)
        self.launch: Mapping[str, Any] = launch
        self.selector = selectors.DefaultSelector()
        self.finder = MetricFinder(launch["metrics"], files.metrics, self._tell)
        self.hosts = [
            Host(given["name"], files.host(given["name"]), LogWriter(Path(given["log"]), time.time, self.finder.hear))
            for given in launch["hosts"]
        ]  # fmt: skip
        self.reason: str | None = None
        self.feeding_fault: str | None = None
        self.deadline = float("inf")
        self.started_at, self.ended_at, self.began = time.time(), 0.0, time.monotonic()
        limit_s = launch["max_runtime_s"]
        self.runtime_ends = time.monotonic() + limit_s if limit_s is not None else float("inf")

    def run(self) -> None:
        """Run the attempt to ``finished.json``."""
        adopt_orphans()
        self._listen()
        self.finder.tell_faults()
        for host, given in zip(self.hosts, self.launch["hosts"], strict=True):
            self._start(host, given)
        write_json(self.files.shim, {"pid": os.getpid(), "started_at": self.started_at})
        if self.reason is not None:  # asked for while the hosts were started
            self._ask_to_end()
        while any(host.code is None for host in self.hosts):
            self._turn()
        self._last_words()
        self._end()

    def _listen(self) -> None:
        woken, wake = os.pipe()
        for descriptor in (woken, wake):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _hear)
        signal.signal(signal.SIGTERM, self._suspend)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.selector.register(woken, selectors.EVENT_READ, self._woken)
        control = os.open(
            self.files.control, os.O_RDWR | os.O_NONBLOCK
        )  # with a writer of our own it never ends
        self.selector.register(control, selectors.EVENT_READ, self._told)

    def _start(self, host: Host, given: Mapping[str, Any]) -> None:
        if given["feed"] is not None:
            command = [sys.executable, "-S", "-m", "pairloom.jobs.feeding", given["feed"]]
            host.feeder = self._process(host, command, os.environ, folder=self.files.folder)
        host.process = self._process(
            host,
            given["command"],
            given["environment"],
            folder=Path(given["folder"]),
            memory_bytes=given["memory_bytes"],
            opt_ml=(host.root, self.files.folder / "opt" / host.name) if given["has_opt_ml"] else None,
            is_isolated=given["is_isolated"],
        )
        if host.process is None:
            host.code = NOT_STARTED
            self._end_others(0.0)

    def _process(
        self,
        host: Host,
        command: list[str],
        environment: Mapping[str, str],
        **more: Any,
    ) -> subprocess.Popen[bytes] | None:
        reading, writing = os.pipe()
        try:
            process = start(command, environment, output=writing, **more)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            os.close(reading)
            host.log.say(f"The command must be a program that can be started, {command[0]}. Got: {error}.")
            return None
        finally:
            os.close(writing)
        os.set_blocking(reading, False)
        host.outputs.add(reading)
        self.selector.register(reading, selectors.EVENT_READ, partial(self._read, host))
        return process

    def _turn(self) -> None:
        """Wait for something to happen, and do what follows from it."""
        now = time.monotonic()
        if now >= self.runtime_ends and self.reason is None:
            self._stop("max-runtime")
        if now >= self.deadline:
            for host in self.hosts:
                if host.process is not None:
                    signal_process(host.process, signal.SIGKILL)
        next_limit = min(self.deadline if now < self.deadline else now + 0.1, self.runtime_ends)
        wait_s = max(0.0, min(LONGEST_SLEEP_S, next_limit - now))
        for key, _ in self.selector.select(wait_s):
            key.data(key.fd)
        self._look_at_feeders()
        for host in self.hosts:
            if host.code is None and host.process is not None and has_ended(host.process):
                end_group(host.process)
                host.code = host.process.returncode
                if host.code:
                    self._end_others(self.launch["patience_s"])

    def _look_at_feeders(self) -> None:
        for host in self.hosts:
            if host.feeder is None or not has_ended(host.feeder):
                continue
            end_group(host.feeder)
            if host.feeder.returncode and self.feeding_fault is None:
                told = read_json(self.files.folder / f"feeding-{host.name}.json")
                self.feeding_fault = told["fault"] if told else f"The feeder of {host.name} ended by itself."
                self._end_others(0.0)
            host.feeder = None

    def _end_others(self, grace_s: float) -> None:
        """Allow the hosts that are left some time, for they hear of the end from one another."""
        self.deadline = min(self.deadline, time.monotonic() + grace_s)

    def _stop(self, reason: str) -> None:
        """Ask every host to stop, and set the time after which it must."""
        if self.reason is not None:
            return
        self.reason = reason
        self.deadline = min(self.deadline, time.monotonic() + self.launch["grace_s"])
        self._ask_to_end()

    def _ask_to_end(self) -> None:
        for host in self.hosts:
            if host.process is not None:
                signal_process(host.process, signal.SIGTERM)

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        self._stop("suspend")

    def _woken(self, descriptor: int) -> None:
        os.read(descriptor, BLOCK_BYTES)

    def _told(self, descriptor: int) -> None:
        for word in os.read(descriptor, BLOCK_BYTES).decode("ascii", "replace").split():
            if word in REASONS:
                self._stop(word)

    def _read(self, host: Host, descriptor: int) -> None:
        try:
            block = os.read(descriptor, BLOCK_BYTES)
        except BlockingIOError:
            return
        if block:
            host.log.take(block)
            return
        self.selector.unregister(descriptor)
        host.outputs.discard(descriptor)
        os.close(descriptor)

    def _last_words(self) -> None:
        """Kill what is left, and read what all of it has written."""
        for host in self.hosts:
            if host.feeder is not None:
                end_group(host.feeder)
        end_orphans()
        deadline = time.monotonic() + LAST_WORDS_S
        while any(host.outputs for host in self.hosts) and time.monotonic() < deadline:
            for key, _ in self.selector.select(0.05):
                key.data(key.fd)

    def _end(self) -> None:
        for host in self.hosts:
            host.log.end_line()
        self.ended_at = self.started_at + time.monotonic() - self.began  # the clock may have jumped meanwhile
        about = {
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "hosts": {host.name: host.code for host in self.hosts},
            "reason": self.reason,
            "feeding_fault": self.feeding_fault,
            "fault": None,
        }
        write_json(self.files.ended, about)
        try:
            for name, part in self.launch["results"].items():
                folders = [host.root / part for host in self.hosts]
                pack(folders, self.files.results / name, self._tell)
        except (OSError, ValueError) as error:
            about["fault"] = f"Packing the results: {self.files.results} must have room. Got: {error}."
        for host in self.hosts:
            host.log.close()
        self.finder.close()
        write_json(self.files.finished, about)

    def _tell(self, message: str) -> None:
        self.hosts[0].log.say(message)


def _hear(number: int, frame: FrameType | None) -> None:
    """Do nothing: that a child has ended is seen by the byte that wakes the loop."""


def main() -> None:
    """Run the attempt whose folder the command line names."""
    files = AttemptFiles(Path(sys.argv[1]))
    _own_output(files.shim_log)
    Shim(files).run()


def _own_output(path: Path) -> None:
    """Let go of the launcher's terminal and pipes."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    said = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    for descriptor in (STANDARD_OUTPUT, STANDARD_ERROR):
        os.dup2(said, descriptor)


if __name__ == "__main__":
    main()
