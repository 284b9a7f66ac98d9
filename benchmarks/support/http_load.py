"""A load generator in a process of its own: bare sockets, and latency from when a request was due.

In an open loop, requests are due at fixed times, whatever the server does. One that finds no free connection waits,
and its wait counts: a stall of the server shows in every request that was due meanwhile (no coordinated omission).
In a closed loop (rate 0), every connection asks again as soon as it has its answer, which measures throughput.

`select` wakes up to a microsecond, where event loops round to milliseconds. Connections are opened one after the
other, so that the workers of a server share them.
"""

from __future__ import annotations

import argparse
import collections
import gc
import json
import os
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Load", "run_load", "run_requests"]

PERCENTILES = (50, 90, 99, 99.9, 100)
LATE_S = 10.0


@dataclass(frozen=True)
class Load:
    """What came of a load: requests answered with 200, others, answers a second, and latencies in milliseconds."""

    n_good: int
    n_bad: int
    per_second: float
    latency_ms: dict[str, float]
    cpu_s: float


class Connection:
    """One connection that carries one request at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received, self.missing, self.due, self.good = b"", -1, 0.0, False

    def ask(self, request: bytes, due: float) -> None:
        self.due, self.received, self.missing = due, b"", -1
        self.socket.sendall(request)

    def take(self) -> bool:
        """Read what has come; true when the answer is complete."""
        block = self.socket.recv(1 << 18)
        if not block:
            raise ConnectionError("the server ended a connection")
        if self.missing < 0:
            self.received += block
            head, found, rest = self.received.partition(b"\r\n\r\n")
            if not found:
                return False
            self.good = head.startswith(b"HTTP/1.1 200")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            self.missing = int(length) - len(rest)
        else:
            self.missing -= len(block)
        return self.missing <= 0


def generate(port: int, request: bytes, *, rate: float, seconds: float, n_connections: int) -> Load:
    """Run a load against a port of this machine; `rate` is in requests a second, 0 for a closed loop."""
    idle = collections.deque(Connection(port) for _ in range(n_connections))
    busy: dict[socket.socket, Connection] = {}
    latencies: list[float] = []
    n_bad = n_asked = 0
    n_wanted = round(rate * seconds)
    gc.disable()
    began, cpu = time.perf_counter(), time.process_time()
    end = began + seconds
    while True:
        now = time.perf_counter()
        while idle and (n_asked < n_wanted and began + n_asked / rate <= now if rate else now < end):
            connection = idle.popleft()
            connection.ask(request, began + n_asked / rate if rate else now)
            busy[connection.socket] = connection
            n_asked += 1
        if not busy and (n_asked >= n_wanted if rate else now >= end):
            break
        if now > end + LATE_S:
            break
        wait = began + n_asked / rate - now if rate and idle and n_asked < n_wanted else 0.05
        for ready in select.select(list(busy), [], [], max(wait, 0))[0]:
            connection = busy[ready]
            if connection.take():
                latencies.append(time.perf_counter() - connection.due)
                n_bad += not connection.good
                del busy[ready]
                idle.append(connection)
    took = time.perf_counter() - began
    n_bad += len(busy) + max(n_wanted - n_asked, 0)
    ordered = sorted(latencies) or [float("inf")]
    percentiles = {
        f"p{p:g}": 1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))] for p in PERCENTILES
    }
    n_good = sum(1 for _ in latencies) - (n_bad - len(busy) - max(n_wanted - n_asked, 0))
    return Load(n_good, n_bad, n_good / took, percentiles, time.process_time() - cpu)


def run_load(port: int, body: bytes, *, rate: float, seconds: float, n_connections: int) -> Load:
    """Run a load of ``POST /invocations`` with a JSON body, from a process of its own."""
    head = (
        f"POST /invocations HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
        f"accept: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return run_requests(port, head.encode() + body, rate=rate, seconds=seconds, n_connections=n_connections)


def run_requests(port: int, request: bytes, *, rate: float, seconds: float, n_connections: int) -> Load:
    """Run a load of one request, head and body, over and over."""
    command = [sys.executable, str(Path(__file__)), str(port), f"--rate={rate}", f"--seconds={seconds}"]
    done = subprocess.run(
        [*command, f"--connections={n_connections}"],
        input=request, stdout=subprocess.PIPE, check=True, timeout=seconds + 60,
    )  # fmt: skip
    return Load(**json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=16)
    asked = parser.parse_args()
    request = sys.stdin.buffer.read()
    load = generate(
        asked.port, request, rate=asked.rate, seconds=asked.seconds, n_connections=asked.connections
    )
    os.write(1, json.dumps(vars(load)).encode())


if __name__ == "__main__":
    main()
