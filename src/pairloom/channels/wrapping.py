"""RecordIO around whole objects, one payload each, as SageMaker wraps them on request."""

from __future__ import annotations

import io
import struct
from collections.abc import Generator
from typing import TYPE_CHECKING

from pairloom.channels.streams import PeekableStream, unpacked
from pairloom.errors import DataError
from pairloom.formats.recordio import MAGIC

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["holds_records", "objects_of"]

HEADER = struct.Struct("<II")
MAGIC_BYTES = struct.pack("<I", MAGIC)
LONGEST = (1 << 29) - 1
WHOLE, FIRST, MIDDLE, LAST = range(4)


def holds_records(stream: PeekableStream) -> bool:
    """Whether payloads are single records rather than RecordIO files: then the stream is one such file."""
    return stream.peek(HEADER.size + len(MAGIC_BYTES))[HEADER.size :] != MAGIC_BYTES


def objects_of(stream: PeekableStream) -> Generator[PeekableStream]:
    """Yield a stream for each payload; memory holds none of them whole.

    Raises
    ------
    DataError
        With object and byte offset, where the framing is damaged or ends within an object.
    """
    frames = _Frames(stream)
    number = 0
    while stream.peek(1):
        payload = _Payload(frames, number)
        yield unpacked(PeekableStream(payload, f"{stream.name}, object {number + 1}"))
        payload.skip()
        number += 1


class _Frames:
    """Headers and payloads of a stream, and where it stands."""

    def __init__(self, stream: PeekableStream) -> None:
        self.stream, self.offset = stream, 0

    def header(self, number: int) -> tuple[int, int]:
        """Read a header; returns its part flag and length."""
        header = bytearray(HEADER.size)
        if self.fill(memoryview(header)) < HEADER.size:
            raise self.fault(number, "a whole object", "the end of the stream")
        magic, word = HEADER.unpack(header)
        if magic != MAGIC:
            expected = f"RecordIO's magic number {MAGIC:#x}"
            raise self.fault(
                number,
                expected,
                f"{magic:#010x}",
                action="Set RecordWrapperType to None if nothing is wrapped",
            )
        return word >> 29, word & LONGEST

    def fill(self, view: memoryview) -> int:
        n_bytes = 0
        while n_bytes < len(view) and (n_read := self.stream.readinto(view[n_bytes:])):
            n_bytes += n_read
        self.offset += n_bytes
        return n_bytes

    def fault(self, number: int, expected: str, got: str, *, action: str | None = None) -> DataError:
        return DataError(
            expected,
            got=got,
            action=action,
            source=f"{self.stream.name}, object {number + 1}",
            byte_offset=self.offset,
        )


class _Payload(io.RawIOBase):
    """The bytes of one object, whose parts are joined by the magic number that a writer cut out."""

    def __init__(self, frames: _Frames, number: int) -> None:
        self.frames, self.number = frames, number
        self.flag, self.left = frames.header(number)
        self.length = self.left
        self.between = b""
        if self.flag not in (WHOLE, FIRST):
            raise frames.fault(number, "a whole record (0) or a first part (1)", f"part flag {self.flag}")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        while not self.left and not self.between:
            if not self._next_part():
                return 0
        if self.between:
            n_bytes = min(len(view), len(self.between))
            view[:n_bytes] = self.between[:n_bytes]
            self.between = self.between[n_bytes:]
            return n_bytes
        n_bytes = self.frames.fill(view[: self.left])
        if n_bytes < min(len(view), self.left):
            raise self.frames.fault(self.number, "a whole object", "the end of the stream")
        self.left -= n_bytes
        return n_bytes

    def skip(self) -> None:
        """Read on to the end of the object."""
        block = bytearray(1 << 16)
        while self.readinto(block):
            pass

    def _next_part(self) -> bool:
        """Step over the padding, and into the next part if there is one."""
        padding = bytearray(-self.length % 4)
        if self.frames.fill(memoryview(padding)) < len(padding):
            raise self.frames.fault(self.number, "a whole object", "the end of the stream")
        self.length = 0
        if self.flag in (WHOLE, LAST):
            return False
        self.flag, self.left = self.frames.header(self.number)
        self.length, self.between = self.left, MAGIC_BYTES
        if self.flag not in (MIDDLE, LAST):
            raise self.frames.fault(self.number, "a middle (2) or last (3) part", f"part flag {self.flag}")
        return True
