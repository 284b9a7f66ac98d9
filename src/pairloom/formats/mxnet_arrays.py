"""MXNet's array list, the form in which SageMaker's own algorithms keep their parameters, without MXNet.

All numbers are little-endian. A list begins with the 64-bit words 0x112, 0 and the number of arrays. An array is
the 32-bit words 0xF993FAC9, its storage type (0: dense), its number of dimensions, the dimensions themselves in
64 bits each, device type, device number and number type, and then the raw data. The names come last: their number
(0 or that of the arrays), and for each its length in 64 bits and its bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError

__all__ = ["MAGIC", "parse_arrays", "serialize_arrays"]

MAGIC = 0x112
_DENSE_ARRAY, _NUMPY_ARRAY, _OLD_ARRAY = 0xF993FAC9, 0xF993FACA, 0xF993FAC8
_DENSE, _CPU = 0, 1
_DTYPES = {0: np.dtype("<f4"), 1: np.dtype("<f8"), 4: np.dtype("<i4"), 6: np.dtype("<i8")}
_MOST_DIMENSIONS = 32
_PREFIXES = ("arg:", "aux:")

Array = npt.NDArray[Any]


def parse_arrays(content: bytes, source: str) -> tuple[list[str], list[Array]]:
    """Read an array list.

    Parameters
    ----------
    content : bytes
    source : str
        What errors call it.

    Returns
    -------
    (names, arrays)
        Names are without the prefixes ``arg:`` and ``aux:`` and empty where the list has none. Arrays are views
        of `content`: float32, float64, int32 or int64. What a file claims is never allocated.

    Raises
    ------
    DataError
        With the byte offset, for whatever is no such list: cut off, with bytes left over, counts or dimensions
        beyond the file, sparse storage, other number types, names that repeat or are too few.
    """
    reader = _Reader(content, source)
    if (magic := reader.word("<Q", "a list of arrays")) != MAGIC:
        raise reader.fault(f"MXNet's magic number {MAGIC:#x}", f"{magic:#x}", 8)
    reader.word("<Q", "the reserved word")
    arrays = [_array(reader) for _ in range(reader.count("arrays", smallest_bytes=24))]
    n_names = reader.count("names", smallest_bytes=8)
    if n_names not in (0, len(arrays)):
        raise reader.fault(f"no names or {len(arrays)}", str(n_names), 8)
    names: list[str] = []
    for _ in range(n_names):
        name = _name(reader)
        if name in names:
            raise reader.fault("names that differ", f"{name!r} twice")
        names.append(name)
    if reader.n_left > 0:
        raise reader.fault("the end of the list", f"{reader.n_left} more bytes")
    return names, arrays


def serialize_arrays(arrays: Mapping[str, Array] | Sequence[Array]) -> bytes:
    """Write an array list, byte for byte as MXNet 1.9 does on a CPU.

    Parameters
    ----------
    arrays : mapping of str to ndarray, or sequence of ndarray
        float32, float64, int32 or int64, of at least one dimension; a sequence has no names.

    Raises
    ------
    DataError
        For another dtype, or an array without dimensions, which MXNet takes for none at all.
    """
    named = isinstance(arrays, Mapping)
    contents: list[Array] = list(arrays.values() if named else arrays)
    parts = [struct.pack("<QQQ", MAGIC, 0, len(contents))]
    for array in contents:
        flags = [flag for flag, dtype in _DTYPES.items() if dtype == array.dtype]
        if not flags or array.ndim == 0:
            raise DataError(
                "arrays of float32, float64, int32 or int64 with at least one dimension",
                got=f"{array.dtype} with {array.ndim}",
            )
        parts.append(struct.pack("<Iii", _DENSE_ARRAY, _DENSE, array.ndim))
        parts.append(struct.pack(f"<{array.ndim}q", *array.shape))
        parts.append(struct.pack("<iii", _CPU, 0, flags[0]))
        parts.append(np.ascontiguousarray(array, _DTYPES[flags[0]]).tobytes())
    names = [name.encode() for name in arrays] if named else []
    parts.append(struct.pack("<Q", len(names)))
    parts += [struct.pack("<Q", len(name)) + name for name in names]
    return b"".join(parts)


class _Reader:
    """A place in the bytes, which never moves past their end."""

    def __init__(self, content: bytes, source: str) -> None:
        self._content, self._source, self._at = content, source, 0

    @property
    def n_left(self) -> int:
        return len(self._content) - self._at

    def fault(self, expected: str, got: str, n_back: int = 0) -> DataError:
        return DataError(expected, got=got, source=self._source, byte_offset=self._at - n_back)

    def take(self, n_bytes: int, what: str) -> int:
        """Move on and return where those bytes begin."""
        if n_bytes > self.n_left:
            raise self.fault(f"{n_bytes} bytes of {what}", f"the end of the file after {self.n_left}")
        self._at += n_bytes
        return self._at - n_bytes

    def word(self, form: str, what: str) -> int:
        return struct.unpack_from(form, self._content, self.take(struct.calcsize(form), what))[0]

    def count(self, what: str, smallest_bytes: int) -> int:
        """Read a count of things that take so many bytes at least."""
        n = self.word("<Q", f"the number of {what}")
        if n > self.n_left // smallest_bytes:
            raise self.fault(f"at most {self.n_left // smallest_bytes} {what} in what is left", str(n), 8)
        return n

    def numbers(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        n = math.prod(shape)
        start = self.take(n * dtype.itemsize, f"an array of shape {shape}")
        return np.frombuffer(self._content, dtype, n, start).reshape(shape)

    def text(self, n_bytes: int) -> str:
        start = self.take(n_bytes, "a name")
        try:
            return self._content[start : start + n_bytes].decode()
        except UnicodeDecodeError:
            raise self.fault("a name in UTF-8", "other bytes", n_bytes) from None


def _array(reader: _Reader) -> Array:
    magic = reader.word("<I", "an array")
    if magic not in (_DENSE_ARRAY, _NUMPY_ARRAY, _OLD_ARRAY):
        raise reader.fault(f"an array's magic number {_DENSE_ARRAY:#x}", f"{magic:#x}", 4)
    if magic != _OLD_ARRAY and (storage := reader.word("<i", "the storage type")) != _DENSE:
        raise reader.fault("a dense array (storage type 0)", f"storage type {storage}", 4)
    n_dimensions = reader.word("<i", "the number of dimensions")
    if not 1 <= n_dimensions <= _MOST_DIMENSIONS:
        raise reader.fault(f"1 to {_MOST_DIMENSIONS} dimensions", str(n_dimensions), 4)
    shape = tuple(reader.word("<q", "a dimension") for _ in range(n_dimensions))
    if any(not 0 <= size <= reader.n_left for size in shape):
        raise reader.fault("dimensions that the file can hold", str(shape), 8 * n_dimensions)
    reader.word("<q", "the device")
    flag = reader.word("<i", "the number type")
    if flag not in _DTYPES:
        raise reader.fault("float32 (0), float64 (1), int32 (4) or int64 (6)", f"number type {flag}", 4)
    return reader.numbers(_DTYPES[flag], shape)


def _name(reader: _Reader) -> str:
    n_bytes = reader.word("<Q", "the length of a name")
    if n_bytes > reader.n_left:
        raise reader.fault(f"a name of at most {reader.n_left} bytes", str(n_bytes), 8)
    name = reader.text(n_bytes)
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name
