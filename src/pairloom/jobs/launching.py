"""Starts the shim of an attempt, and speaks to one that runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pairloom
from pairloom.errors import PlatformError
from pairloom.jobs.attempt_files import AttemptFiles

__all__ = ["Attempt", "end_leftovers", "is_running", "launch", "open_attempt", "send"]

CONTROL_MODE = 0o600
LEFTOVERS_S = 10.0


class Attempt:
    """An attempt whose folder this process has made and locked, and not yet launched.

    Parameters
    ----------
    files : AttemptFiles
    lock : int
        Descriptor that holds the lock.
    """

    def __init__(self, files: AttemptFiles, lock: int) -> None:
        self.files, self._lock = files, lock

    def close(self) -> None:
        """Let go of the lock; a shim that was launched has it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the shim on what `lay_out` made; it outlives this process."""
        return launch(self.files, self._lock)


def open_attempt(folder: Path) -> Attempt:
    """Make the folder of an attempt and lock it.

    Raises
    ------
    FileExistsError
        If there is such an attempt: nobody runs one twice.
    """
    folder.mkdir(parents=True, mode=0o700)
    files = AttemptFiles(folder)
    lock = os.open(files.lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.mkfifo(files.control, CONTROL_MODE)
    return Attempt(files, lock)


def launch(files: AttemptFiles, lock: int) -> subprocess.Popen[bytes]:
    """Start the shim, which inherits the lock."""
    home = str(Path(pairloom.__file__).parents[1])
    environment = {"PYTHONPATH": home, "PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
    try:
        return subprocess.Popen(  # noqa: S603 - this Python and a module of ours
            [sys.executable, "-S", "-m", "pairloom.jobs.shim", str(files.folder)],
            env=environment,
            cwd=files.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(lock,),
        )
    except OSError as error:
        raise PlatformError(f"Training job: its process must start. Got: {error}.") from error


def is_running(files: AttemptFiles) -> bool:
    """Whether somebody holds the lock of an attempt."""
    try:
        lock = os.open(files.lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)


def send(files: AttemptFiles, reason: str) -> bool:
    """Ask a running attempt to stop, with a reason of `pairloom.jobs.shim.REASONS`; False where nobody listens."""
    try:
        control = os.open(files.control, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # no shim yet, or none any more
        return False
    try:
        os.write(control, f"{reason}\n".encode())
    finally:
        os.close(control)
    return True


def end_leftovers(files: AttemptFiles) -> None:
    """Kill what a shim that was killed has left behind, and wait for its end.

    The system ends the commands with their shim; what they had started may go on. It is known by the attempt's folder
    in its environment or command line, for numbers of processes come back.
    """
    deadline = time.monotonic() + LEFTOVERS_S
    while (left := _left(files.folder)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _left(folder: Path) -> list[int]:
    words = tuple(os.fsencode(folder) + end for end in (b"/", b"\0"))
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        pid = int(process.name)
        if pid == os.getpid():
            continue
        try:
            said = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:  # it has ended, or is another user's
            continue
        if any(word in said for word in words):
            found.append(pid)
    return found
