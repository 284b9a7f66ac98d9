"""Events that were acknowledged: JSON Lines that workers append to and read behind one another."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pairloom.errors import DataError, PlatformError
from pairloom.serving.recommending.requests import Event

__all__ = ["FILE_NAME", "EventJournal"]

FILE_NAME = "events.jsonl"
READ_BYTES = 8 << 20


class EventJournal:
    """One file of events that several processes share.

    An event is acknowledged once it is on the disk. A line that was cut off by the end of a process or of the power was
    not, and is removed by the next append.

    Parameters
    ----------
    folder : path
        Created where missing; the file in it is ``events.jsonl``, which `Recommender.fit` and `update` can read too.

    Raises
    ------
    PlatformError
        If the folder cannot be written to.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / FILE_NAME
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise PlatformError(
                f"Events: {self.path} must be a file that can be written to. Got: {error.strerror}."
            ) from error
        self._decoder = msgspec.json.Decoder(Event)
        self.position = 0
        """Bytes that `read` has passed."""

    def append(self, events: Sequence[Event]) -> None:
        """Add events and force them to the disk.

        Raises
        ------
        PlatformError
            If the disk is full or fails; none of the events is then kept.
        """
        encoder = msgspec.json.Encoder()
        block = b"".join(encoder.encode(event) + b"\n" for event in events)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            end = self._end_of_last_line()
            try:
                written = os.pwrite(self._file, block, end)
                if written != len(block):
                    raise OSError(f"{written} of {len(block)} bytes written")
                os.fsync(self._file)
            except OSError as error:
                os.ftruncate(self._file, end)
                raise PlatformError(f"Events: {self.path} cannot be written ({error}). Make room.") from error
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def read(self) -> list[Event]:
        """Return the events that came since the last call, some megabytes at most.

        Raises
        ------
        DataError
            For a line that is no event, with its place; it is passed.
        """
        fcntl.flock(self._file, fcntl.LOCK_SH)  # what an append may take back is not read
        try:
            block = os.pread(self._file, READ_BYTES, self.position)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        end = block.rfind(b"\n") + 1
        events: list[Event] = []
        for line in block[:end].splitlines(keepends=True):
            at = self.position
            self.position += len(line)
            try:
                events.append(self._decoder.decode(line))
            except msgspec.MsgspecError as error:
                if events:
                    self.position = at
                    return events
                raise DataError(
                    "an event",
                    got=str(error),
                    source=f"{self.path}, byte {at}",
                    action="Mend or remove the line",
                ) from error
        return events

    def pending_bytes(self) -> int:
        """Bytes that `read` has not passed yet."""
        return max(0, os.fstat(self._file).st_size - self.position)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _end_of_last_line(self) -> int:
        """Remove what is left of a line that was cut off."""
        end = os.fstat(self._file).st_size
        while end:
            begin = max(0, end - 4096)
            found = os.pread(self._file, end - begin, begin).rfind(b"\n")
            if found >= 0:
                end = begin + found + 1
                break
            end = begin
        if end != os.fstat(self._file).st_size:
            os.ftruncate(self._file, end)
        return end
