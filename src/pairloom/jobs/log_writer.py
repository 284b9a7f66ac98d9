"""The log of a host: each line of its output with the time at which it came."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

__all__ = ["LONGEST_LINE_BYTES", "LogWriter"]

LONGEST_LINE_BYTES = 256 << 10
LARGEST_LOG_BYTES = 1 << 30
LOG_IS_FULL = "The log has reached its largest size; what comes after this line is left out."


class LogWriter:
    """Appends lines to a file of JSON lines ``{"t": milliseconds since 1970, "m": text}``.

    A line without end is cut at 256 KiB, as CloudWatch does; a tab is written ``#011``, as SageMaker's logs have it,
    which expressions of metrics rely on.

    Parameters
    ----------
    path : path
        Appended to; its folder is created.
    clock : callable
        Returns seconds since 1970.
    heard : callable
        Is given each line and its time in seconds.
    largest_bytes : int
        Of the file; what comes after is counted, not kept.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float],
        heard: Callable[[str, float], None],
        *,
        largest_bytes: int = LARGEST_LOG_BYTES,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        self._left = largest_bytes - self._file.tell()
        self.clock, self.heard = clock, heard
        self._rest = b""

    def take(self, block: bytes) -> None:
        """Take what came; lines that are whole are on their way to the disk when this returns."""
        *whole, self._rest = (self._rest + block).split(b"\n")
        while len(self._rest) >= LONGEST_LINE_BYTES:
            whole.append(self._rest[:LONGEST_LINE_BYTES])
            self._rest = self._rest[LONGEST_LINE_BYTES:]
        self._write(whole)

    def say(self, message: str) -> None:
        """Write lines of our own, after what the host has said."""
        self.end_line()
        self._write([line.encode() for line in message.split("\n")])

    def end_line(self) -> None:
        """Write the rest as a line."""
        if self._rest:
            rest, self._rest = self._rest, b""
            self._write([rest])

    def close(self) -> None:
        """Write what is left and close the file."""
        self.end_line()
        self._file.close()

    def _write(self, lines: list[bytes]) -> None:
        if not lines:
            return
        now = self.clock()
        written: list[str] = []
        for raw in lines:
            for piece in _pieces(raw.removesuffix(b"\r")):
                line = piece.decode("utf-8", "replace").replace("\t", "#011").replace("\0", "#000")
                self.heard(line, now)
                written.append(json.dumps({"t": int(now * 1e3), "m": line}, ensure_ascii=False))
        block = ("\n".join(written) + "\n").encode("utf-8", "replace")
        if len(block) <= self._left:
            self._append(block)
        elif self._left > 0:
            self._left = 0
            self._append(json.dumps({"t": int(now * 1e3), "m": LOG_IS_FULL}).encode() + b"\n")

    def _append(self, block: bytes) -> None:
        self._left -= len(block)
        view = memoryview(block)
        while view:
            view = view[self._file.write(view) :]


def _pieces(line: bytes) -> list[bytes]:
    if len(line) <= LONGEST_LINE_BYTES:
        return [line]
    return [line[at : at + LONGEST_LINE_BYTES] for at in range(0, len(line), LONGEST_LINE_BYTES)]
