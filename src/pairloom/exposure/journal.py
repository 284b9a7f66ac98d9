"""Journals: what is acknowledged stands here first, one checksummed line an event."""

from __future__ import annotations

import os
import secrets
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from pairloom.errors import DataError, PlatformError
from pairloom.exposure.events import Event

__all__ = ["ENDING", "Journal", "Lines", "held", "read_lines", "sync_folder"]

ENDING = ".jsonl"
HEX = 8
MOST_BYTES = 1 << 20
_decoder = msgspec.json.Decoder(Event)


def _plain(value: Any) -> Any:
    item = getattr(value, "item", None)
    if item is None:
        raise TypeError(f"{type(value).__name__} is no JSON")
    return item()


class Journal:
    """One journal, open for appending and held by this process; not safe for several threads.

    A line is ``CRC32 JSON``. It is written by one call of the system, so what `append` returned from survives the
    death of this process; a cut of power only after `sync`.
    """

    def __init__(self, folder: Path) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        self.path = folder / f"{stamp}{time.time_ns() % 10**9:09d}-{secrets.token_hex(4)}{ENDING}"
        made = self.path.with_suffix(".new")
        self._file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        _lock(self._file)
        made.rename(self.path)  # only now do others see it: it is never seen without its lock
        self._closing = threading.Lock()
        self._encoder = msgspec.json.Encoder(enc_hook=_plain)
        self._sound = True
        self.n_events = 0
        self.n_bytes = 0

    def append(self, event: Event) -> None:
        """Write one event.

        Raises
        ------
        DataError
            If it cannot be written as JSON of at most a megabyte.
        PlatformError
            If the disk is full or failed; the event is then not in the journal.
        """
        try:
            text = self._encoder.encode(event)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise DataError("an event that JSON can hold", got=str(error), source="exposure log") from None
        if len(text) > MOST_BYTES:
            raise DataError(
                f"an event of at most {MOST_BYTES} bytes", got=f"{len(text)} bytes", source="exposure log"
            )
        line = b"%08x %b\n" % (zlib.crc32(text), text)
        try:
            written = os.write(self._file, line) if self._sound else -1
        except OSError as error:
            raise self._failed(str(error)) from error
        if written != len(line):
            raise self._failed(f"{written} of {len(line)} bytes written" if self._sound else "broken before")
        self.n_events += 1
        self.n_bytes += written

    def _failed(self, why: str) -> PlatformError:
        try:
            os.ftruncate(self._file, self.n_bytes)
        except OSError:
            self._sound = False  # a torn line may stand at its end: nothing goes behind it
        return PlatformError(f"Exposure log: {self.path} cannot be written ({why}). Make room on the disk.")

    def sync(self) -> None:
        """Force what is written to the disk."""
        with self._closing:
            if self._file < 0:
                return
            try:
                os.fsync(self._file)
            except OSError as error:
                raise PlatformError(f"Exposure log: {self.path} cannot be synced ({error}).") from error

    def close(self) -> None:
        """Let it go; whoever opens the folder next takes it over."""
        with self._closing:
            os.close(self._file)
            self._file = -1

    def close_copy(self) -> None:
        """After a fork, in the child: close its copy of the file, whatever the parent's threads were about."""
        os.close(self._file)
        self._file = -1


class Lines:
    """The events of a journal, in order.

    Attributes
    ----------
    n_damaged : int
        Lines that are not what was written: a disk changed them. A torn last line is no damage: it was never
        acknowledged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_damaged = 0

    def raw(self) -> Iterator[tuple[int, bytes]]:
        """Yield the number of each sound line, from 1, and its JSON."""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                text = line[HEX + 1 : -1]
                if not line.endswith(b"\n"):
                    return  # torn
                if line[:HEX] == b"%08x" % zlib.crc32(text):
                    yield number, text
                else:
                    self.n_damaged += 1

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        """Yield the number of each sound line and its event."""
        for number, text in self.raw():
            try:
                yield number, _decoder.decode(text)
            except msgspec.DecodeError:
                self.n_damaged += 1


def read_lines(path: Path) -> Lines:
    """Return the events of a journal."""
    return Lines(path)


def held(path: Path) -> int | None:
    """Take over a journal whose process is gone: an open file that holds it; None if it lives or is done with."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        _lock(file)
        if path.stat().st_ino == os.fstat(file).st_ino:
            return file
    except (BlockingIOError, FileNotFoundError):
        pass  # its process lives, or another was quicker
    os.close(file)
    return None


def sync_folder(folder: Path) -> None:
    """Force a folder's names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(file: int) -> None:
    try:
        import fcntl
    except ImportError:
        raise PlatformError(
            "Exposure log: needs the file locks of Linux or macOS. Got a system without."
        ) from None
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
