"""The connection to one other host: whole messages out, and a thread that takes messages in."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.collective.frames import (
    HEADER_BYTES,
    FrameError,
    Header,
    pack_header,
    parse_header,
)

__all__ = ["Link", "Message"]

Array = npt.NDArray[Any]
JOINED_BYTES = 1 << 16
MOST_WAITING = 16
"""Messages taken in ahead of the calls that want them; beyond, the sender has to wait."""


@dataclass(frozen=True, slots=True)
class Message:
    """A header and its array."""

    header: Header
    array: Array


@dataclass(slots=True)
class Link:
    """One other host.

    Parameters
    ----------
    rank : int
    socket : socket
        Proven; belongs to the link from now on.
    changed : Condition
        Told about every message; the same for all links of a mesh.
    on_notice : callable
        Receives (link, message) for what is said beside the calls.
    on_end : callable
        Receives (link, reason) when nothing more can come, other than after a parting.
    """

    rank: int
    socket: socket.socket
    changed: threading.Condition
    on_notice: Callable[[Link, Message], None]
    on_end: Callable[[Link, str], None]
    waiting: deque[Message] = field(default_factory=deque[Message])
    parted: bool = False
    ended: bool = False
    last_heard: float = field(default_factory=time.monotonic)
    sent_bytes: int = 0
    received_bytes: int = 0
    sending: threading.Lock = field(default_factory=threading.Lock)
    reader: threading.Thread | None = None

    def start(self) -> None:
        """Begin to take messages in."""
        self.socket.settimeout(None)
        self.reader = threading.Thread(target=self._read, name=f"pairloom-host-{self.rank}", daemon=True)
        self.reader.start()

    @property
    def is_backed_up(self) -> bool:
        """Whether messages wait to be wanted, so that none are taken in."""
        return len(self.waiting) >= MOST_WAITING

    def send(self, header: Header, array: Array) -> None:
        """Send a message; OSError when the connection is gone."""
        data = _bytes_of(array)
        head = pack_header(header)
        with self.sending:
            if len(data) <= JOINED_BYTES:
                self.socket.sendall(head + data.tobytes())
            else:
                self.socket.sendall(head)
                self.socket.sendall(data)
            self.sent_bytes += len(head) + len(data)

    def send_if_room(self, header: Header, array: Array, *, patience_s: float = 0.0) -> bool:
        """Send a short message if that takes no waiting, else return False."""
        if (
            not self.sending.acquire(timeout=patience_s)
            if patience_s
            else not self.sending.acquire(blocking=False)
        ):
            return False
        try:
            if not select.select([], [self.socket], [], patience_s)[1]:
                return False
            data = pack_header(header) + _bytes_of(array).tobytes()
            self.socket.sendall(data)
            self.sent_bytes += len(data)
        except (OSError, ValueError):  # gone: its reader tells
            return False
        else:
            return True
        finally:
            self.sending.release()

    def stop_sending(self) -> None:
        """Say that nothing more follows; a send that waits for room is cut short."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let go of the connection."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _read(self) -> None:
        reason = "its connection was closed"
        try:
            while (message := self._receive()) is not None:
                if message.header.operation.is_notice:
                    self.on_notice(self, message)
                    continue
                with self.changed:
                    self.waiting.append(message)
                    self.changed.notify_all()
                    while self.is_backed_up and not self.ended:
                        self.changed.wait(1.0)
                self.last_heard = time.monotonic()
        except (FrameError, MemoryError) as error:
            reason = f"{type(error).__name__}: {error}"
        except OSError as error:
            reason = f"its connection broke: {error.strerror or error}"
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        self.on_end(self, reason)

    def _receive(self) -> Message | None:
        head = bytearray(HEADER_BYTES)
        if not self._fill(memoryview(head), may_end=True):
            return None
        header = parse_header(bytes(head))
        array = np.empty(header.shape, header.dtype)
        self._fill(_bytes_of(array), may_end=False)
        self.received_bytes += HEADER_BYTES + array.nbytes
        return Message(header, array)

    def _fill(self, view: memoryview, *, may_end: bool) -> bool:
        n_bytes = 0
        while n_bytes < len(view):
            n_new = self.socket.recv_into(view[n_bytes:])
            if n_new == 0:
                if may_end and n_bytes == 0:
                    return False
                raise OSError("it ended in the middle of a message")
            n_bytes += n_new
            self.last_heard = time.monotonic()
        return True


def _bytes_of(array: Array) -> memoryview:
    """Return the memory of a contiguous array, which may hold nothing."""
    return array.reshape(-1).view(np.uint8).data if array.size else memoryview(b"")
