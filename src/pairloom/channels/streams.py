"""Streams with a name for errors, whose first bytes can be looked at; gzip is seen by them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, cast

from pairloom.formats.compression import decompressed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["PeekableStream", "unpacked"]

GZIP_MAGIC = b"\x1f\x8b"


class PeekableStream(io.RawIOBase):
    """A stream that is read once, with a name.

    Parameters
    ----------
    inner : binary stream
        Closed with this one.
    name : str
    """

    def __init__(self, inner: BinaryIO | io.RawIOBase, name: str) -> None:
        self.inner, self.name = cast(io.RawIOBase, inner), name
        self._ahead = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def peek(self, size: int) -> bytes:
        """Return the coming `size` bytes, fewer at the end, and leave them to be read."""
        while len(self._ahead) < size and (more := self.inner.read(size - len(self._ahead))):
            self._ahead += more
        return self._ahead[:size]

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read what comes next into `buffer`; 0 at the end."""
        if not self._ahead:
            return self.inner.readinto(buffer) or 0
        view = memoryview(buffer).cast("B")
        n_bytes = min(len(view), len(self._ahead))
        view[:n_bytes] = self._ahead[:n_bytes]
        self._ahead = self._ahead[n_bytes:]
        return n_bytes

    def close(self) -> None:
        """Close the inner stream too."""
        if not self.closed:
            self.inner.close()
        super().close()


def unpacked(stream: PeekableStream, ending: str = "") -> PeekableStream:
    """Return the decompressed stream: by an ending such as ``.xz``, or gzip by its first bytes."""
    compression = ".gz" if not ending and stream.peek(2) == GZIP_MAGIC else ending
    if not compression:
        return stream
    return PeekableStream(decompressed(cast(BinaryIO, stream), compression, stream.name), stream.name)
