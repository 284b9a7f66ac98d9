"""From a file's bytes to the bodies of requests: whole records, never more than a payload at once."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from pairloom.errors import DataError
from pairloom.formats.recordio_protobuf import whole_records
from pairloom.serving.transform.settings import SplitType

__all__ = ["Batch", "cut_batches"]

WHOLE_LIMIT_BYTES = 1 << 30
"""Of a file that is sent whole without a limit of its own."""
_BLOCK_BYTES = 1 << 20
_MAX_LENGTH = (1 << 29) - 1
_WHOLE, _LAST = 0, 3
TOO_LARGE = "Raise max_payload_in_mb"


@dataclass(frozen=True, slots=True)
class Batch:
    """The body of a request.

    Parameters
    ----------
    body : bytes
    lines : sequence of int, optional
        Number in the file of each line of the body; None for what is not cut into lines.
    """

    body: bytes
    lines: Sequence[int] | None = None


def cut_batches(
    stream: BinaryIO, source: str, split_type: SplitType, *, max_bytes: int, single: bool = False
) -> Iterator[Batch]:
    """Cut a stream into bodies.

    Parameters
    ----------
    stream : binary stream
    source : str
        What errors call it.
    split_type : "Line", "RecordIO" or "None"
        Blank lines are no records. None sends the file whole.
    max_bytes : int
        Largest body; for a file that is sent whole 0 is a gigabyte.
    single : bool
        Whether a body holds one record.

    Raises
    ------
    DataError
        For a record larger than `max_bytes`, or bytes that cannot be read.
    """
    cut = {"Line": _lines, "RecordIO": _records, "None": _whole}[split_type]
    return cut(stream, source, max_bytes, single)


def _lines(stream: BinaryIO, source: str, max_bytes: int, single: bool) -> Iterator[Batch]:
    first = 1
    for body in _pieces(stream, max_bytes, source, "lines", lambda data: (data.rfind(b"\n") + 1, False)):
        n_lines = body.count(b"\n") + (not body.endswith(b"\n"))
        if single:
            for line, content in enumerate(body.split(b"\n"), first):
                if content and not content.isspace():
                    yield Batch(content + b"\n", range(line, line + 1))
        elif not body.isspace():
            yield Batch(body, range(first, first + n_lines))
        first += n_lines


def _records(stream: BinaryIO, source: str, max_bytes: int, single: bool) -> Iterator[Batch]:
    for body in _pieces(stream, max_bytes, source, "records", whole_records):
        whole = body if not single else body[: whole_records(body)[0]]
        yield from _one_by_one(whole) if single else [Batch(body)]
        if len(whole) < len(body):
            yield Batch(body[len(whole) :])  # and reading it tells of the damage


def _pieces(
    stream: BinaryIO, max_bytes: int, source: str, what: str, cut: Callable[[bytes], tuple[int, bool]]
) -> Iterator[bytes]:
    """Yield as many whole records as fit; the last piece also holds what is damaged or cut off.

    `cut` returns where the last whole record of some bytes ends, and whether the rest is damaged.
    """
    held, offset = b"", 0
    while True:
        blocks, missing = [held], max_bytes - len(held)
        while missing > 0 and (block := stream.read(missing)):
            blocks.append(block)
            missing -= len(block)
        data = b"".join(blocks)
        end, is_damaged = (len(data), False) if missing > 0 else cut(data)
        if is_damaged or missing > 0:
            if data:
                yield data
            return
        if end == 0:
            raise DataError(
                f"{what} of at most {max_bytes} bytes", got="a longer one", source=source, byte_offset=offset,
                action=TOO_LARGE,
            )  # fmt: skip
        yield data[:end]
        held, offset = data[end:], offset + end


def _one_by_one(data: bytes) -> Iterator[Batch]:
    """Yield single records of whole ones, with all their parts."""
    start = at = 0
    while at < len(data):
        (word,) = struct.unpack_from("<I", data, at + 4)
        at += 8 + ((word & _MAX_LENGTH) + 3) // 4 * 4
        if word >> 29 in (_WHOLE, _LAST):
            yield Batch(data[start:at])
            start = at


def _whole(stream: BinaryIO, source: str, max_bytes: int, single: bool) -> Iterator[Batch]:
    blocks, size, limit = list[bytes](), 0, max_bytes or WHOLE_LIMIT_BYTES
    while block := stream.read(_BLOCK_BYTES):
        blocks.append(block)
        size += len(block)
        if size > limit:
            raise DataError(
                f"a file of at most {limit} bytes, which is sent whole", got="a longer one", source=source,
                action=f"{TOO_LARGE}, or split the file with split_type",
            )  # fmt: skip
    if size:
        yield Batch(b"".join(blocks))
