"""Bytes on their way in: written to a file and hashed in one pass."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from pairloom.errors import AlgorithmError
from pairloom.object_storage.checksums import encoded, new_checksum
from pairloom.object_storage.errors import StorageError, StorageFullError

__all__ = ["StagedFile"]

MOST_AT_ONCE = 512
"""Pieces in one call of the system, which takes 1024."""


class StagedFile:
    """See `pairloom.object_storage.interface.Staged`.

    Parameters
    ----------
    path : Path
        Written from `offset` on; made if it is not there.
    offset : int
    algorithms : collection of str
        Checksums to be computed besides MD5.
    drop : callable
        Called at the end of the ``with`` block unless `take` was.
    full : callable
        Makes the error for an OSError of a disk without room; None for one that is something else.
    limit : int, optional
        Most bytes that may be written.
    taken : callable, optional
        Called by `take`.
    token : object
        Kept for the store.
    """

    def __init__(
        self,
        path: Path,
        offset: int,
        algorithms: Collection[str],
        *,
        drop: Callable[[], None],
        full: Callable[[OSError], StorageFullError | None],
        limit: int | None = None,
        taken: Callable[[], None] | None = None,
        token: Any = None,
    ) -> None:
        self.path, self.offset, self.size_bytes = path, offset, 0
        self.token = token
        self._drop, self._full, self._limit, self._taken = drop, full, limit, taken
        self._is_open = True
        self._lock = (
            threading.Lock()
        )  # a file is dropped while a thread still writes when its request is given up
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._checksums = {algorithm: new_checksum(algorithm) for algorithm in algorithms}
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o644)
        os.lseek(self._descriptor, offset, os.SEEK_SET)

    def write(self, *pieces: bytes | bytearray | memoryview) -> None:
        """Append; raises StorageFullError."""
        with self._lock:
            self._write([memoryview(piece).cast("B") for piece in pieces if piece])

    def _write(self, pieces: list[memoryview]) -> None:
        if self._descriptor < 0:
            raise AlgorithmError("A staged file takes no more bytes once it is settled or dropped.")
        n_bytes = sum(map(len, pieces))
        if self._limit is not None and self.size_bytes + n_bytes > self._limit:
            raise StorageError(f"The body must have the {self._limit} bytes that were announced. Got more.")
        for piece in pieces:
            self._md5.update(piece)
            for checksum in self._checksums.values():
                checksum.update(piece)
        try:
            _write_all(self._descriptor, pieces)
        except OSError as error:
            raise self._full(error) or error from error
        self.size_bytes += n_bytes

    @property
    def etag(self) -> str:
        """MD5 of what was written, in hexadecimal."""
        return self._md5.hexdigest()

    @property
    def checksums(self) -> dict[str, str]:
        """Base64 by algorithm."""
        return {algorithm: encoded(checksum) for algorithm, checksum in self._checksums.items()}

    def settle(self, mode: int | None = None) -> None:
        """Bring the bytes to the disk and close the file; its permissions become `mode`."""
        try:
            if mode is not None:
                self.path.chmod(mode)
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._full(error) or error from error
        finally:
            self._close()

    def take(self) -> None:
        """Say that the file is in use now."""
        self._is_open = False
        if self._taken is not None:
            self._taken()

    def __enter__(self) -> StagedFile:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Drop what was not used."""
        self._close()
        if self._is_open:
            self._is_open = False
            self._drop()

    def _close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


def _write_all(descriptor: int, pieces: list[memoryview]) -> None:
    if hasattr(os, "writev"):
        for first in range(0, len(pieces), MOST_AT_ONCE):
            some = pieces[first : first + MOST_AT_ONCE]
            n_written = os.writev(descriptor, some)
            for piece in some:
                left = piece[n_written:]
                n_written = max(0, n_written - len(piece))
                _write_one(descriptor, left)
    else:
        for piece in pieces:
            _write_one(descriptor, piece)


def _write_one(descriptor: int, left: memoryview) -> None:
    while left:
        left = left[os.write(descriptor, left) :]
