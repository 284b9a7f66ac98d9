"""Where the parts of one upload go: equal parts side by side in one file, so that completing it moves no bytes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from pairloom.object_storage.errors import NoSuchUploadError

__all__ = ["Slots"]

WHOLE = 1 << 20
"""A part that is not the first and has no multiple of this is likely the last, so no measure for the others."""


@dataclass
class Slots:
    """The shared file of an upload: part `n` lies at ``(n - 1) * size_bytes``, written by one writer, once."""

    upload_id: str
    blob: int | None = None
    size_bytes: int = 0
    is_closed: bool = False
    n_writing: int = 0
    claimed: set[int] = field(default_factory=set[int])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, number: int, size_bytes: int | None) -> int | None:
        """Return the offset of a part in the shared file, or None if it gets a file of its own.

        Every call is followed by `release`, also of those that got None.
        """
        with self.lock:
            if self.is_closed:
                raise NoSuchUploadError(self.upload_id)
            self.n_writing += 1
            if not size_bytes:
                return None
            if not self.size_bytes and (number == 1 or size_bytes % WHOLE == 0):
                self.size_bytes = size_bytes
            if not self.size_bytes or size_bytes > self.size_bytes or number in self.claimed:
                return None
            self.claimed.add(number)
            return (number - 1) * self.size_bytes

    def release(self, number: int, offset: int | None, *, is_kept: bool) -> None:
        """Say that a part is no longer written; one that was not kept leaves its place to another."""
        with self.lock:
            self.n_writing -= 1
            if offset is not None and not is_kept:
                self.claimed.discard(number)

    def close(self) -> bool:
        """Let no more parts begin; return whether none is being written."""
        with self.lock:
            if self.is_closed:
                raise NoSuchUploadError(self.upload_id)
            self.is_closed = True
            return self.n_writing == 0

    def reopen(self) -> None:
        """Go on: the upload was not completed."""
        with self.lock:
            self.is_closed = False
