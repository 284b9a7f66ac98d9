"""Ports of this machine for hosts that find one another."""

from __future__ import annotations

import random
import socket

__all__ = ["free_ports"]

PORTS = range(10_000, 30_000)
"""Below those that a system gives to outgoing connections of its own accord."""


def free_ports(n_ports: int) -> list[int]:
    """Return different ports at which nobody listens now."""
    ports: list[int] = []
    draw = random.SystemRandom()
    while len(ports) < n_ports:
        port = draw.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports
