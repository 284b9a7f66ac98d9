"""Messages between hosts: a header of fixed size, then the bytes of one array. Nothing in them is ever executed."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["HEADER_BYTES", "FrameError", "Header", "Operation", "pack_header", "parse_header", "signature"]

Array = npt.NDArray[Any]
MAGIC, VERSION = b"PLCO", 1
LAYOUT = struct.Struct("<4sBBBBQIIQ8Q")
"""Magic, version, operation, dtype, dimensions, call, step, signature, payload bytes, shape."""
HEADER_BYTES = LAYOUT.size
MOST_DIMENSIONS = 8
LARGEST_PAYLOAD = 1 << 40
LARGEST_NOTICE = 1 << 13
DTYPES: tuple[np.dtype[Any], ...] = tuple(
    np.dtype(code).newbyteorder("<")
    for code in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
)


class FrameError(ValueError):
    """Bytes that are not a message of this protocol."""


class Operation(IntEnum):
    """What a message belongs to; those from 16 on are said at any time, beside the calls."""

    BROADCAST = 1
    SUM = 2
    MIN = 3
    MAX = 4
    ALLGATHER = 5
    SUM_ROWS = 6
    HEARTBEAT = 16
    PARTING = 17
    FAILURE = 18

    @property
    def is_notice(self) -> bool:
        """Whether it is said beside the calls."""
        return self >= Operation.HEARTBEAT

    @property
    def title(self) -> str:
        """The call's name for people."""
        if self in (Operation.SUM, Operation.MIN, Operation.MAX):
            return f"allreduce of '{self.name.lower()}'"
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Header:
    """What comes before an array.

    Parameters
    ----------
    operation : Operation
    dtype : dtype
    shape : tuple of int
    call : int
        Number of the call that it belongs to, from 1.
    step : int
        Number of the message within the call.
    signature : int
        Of the call's arguments: see `signature`.
    """

    operation: Operation
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    call: int = 0
    step: int = 0
    signature: int = 0

    @property
    def payload_bytes(self) -> int:
        """Length of the array in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def pack_header(header: Header) -> bytes:
    """Return the header's bytes; FrameError for an array that cannot travel."""
    dtype = header.dtype.newbyteorder("<")
    if dtype not in DTYPES:
        raise FrameError(f"an array must hold booleans, integers or floats. Got {header.dtype}")
    if len(header.shape) > MOST_DIMENSIONS:
        raise FrameError(f"an array must have at most {MOST_DIMENSIONS} dimensions. Got {len(header.shape)}")
    padded = (*header.shape, *(0,) * (MOST_DIMENSIONS - len(header.shape)))
    return LAYOUT.pack(
        MAGIC, VERSION, header.operation, DTYPES.index(dtype), len(header.shape), header.call, header.step,
        header.signature, header.payload_bytes, *padded,
    )  # fmt: skip


def parse_header(data: bytes) -> Header:
    """Read HEADER_BYTES bytes; FrameError says what is wrong with foreign ones."""
    if len(data) != HEADER_BYTES:
        raise FrameError(f"a header must be {HEADER_BYTES} bytes. Got {len(data)}")
    magic, version, operation, dtype, n_dimensions, call, step, checked, size_bytes, *dims = LAYOUT.unpack(
        data
    )
    if magic != MAGIC or version != VERSION:
        raise FrameError(f"a message must begin with {MAGIC!r}, version {VERSION}. Got {magic!r}, {version}")
    if operation not in Operation.__members__.values():
        raise FrameError(f"a message's operation must be known. Got {operation}")
    if dtype >= len(DTYPES) or n_dimensions > MOST_DIMENSIONS or any(dims[n_dimensions:]):
        raise FrameError(f"a message's dtype and shape must be known. Got {dtype}, {n_dimensions} dimensions")
    header = Header(Operation(operation), DTYPES[dtype], tuple(dims[:n_dimensions]), call, step, checked)
    limit = LARGEST_NOTICE if header.operation.is_notice else LARGEST_PAYLOAD
    if size_bytes != header.payload_bytes or size_bytes > limit:
        raise FrameError(
            f"a message's length must be that of its shape and at most {limit} bytes. Got {size_bytes}"
        )
    return header


def signature(dtype: np.dtype[Any], shape: tuple[int, ...], *more: int) -> int:
    """Return a number that differs, all but surely, where hosts call with other shapes, dtypes or roots."""
    return zlib.crc32(repr((dtype.newbyteorder("<").str, tuple(map(int, shape)), more)).encode())
