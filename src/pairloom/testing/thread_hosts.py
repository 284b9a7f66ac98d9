"""Hosts as threads of this process, connected as hosts are: for tests of what they do together."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import TypeVar

from pairloom.collective import Collective, together
from pairloom.collective.mesh import Mesh
from pairloom.collective.sockets import SocketCollective

__all__ = ["run_hosts_in_threads"]

Answer = TypeVar("Answer")


def run_hosts_in_threads(
    n_hosts: int, work: Callable[[Collective], Answer], *, lost_after_s: float = 60.0
) -> list[Answer | BaseException]:
    """Call ``work(collective)`` as every host of a job; returns what each returned or raised, by rank."""
    names = [f"algo-{rank + 1}" for rank in range(n_hosts)]
    links: list[dict[int, socket.socket]] = [{} for _ in names]
    for low in range(n_hosts):
        for high in range(low + 1, n_hosts):
            links[low][high], links[high][low] = socket.socketpair()
    answers: list[Answer | BaseException] = [AssertionError("the host never ended")] * n_hosts

    def host(rank: int) -> None:
        mesh = Mesh(names, rank, links[rank], lost_after_s=lost_after_s, call_timeout_s=lost_after_s)
        try:
            with together(SocketCollective(mesh)) as collective:
                answers[rank] = work(collective)
        except BaseException as error:
            answers[rank] = error

    threads = [threading.Thread(target=host, args=(rank,), daemon=True) for rank in range(n_hosts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
