"""How hosts find one another: each listens at its address and calls those of lower rank until all are there."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence

from pairloom.collective.handshake import Identity, Refused, answer_peer, greet_peer
from pairloom.errors import PlatformError

__all__ = ["Address", "meet"]

Address = tuple[str, int]
HANDSHAKE_S = 5.0
RETRY_S = 0.05
MOST_CALLERS = 64
"""Callers that have not proved who they are; more are turned away at once."""


def meet(identity: Identity, addresses: Sequence[Address], timeout_s: float) -> dict[int, socket.socket]:
    """Return a proven connection to every other host, by rank.

    Parameters
    ----------
    identity : Identity
    addresses : sequence of (host, port), by rank
        This host listens at its own and nowhere else, and only until all hosts are there.
    timeout_s : float

    Raises
    ------
    PlatformError
        When a host is not there in time, or this host's address cannot be listened at.
    """
    return _Meeting(identity, addresses, time.monotonic() + timeout_s, timeout_s).run()


class _Meeting:
    def __init__(
        self, identity: Identity, addresses: Sequence[Address], deadline: float, timeout_s: float
    ) -> None:
        self.identity, self.addresses, self.deadline, self.timeout_s = (
            identity,
            addresses,
            deadline,
            timeout_s,
        )
        self.changed = threading.Condition()
        self.links = dict[int, socket.socket]()
        self.reasons = dict[int | None, str]()
        self.n_unproven = 0
        self.over = False

    def run(self) -> dict[int, socket.socket]:
        size, rank = len(self.identity.hosts), self.identity.rank
        threads = [threading.Thread(target=self._call, args=(peer,), daemon=True) for peer in range(rank)]
        listener = self._listen() if rank + 1 < size else None
        if listener is not None:
            threads.append(threading.Thread(target=self._accept, args=(listener,), daemon=True))
        for thread in threads:
            thread.start()
        try:
            with self.changed:
                while len(self.links) < size - 1 and time.monotonic() < self.deadline:
                    self.changed.wait(0.2)
                self.over = True
                if len(self.links) == size - 1:
                    return self.links
                for link in self.links.values():
                    link.close()
                raise self._missing()
        finally:
            self.over = True
            for thread in threads:
                thread.join(1.0)
            if listener is not None:
                listener.close()

    def _listen(self) -> socket.socket:
        host, port = self.addresses[self.identity.rank]
        while True:
            try:
                family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
                return socket.create_server((host, port), family=family, backlog=128)
            except OSError as error:
                # A name may come into being after the host itself.
                if isinstance(error, socket.gaierror) and time.monotonic() < self.deadline:
                    time.sleep(RETRY_S)
                    continue
                raise PlatformError(
                    f"Hosts: '{self.identity.hosts[self.identity.rank]}' must be able to listen at {host}:{port}. Got: "
                    f"{error}. Choose a free port."
                ) from error

    def _accept(self, listener: socket.socket) -> None:
        listener.settimeout(0.1)
        while not self.over:
            try:
                link, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with self.changed:
                welcome = self.n_unproven < MOST_CALLERS
                self.n_unproven += welcome
            if welcome:
                threading.Thread(target=self._answer, args=(link,), daemon=True).start()
            else:
                link.close()

    def _answer(self, link: socket.socket) -> None:
        try:
            rank = answer_peer(link, self.identity, min(self.deadline, time.monotonic() + HANDSHAKE_S))
        except Refused as reason:
            link.close()
            with self.changed:
                if time.monotonic() < self.deadline:
                    self.reasons[None] = str(reason)
        else:
            self._take(rank, link)
        finally:
            with self.changed:
                self.n_unproven -= 1

    def _call(self, peer: int) -> None:
        while not self.over and time.monotonic() < self.deadline:
            link = None
            try:
                left = max(0.01, min(HANDSHAKE_S, self.deadline - time.monotonic()))
                link = socket.create_connection(self.addresses[peer], timeout=left)
                greet_peer(link, self.identity, peer, time.monotonic() + left)
            except (OSError, Refused) as reason:
                if link is not None:
                    link.close()
                with self.changed:
                    if time.monotonic() < self.deadline:
                        self.reasons[peer] = str(reason)
                time.sleep(RETRY_S)
            else:
                self._take(peer, link)
                return

    def _take(self, rank: int, link: socket.socket) -> None:
        with self.changed:
            if self.over:
                link.close()
                return
            earlier = self.links.pop(rank, None)
            if earlier is not None:
                earlier.close()
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.links[rank] = link
            self.changed.notify_all()

    def _missing(self) -> PlatformError:
        rank = self.identity.rank
        missing = [r for r in range(len(self.identity.hosts)) if r != rank and r not in self.links]
        names = ", ".join(
            f"'{self.identity.hosts[r]}' at {self.addresses[r][0]}:{self.addresses[r][1]}" for r in missing
        )
        reasons = [self.reasons[r] for r in (*missing, None) if r in self.reasons]
        last = f" The last try ended with: {reasons[0]}." if reasons else ""
        return PlatformError(
            f"Hosts: every host must answer within {self.timeout_s:g} s. Got nothing from {names}.{last} Check that "
            "all hosts run, resolve one another's names and hold the same token."
        )
