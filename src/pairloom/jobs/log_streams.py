"""Logs on disk, as groups and streams of events that are read in pages; `pairloom.jobs.log_writer` writes them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import quote, unquote

__all__ = ["LogEvent", "LogFolder", "LogPage", "LogStream"]

ENDING = ".jsonl"
BLOCK_BYTES = 64 << 10
LARGEST_PAGE_BYTES = 1 << 20
EVENT_OVERHEAD_BYTES = 26


class LogEvent(NamedTuple):
    """A line: milliseconds since 1970, its text, and where the line begins in its file."""

    time_ms: int
    message: str
    offset: int


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some events in order, and the offsets at which the page before and the page after them begin or end."""

    events: list[LogEvent]
    backward: int
    forward: int


class LogFolder:
    """Every log under one folder.

    Parameters
    ----------
    root : path
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, group: str, stream: str) -> Path:
        """Return where a stream's file is, or would be."""
        *folders, name = [_quoted(part) for part in stream.split("/")]
        return self.root.joinpath(_quoted(group), *folders, name + ENDING)

    def groups(self, prefix: str = "") -> list[str]:
        """Names of the groups that have a stream, in order."""
        if not self.root.is_dir():
            return []
        return sorted(
            name
            for entry in os.scandir(self.root)
            if entry.is_dir() and (name := unquote(entry.name)).startswith(prefix)
        )

    def streams(self, group: str, prefix: str = "") -> list[LogStream]:
        """Streams of a group whose names begin so, in order."""
        home = self.root / _quoted(group)
        *folders, _ = prefix.split("/")
        start = home.joinpath(*(_quoted(part) for part in folders))
        try:
            if not start.is_dir():
                return []
        except OSError:  # a name that no file can have
            return []
        found = [LogStream(_stream_name(path, home), path) for path in start.rglob(f"*{ENDING}")]
        return sorted((s for s in found if s.name.startswith(prefix)), key=lambda s: s.name)

    def stream(self, group: str, name: str) -> LogStream | None:
        """Return a stream, None where there is none by that name."""
        path = self.path(group, name)
        try:
            return LogStream(name, path) if path.is_file() else None
        except OSError:  # a name that no file can have
            return None


@dataclass(frozen=True, slots=True)
class LogStream:
    """The log of one host.

    Parameters
    ----------
    name : str
    path : path
    """

    name: str
    path: Path

    def size(self) -> int:
        """Bytes of whole lines."""
        with self.path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            for line_end in _line_ends_backward(file, end):
                return line_end
        return 0

    def forward(
        self, offset: int, *, limit: int, start_ms: int | None = None, end_ms: int | None = None
    ) -> LogPage:
        """Return up to `limit` events from an offset on, of the times asked for; at most a megabyte."""
        events: list[LogEvent] = []
        size, n_bytes = self.size(), 0
        at = min(offset, size)
        with self.path.open("rb") as file:
            file.seek(at)
            while at < size and len(events) < limit:
                line = file.readline()
                event = _event(line, at)
                if event is not None and _within(event, start_ms, end_ms):
                    n_bytes += len(line) + EVENT_OVERHEAD_BYTES
                    if n_bytes > LARGEST_PAGE_BYTES and events:
                        break
                    events.append(event)
                at += len(line)
        return LogPage(events, min(offset, size), at)

    def backward(
        self, offset: int, *, limit: int, start_ms: int | None = None, end_ms: int | None = None
    ) -> LogPage:
        """Return the last `limit` events before an offset, in order; at most a megabyte."""
        events: list[LogEvent] = []
        end, n_bytes = min(offset, self.size()), 0
        at = end
        with self.path.open("rb") as file:
            ends = _line_ends_backward(file, end)
            next(ends, None)
            while at > 0 and len(events) < limit:
                begin = next(ends, 0)
                file.seek(begin)
                line = file.read(at - begin)
                event = _event(line, begin)
                if event is not None and _within(event, start_ms, end_ms):
                    n_bytes += len(line) + EVENT_OVERHEAD_BYTES
                    if n_bytes > LARGEST_PAGE_BYTES and events:
                        break
                    events.append(event)
                at = begin
        return LogPage(events[::-1], at, end)

    def times_ms(self) -> tuple[int, int] | None:
        """Return the times of the first and the last event, None where there is none."""
        first, last = self.forward(0, limit=1).events, self.backward(1 << 62, limit=1).events
        return (first[0].time_ms, last[0].time_ms) if first and last else None


def _line_ends_backward(file: BinaryIO, end: int) -> Iterator[int]:
    """Yield the offsets just after each line's end, from the last one at or before `end` to the first."""
    at = end
    while at > 0:
        begin = max(0, at - BLOCK_BYTES)
        file.seek(begin)
        block = file.read(at - begin)
        position = block.rfind(b"\n")
        while position >= 0:
            yield begin + position + 1
            position = block.rfind(b"\n", 0, position)
        at = begin


def _event(line: bytes, offset: int) -> LogEvent | None:
    try:
        about = json.loads(line)
        return LogEvent(about["t"], about["m"], offset)
    except (
        ValueError,
        KeyError,
        TypeError,
    ):  # of a writer that was killed within a line, and of the next one
        return None


def _within(event: LogEvent, start_ms: int | None, end_ms: int | None) -> bool:
    return (start_ms is None or event.time_ms >= start_ms) and (end_ms is None or event.time_ms < end_ms)


def _quoted(part: str) -> str:
    """Return a part of a name as the name of a file or folder, which leads nowhere else."""
    return quote(part, safe="").replace(".", "%2E") if part.strip(".") == "" else quote(part, safe="")


def _stream_name(path: Path, home: Path) -> str:
    parts = path.relative_to(home).parts
    return "/".join(unquote(part) for part in (*parts[:-1], parts[-1].removesuffix(ENDING)))
