"""RecordIO framing, one payload at a time.

A frame is a magic word, a word whose upper 3 bits tell which part of a record follows and whose lower 29 bits
its length, the payload, and zeros up to a multiple of 4; words are little-endian. A writer may cut a record
where the magic word itself stands at a multiple of 4, and leave it out between the parts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from pairloom.errors import DataError

__all__ = ["MAGIC", "read_recordio", "write_recordio"]

MAGIC = 0xCED7230A
_HEADER = struct.Struct("<II")
_MAX_LENGTH = (1 << 29) - 1
_BLOCK_BYTES = 1 << 20
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)


def read_recordio(f: BinaryIO) -> Iterator[bytes]:
    """Yield the payload of every record; one that comes in parts is joined.

    Raises
    ------
    DataError
        With record and byte offset, where the magic word is missing, parts are out of order or the file ends
        within a record.
    """
    offset = row = 0
    parts: list[bytes] = []
    while header := _read(f, _HEADER.size):
        if len(header) < _HEADER.size:
            raise _truncated(f, row, offset)
        magic, word = _HEADER.unpack(header)
        part, length = word >> 29, word & _MAX_LENGTH
        if magic != MAGIC:
            raise _fault(f, row, offset, f"RecordIO's magic number {MAGIC:#x}", f"{magic:#010x}")
        if part not in ((_MIDDLE, _LAST) if parts else (_WHOLE, _FIRST)):
            expected = "a middle (2) or last (3) part" if parts else "a whole record (0) or a first part (1)"
            raise _fault(f, row, offset, expected, f"part flag {part}")
        padded = (length + 3) // 4 * 4
        payload = _read(f, padded)
        if len(payload) < padded:
            raise _truncated(f, row, offset)
        offset += len(header) + len(payload)
        parts.append(payload[:length])
        if part in (_WHOLE, _LAST):
            yield struct.pack("<I", MAGIC).join(parts)
            parts, row = [], row + 1
    if parts:
        raise _truncated(f, row, offset)


def write_recordio(f: BinaryIO, data: bytes) -> None:
    """Write one record as one frame.

    Raises
    ------
    DataError
        For a payload of 512 MiB or more.
    """
    if len(data) > _MAX_LENGTH:
        raise DataError("a record of less than 512 MiB", got=f"{len(data)} bytes", action="Split the record")
    f.write(_HEADER.pack(MAGIC, len(data)))
    f.write(data)
    f.write(bytes(-len(data) % 4))


def _read(f: BinaryIO, size: int) -> bytes:
    # Block by block, so that a false length cannot ask for more memory than there is data.
    blocks: list[bytes] = []
    while size > 0:
        block = f.read(min(size, _BLOCK_BYTES))
        if not block:
            break
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)


def _truncated(f: BinaryIO, row: int, offset: int) -> DataError:
    return _fault(
        f, row, offset, "a whole record", "the end of the file", action="Copy or write the file anew"
    )


def _fault(
    f: BinaryIO, row: int, offset: int, expected: str, got: str, *, action: str | None = None
) -> DataError:
    name = getattr(f, "name", None)
    source = name if isinstance(name, str) else None
    return DataError(expected, got=got, action=action, source=source, row=row + 1, byte_offset=offset)
