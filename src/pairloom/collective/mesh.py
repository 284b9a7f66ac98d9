"""All hosts of a job, each connected with each: calls in step, signs of life, and one reason when it ends."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.collective.failures import Failure
from pairloom.collective.frames import Header, Operation
from pairloom.collective.link import Link, Message

__all__ = ["Mesh"]

Array = npt.NDArray[Any]
NOTHING = np.empty(0, np.uint8)
LINGER_S = 2.0
NOTICE_PATIENCE_S = 1.0


class Mesh:
    """Messages between this host and every other.

    Parameters
    ----------
    hosts : sequence of str, by rank
    rank : int
    sockets : mapping of int to socket
        Proven connections to all others, by rank.
    lost_after_s : float
        A host that gives no sign of life for so long is lost.
    call_timeout_s : float
        Longest wait for a host that lives but does not come to the same call.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        rank: int,
        sockets: Mapping[int, socket.socket],
        *,
        lost_after_s: float,
        call_timeout_s: float,
    ) -> None:
        self.hosts, self.rank = tuple(hosts), rank
        self.lost_after_s, self.call_timeout_s = lost_after_s, call_timeout_s
        self.changed = threading.Condition()
        self.failure: Failure | None = None
        self.call = 0
        self.called = Operation.HEARTBEAT
        self.signature = 0
        self._over = threading.Event()
        self.links = {
            peer: Link(peer, link, self.changed, self._noticed, self._ended) for peer, link in sockets.items()
        }
        self._watch = threading.Thread(target=self._watch_life, name="pairloom-heartbeat", daemon=True)
        for link in self.links.values():
            link.start()
        self._watch.start()

    @property
    def peers(self) -> list[int]:
        """The others, each host in another order so that not all call on the first one at once."""
        size = len(self.hosts)
        return [(self.rank + distance) % size for distance in range(1, size)]

    def begin(self, operation: Operation, signature: int) -> None:
        """Begin a call; its messages are known by its number, operation and signature of arguments."""
        self._raise_failure()
        self.call, self.called, self.signature = self.call + 1, operation, signature

    def send(self, peer: int, array: Array, step: int = 0) -> None:
        """Send an array of this call."""
        header = Header(self.called, array.dtype, array.shape, self.call, step, self.signature)
        try:
            self.links[peer].send(header, array)
        except OSError as error:
            self._ended(self.links[peer], f"its connection broke: {error.strerror or error}")
            self._raise_failure()

    def receive(self, peer: int, step: int = 0) -> Array:
        """Wait for an array of this call."""
        message = self._next(self.links[peer])
        header = message.header
        mine, theirs = f"'{self.hosts[self.rank]}'", f"'{self.hosts[peer]}'"
        if (header.call, header.operation) != (self.call, self.called):
            self.fail(
                Failure(
                    "algorithm",
                    f"Hosts: all must call the same operations in the same order. As call {self.call} host {mine} made "
                    f"{self.called.title}; host {theirs} made {header.operation.title} as its call {header.call}.",
                )
            )
        elif header.signature != self.signature or header.step != step:
            self.fail(
                Failure(
                    "algorithm",
                    f"Hosts: arrays of one call must agree in dtype, shape and root. In call {self.call}, "
                    f"{self.called.title}, those of hosts {mine} and {theirs} do not.",
                )
            )
        self._raise_failure()
        return message.array

    def _next(self, link: Link) -> Message:
        deadline = time.monotonic() + self.call_timeout_s
        with self.changed:
            while not link.waiting and self.failure is None:
                if link.parted:
                    self._fail_locked(self._parted_early(link))
                elif time.monotonic() > deadline:
                    self._fail_locked(self._too_late(link))
                else:
                    self.changed.wait(0.5)
            if self.failure is None:
                message = link.waiting.popleft()
                self.changed.notify_all()
                return message
        self._raise_failure()
        raise AssertionError("unreachable")

    def part(self) -> None:
        """Say that this host is done, and wait until all others are; raises if one is lost meanwhile."""
        if self._over.is_set():
            return
        for link in self.links.values():
            try:
                link.send(Header(Operation.PARTING, NOTHING.dtype, (0,)), NOTHING)
            except OSError as error:
                self._ended(link, f"its connection broke: {error.strerror or error}")
        with self.changed:
            while self.failure is None and not all(link.parted for link in self.links.values()):
                self.changed.wait(0.5)
        self._raise_failure()
        self._let_go()

    def fail(self, failure: Failure) -> None:
        """End the work of all hosts for a reason; the first reason stands."""
        with self.changed:
            self._fail_locked(failure)

    def let_go(self) -> None:
        """Let go of all connections, after a failure."""
        self._let_go()

    def _fail_locked(self, failure: Failure) -> None:
        if self.failure is None:
            self.failure = failure
            self.changed.notify_all()
            threading.Thread(target=self._tell, args=(failure,), daemon=True).start()

    def _tell(self, failure: Failure) -> None:
        text = failure.pack()
        header = Header(Operation.FAILURE, text.dtype, text.shape)
        for link in self.links.values():
            link.send_if_room(header, text, patience_s=0.0 if link.ended else NOTICE_PATIENCE_S)
            link.stop_sending()

    def _raise_failure(self) -> None:
        if self.failure is not None:
            self._let_go()
            raise self.failure.error()

    def _let_go(self) -> None:
        """Close in such a way that what was said last is heard: data not read by then would be lost to the peer."""
        if self._over.is_set():
            return
        self._over.set()
        if self.failure is not None:
            deadline = time.monotonic() + LINGER_S
            with self.changed:
                while time.monotonic() < deadline and not all(link.ended for link in self.links.values()):
                    self.changed.wait(0.1)
        with self.changed:
            for link in self.links.values():
                link.ended = True
            self.changed.notify_all()
        for link in self.links.values():
            link.close()
        for link in self.links.values():
            if link.reader is not None:
                link.reader.join(1.0)
        self._watch.join(1.0)

    def _noticed(self, link: Link, message: Message) -> None:
        match message.header.operation:
            case Operation.PARTING:
                with self.changed:
                    link.parted = True
                    self.changed.notify_all()
            case Operation.FAILURE:
                self.fail(Failure.unpack(message.array))
            case _:
                return

    def _ended(self, link: Link, reason: str) -> None:
        if not (link.parted or self._over.is_set()):
            self.fail(self._lost(link, reason))

    def _watch_life(self) -> None:
        tick_s = min(1.0, self.lost_after_s / 5)
        header = Header(Operation.HEARTBEAT, NOTHING.dtype, (0,))
        last = time.monotonic()
        while not self._over.wait(tick_s):
            now = time.monotonic()
            slept = now - last > self.lost_after_s / 2
            last = now
            for link in self.links.values():
                if link.ended:
                    continue
                if slept or link.is_backed_up or link.parted:  # not having listened, this host cannot judge
                    link.last_heard = now
                elif now - link.last_heard > self.lost_after_s:
                    link.ended = True
                    self.fail(self._lost(link, f"it gave no sign of life for {self.lost_after_s:g} s"))
                if self.failure is None:
                    link.send_if_room(header, NOTHING)

    def _lost(self, link: Link, reason: str) -> Failure:
        return Failure(
            "platform",
            f"Host '{self.hosts[link.rank]}' was lost: {reason}. Look into its log, then run the job again.",
        )

    def _parted_early(self, link: Link) -> Failure:
        return Failure(
            "algorithm",
            f"Hosts: all must make the same calls. Host '{self.hosts[link.rank]}' ended before call {self.call}, "
            f"{self.called.title}, that host '{self.hosts[self.rank]}' made.",
        )

    def _too_late(self, link: Link) -> Failure:
        return Failure(
            "platform",
            f"Host '{self.hosts[link.rank]}' must come to call {self.call}, {self.called.title}, within "
            f"{self.call_timeout_s:g} s. It lives but did not. Cut the data evenly, or look into its log.",
        )
