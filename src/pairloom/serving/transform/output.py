"""The answers of one file, which appear in their place whole or not at all."""

from __future__ import annotations

import os
from typing import BinaryIO

from pairloom.errors import PlatformError
from pairloom.serving.transform.inputs import InputFile

__all__ = ["Output"]


class Output:
    """Answers being written beside their place.

    Parameters
    ----------
    file : InputFile
    """

    def __init__(self, file: InputFile) -> None:
        self.file = file
        self.failed = self.is_packed = False
        self.n_rows = 0
        self._n_bytes_done = 0
        self._partial = file.target.with_name(f".{file.target.name}.partial")
        self._stream: BinaryIO | None = None

    @property
    def n_bytes_left(self) -> int:
        """Bytes of the input that no progress was told of."""
        return self.file.size_bytes - self._n_bytes_done

    def advanced(self, n_bytes: int) -> int:
        """Return the part of so many unpacked bytes that counts as progress."""
        told = 0 if self.is_packed else min(n_bytes, self.n_bytes_left)
        self._n_bytes_done += told
        return told

    def write(self, content: bytes) -> None:
        """Add answers; PlatformError if there is no room."""
        try:
            if self._stream is None:
                self._partial.parent.mkdir(parents=True, exist_ok=True)
                self._stream = self._partial.open("wb")
            self._stream.write(content)
        except OSError as error:
            raise self._fault(error) from error

    def finish(self) -> int:
        """Put the answers in their place, on disk, and return their size in bytes."""
        self.write(b"")
        assert self._stream is not None
        try:
            with self._stream as stream:
                stream.flush()
                os.fsync(stream.fileno())
                size = stream.tell()
            self._partial.replace(self.file.target)
        except OSError as error:
            raise self._fault(error) from error
        return size

    def discard(self) -> None:
        """Leave nothing behind."""
        self.failed = True
        if self._stream is not None:
            self._stream.close()
        self._partial.unlink(missing_ok=True)

    def _fault(self, error: OSError) -> PlatformError:
        return PlatformError(
            f"Transform: {self.file.target} must be a file that can be written. Got: {error.strerror}. Free space or "
            "name another folder."
        )
