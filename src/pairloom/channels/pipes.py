"""Pipe mode: one FIFO a pass, read as a stream."""

from __future__ import annotations

import contextlib
import io
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pairloom.channels.channel import ChannelInput, Interrupted
from pairloom.errors import PlatformError, UserError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["PipeStream", "fifo_path", "release_writers"]

PIPE_BYTES = 1 << 20
F_SETPIPE_SZ = 1031
SLICE_S = 0.1
RELEASE_S, ROUND_S, QUIET_ROUNDS = 5.0, 0.1, 5


def fifo_path(channel: ChannelInput, epoch: int) -> Path:
    """Return where the FIFO of a pass is."""
    return channel.folder / f"{channel.name}_{epoch}"


def release_writers(channel: ChannelInput, first_epoch: int) -> None:
    """Let go writers that wait for a pass which nobody will read: they find the reader gone.

    SageMaker offers a FIFO only when the one before was closed; others write into one after the other, so the rest
    are opened and closed until no writer has come for a moment.
    """
    paths: list[Path] = []
    while (path := fifo_path(channel, first_epoch + len(paths))).is_fifo():
        paths.append(path)
    n_quiet, deadline = 0, time.monotonic() + RELEASE_S
    while paths and n_quiet < QUIET_ROUNDS and time.monotonic() < deadline:
        n_quiet = 0 if _writer_came(paths) else n_quiet + 1


def _writer_came(paths: list[Path]) -> bool:
    poll = select.poll()
    descriptors = [os.open(path, os.O_RDONLY | os.O_NONBLOCK) for path in paths]
    try:
        for descriptor in descriptors:
            poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(ROUND_S * 1e3))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


class PipeStream(io.RawIOBase):
    """The bytes of one FIFO, from its writer's open to its close.

    Parameters
    ----------
    channel : ChannelInput
    epoch : int
    stopped : callable
        Asked while waiting; true makes the wait end in Interrupted.

    Raises
    ------
    UserError
        If the FIFO does not appear in time.
    PlatformError
        If its writer is silent for too long.
    """

    def __init__(self, channel: ChannelInput, epoch: int, stopped: Callable[[], bool]) -> None:
        self.timeout_s, self.stopped = channel.timeout_s, stopped
        self.label = f"{channel.label}, epoch {epoch}"
        self.has_writer = False
        self._descriptor = self._open(fifo_path(channel, epoch), epoch)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read what there is, or wait for it; 0 once every writer has closed its end."""
        if not self.has_writer:
            self._wait()
        while True:
            try:
                return os.readv(self._descriptor, [buffer])
            except BlockingIOError:
                self._wait()

    def close(self) -> None:
        """Close the FIFO, read to its end or not."""
        if not self.closed and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        super().close()

    def _open(self, path: Path, epoch: int) -> int:
        self._descriptor = -1
        deadline = time.monotonic() + self.timeout_s
        pause_s = 0.001
        while True:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                break
            except FileNotFoundError:
                self._check_stopped()
            except OSError as fault:
                raise PlatformError(
                    f"{self.label}: {path} cannot be opened. Got: {fault.strerror}."
                ) from fault
            if time.monotonic() > deadline:
                raise UserError(
                    f"{self.label}: must have a FIFO for each of its passes. Got none at {path} within "
                    f"{self.timeout_s:g} s. Offer one for pass {epoch + 1}, or ask for fewer passes."
                )
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, SLICE_S)
        _grow(descriptor)
        return descriptor

    def _wait(self) -> None:
        """Wait until there are bytes or the last writer has gone."""
        deadline = time.monotonic() + self.timeout_s
        while not self._poll.poll(SLICE_S * 1e3):
            self._check_stopped()
            if time.monotonic() > deadline:
                what = "bytes from its writer" if self.has_writer else "a writer to open the FIFO"
                raise PlatformError(
                    f"{self.label}: expected {what}. Got none within {self.timeout_s:g} s. "
                    "Check the process that writes, or allow it more time in PAIRLOOM_PIPE_TIMEOUT_S."
                )
        self.has_writer = True

    def _check_stopped(self) -> None:
        if self.stopped():
            raise Interrupted


def _grow(descriptor: int) -> None:
    """Let the pipe hold more at once, where the system allows it."""
    import fcntl  # absent on Windows, which has no FIFOs

    with contextlib.suppress(OSError):  # a plain file, or a pipe that may not grow: slower, no worse
        fcntl.fcntl(descriptor, F_SETPIPE_SZ, PIPE_BYTES)
