"""Safetensors files of any size: written piece by piece, read in place.

The layout is that of the safetensors library: the length of a JSON header, the header with dtype, shape and offsets of
every tensor, then their bytes, little-endian.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, PlatformError

__all__ = ["TensorPieces", "open_tensors", "parse_tensors", "write_tensors"]

LARGEST_HEADER_BYTES = 16 << 20
DTYPES = {
    "F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "I64": np.dtype("<i8"), "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"), "U32": np.dtype("<u4"), "U16": np.dtype("<u2"), "I16": np.dtype("<i2"),
    "U8": np.dtype("u1"), "I8": np.dtype("i1"), "BOOL": np.dtype("?"), "F16": np.dtype("<f2"),
}  # fmt: skip
NAMES = {dtype: name for name, dtype in DTYPES.items()}
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class TensorPieces:
    """A tensor that is never whole in memory: runs of its rows, in order.

    Parameters
    ----------
    dtype : dtype
    shape : tuple of int
    pieces : iterable of C-contiguous ndarrays
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    pieces: Iterable[Array]


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def write_tensors(path: Path, tensors: Mapping[str, Array | TensorPieces]) -> None:
    """Write a file; PlatformError when the disk does not take it."""
    whole = {
        name: TensorPieces(tensor.dtype, tensor.shape, (np.ascontiguousarray(tensor),))
        if isinstance(tensor, np.ndarray)
        else tensor
        for name, tensor in tensors.items()
    }
    entries: dict[str, _Entry] = {}
    position = 0
    for name, tensor in whole.items():
        size = int(np.prod(tensor.shape, dtype=np.int64)) * tensor.dtype.itemsize
        entries[name] = _Entry(
            NAMES[tensor.dtype.newbyteorder("<")], list(tensor.shape), (position, position + size)
        )
        position += size
    header = msgspec.json.encode(entries)
    header += b" " * (-len(header) % 8)
    try:
        with path.open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            for tensor in whole.values():
                for piece in tensor.pieces:
                    little = (
                        piece if sys.byteorder == "little" else piece.astype(piece.dtype.newbyteorder("<"))
                    )
                    file.write(little.reshape(-1).view(np.uint8).data)
            written = file.tell() - 8 - len(header)
    except OSError as error:
        raise PlatformError(
            f"{path.name}: could not be written. Got {error}. Make room on the disk."
        ) from error
    assert written == position, f"pieces of {written} bytes for {position}"


def open_tensors(path: Path) -> dict[str, Array]:
    """Map a file into memory, header checked; nothing is read before it is used, and nothing can be written.

    Raises
    ------
    DataError
        If the file is missing, cut short, or its header does not describe exactly the bytes behind it.
    """
    try:
        size = path.stat().st_size
        content = np.memmap(path, np.uint8, "r") if size else np.empty(0, np.uint8)
    except OSError as error:
        raise DataError("a safetensors file", got=str(error), source=str(path)) from error
    return parse_tensors(content, str(path))


def parse_tensors(content: npt.NDArray[np.uint8], source: str) -> dict[str, Array]:
    """Return the tensors of a file's bytes as views of them; see `open_tensors`."""
    length = int.from_bytes(content[:8].tobytes(), "little")
    if len(content) < 8 or length > min(len(content) - 8, LARGEST_HEADER_BYTES):
        raise _damaged(source, "a header that does not fit the file")
    entries = _entries(content[8 : 8 + length].tobytes(), source)
    content = content[8 + length :]
    _check_layout(entries, len(content), source)
    return {
        name: content[slice(*entry.data_offsets)].view(DTYPES[entry.dtype]).reshape(entry.shape)
        for name, entry in entries.items()
    }


def _entries(header: bytes, source: str) -> dict[str, _Entry]:
    try:
        parts = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        parts.pop("__metadata__", None)
        return {name: msgspec.json.decode(part, type=_Entry) for name, part in parts.items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(source, str(error)) from error


def _check_layout(entries: dict[str, _Entry], size: int, source: str) -> None:
    position = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        if entry.dtype not in DTYPES or not all(0 <= n < 2**48 for n in entry.shape) or len(entry.shape) > 8:
            raise _damaged(source, f"tensor {name!r} of dtype {entry.dtype!r} and shape {entry.shape}")
        begin, end = entry.data_offsets
        n_bytes = DTYPES[entry.dtype].itemsize
        for n in entry.shape:
            n_bytes *= n
        if begin != position or end - begin != n_bytes:
            raise _damaged(source, f"tensor {name!r} at bytes {begin} to {end}")
        position = end
    if position != size:
        raise _damaged(source, f"{size} bytes of tensors where the header tells of {position}")


def _damaged(source: str, got: str) -> DataError:
    return DataError("a safetensors file that is whole", got=got, source=source)
