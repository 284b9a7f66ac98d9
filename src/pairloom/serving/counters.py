"""What the processes of an endpoint count, in memory they share, and its text for Prometheus."""

from __future__ import annotations

import mmap
import os
import tempfile
from bisect import bisect_left
from collections.abc import Sequence
from typing import Self

__all__ = ["Counters"]

STATUSES = (200, 204, 400, 401, 404, 405, 406, 408, 411, 413, 415, 422, 431, 499, 500, 503, 504)
"""Status codes that are counted apart; 499 is a client that left before its answer. Others count as 0."""
BOUNDS_S = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0, 60.0,
)  # fmt: skip
HISTOGRAMS = {
    "model_latency_seconds": "Time from a request's last byte to its answer: reading rows, scoring, writing.",
    "overhead_latency_seconds": "The rest of the time from a request's head to its answer's last byte.",
}
PLAIN = {
    "rows_total": ("counter", "Rows scored."),
    "request_bytes_total": ("counter", "Bytes of request bodies."),
    "response_bytes_total": ("counter", "Bytes of answers."),
    "worker_deaths_total": ("counter", "Workers that ended by themselves and were replaced."),
    "reloads_total": ("counter", "Models exchanged while serving."),
    "failed_reloads_total": ("counter", "Models that could not be loaded; the old one kept serving."),
    "events_total": ("counter", "Events that were kept."),
    "events_pending_bytes": ("gauge", "Bytes of events that workers have yet to bring into their models."),
    "requests_in_flight": ("gauge", "Requests whose body or answer is under way."),
    "workers": ("gauge", "Workers that answer."),
}
PREFIX = "pairloom_endpoint_"


def _layout() -> dict[str, int]:
    """Give every number a cell."""
    names = [*PLAIN, *(f"status {status}" for status in (*STATUSES, 0))]
    for name in HISTOGRAMS:
        names += [f"{name} {i}" for i in range(len(BOUNDS_S) + 1)] + [f"{name} sum"]
    return {name: cell for cell, name in enumerate(names)}


CELLS = _layout()


class Counters:
    """Numbers of one process among those of all.

    Every process writes its own slot and reads them all; a slot goes on counting when a new process takes it over.

    Parameters
    ----------
    file : int
        Descriptor of memory that `create` made.
    slot : int
        Of this process.
    """

    def __init__(self, file: int, slot: int) -> None:
        self.file = file
        self._memory = mmap.mmap(file, os.fstat(file).st_size)
        self._cells = memoryview(self._memory).cast("d")
        self._first = slot * len(CELLS)

    @classmethod
    def create(cls, n_slots: int) -> Self:
        """Make memory for so many processes; the maker's slot is 0."""
        with tempfile.TemporaryFile() as file:
            file.truncate(n_slots * len(CELLS) * 8)
            return cls(os.dup(file.fileno()), 0)

    def add(self, name: str, amount: float = 1.0) -> None:
        """Count; `name` is one of the plain numbers."""
        self._cells[self._first + CELLS[name]] += amount

    def put(self, name: str, value: float) -> None:
        """Set a gauge."""
        self._cells[self._first + CELLS[name]] = value

    def request(
        self,
        status: int,
        *,
        model_s: float = 0.0,
        overhead_s: float = 0.0,
        n_rows: int = 0,
        received: int = 0,
        sent: int = 0,
    ) -> None:
        """Count a request for answers; latencies and rows are of those that got one."""
        cells, first = self._cells, self._first
        cells[first + CELLS.get(f"status {status}", CELLS["status 0"])] += 1
        cells[first + CELLS["request_bytes_total"]] += received
        cells[first + CELLS["response_bytes_total"]] += sent
        if status < 300:
            cells[first + CELLS["rows_total"]] += n_rows
            for name, seconds in (
                ("model_latency_seconds", model_s),
                ("overhead_latency_seconds", overhead_s),
            ):
                at = first + CELLS[f"{name} 0"]
                cells[at + bisect_left(BOUNDS_S, seconds)] += 1
                cells[at + len(BOUNDS_S) + 1] += seconds

    def total(self, name: str) -> float:
        """Sum a cell over all processes."""
        return sum(self._cells[CELLS[name] :: len(CELLS)])

    def exposition(self) -> str:
        """Return the numbers of all processes in Prometheus' text format."""
        lines: list[str] = []
        _describe(lines, "requests_total", "counter", "Requests for answers, by status code.")
        for status in (*STATUSES, 0):
            count = self.total(f"status {status}")
            if count or status == 200:
                lines.append(f'{PREFIX}requests_total{{status="{status or "other"}"}} {count:.0f}')
        for name, (kind, about) in PLAIN.items():
            _describe(lines, name, kind, about)
            lines.append(f"{PREFIX}{name} {self.total(name):.0f}")
        for name, about in HISTOGRAMS.items():
            _describe(lines, name, "histogram", about)
            lines += _histogram(
                name, [self.total(f"{name} {i}") for i in range(len(BOUNDS_S) + 1)], self.total(f"{name} sum")
            )
        return "\n".join(lines) + "\n"


def _describe(lines: list[str], name: str, kind: str, about: str) -> None:
    lines += [f"# HELP {PREFIX}{name} {about}", f"# TYPE {PREFIX}{name} {kind}"]


def _histogram(name: str, counts: Sequence[float], total: float) -> list[str]:
    lines: list[str] = []
    below = 0.0
    for bound, count in zip([*map(str, BOUNDS_S), "+Inf"], counts, strict=True):
        below += count
        lines.append(f'{PREFIX}{name}_bucket{{le="{bound}"}} {below:.0f}')
    return [*lines, f"{PREFIX}{name}_sum {total:.9f}", f"{PREFIX}{name}_count {below:.0f}"]
