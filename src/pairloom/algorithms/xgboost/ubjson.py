"""Universal Binary JSON as the library writes it, decoded without trust.

References
----------
"Universal Binary JSON Specification", draft 12, https://ubjson.org.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

__all__ = ["Damage", "decode"]

MOST_LEVELS = 32
INTEGERS = {"i": ">b", "U": ">B", "I": ">h", "l": ">i", "L": ">q"}
NUMBERS = INTEGERS | {"d": ">f", "D": ">d"}
DTYPES = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
WORDS: dict[str, bool | None] = {"T": True, "F": False, "Z": None}


class Damage(Exception):  # noqa: N818 - becomes a DataError where the file is known
    """What was expected at which byte."""

    def __init__(self, expected: str, at: int) -> None:
        self.expected, self.at = expected, at
        super().__init__(expected)


def decode(data: bytes) -> Any:
    """Decode one value that fills the bytes; arrays of one type become numpy arrays.

    Raises
    ------
    Damage
        For anything else.
    """
    reader = _Reader(data)
    value = reader.value(reader.marker(), 0)
    if reader.at != len(data):
        raise Damage("the end of the file", reader.at)
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def marker(self) -> str:
        return chr(self.take(1, "a value")[0])

    def take(self, n_bytes: int, what: str) -> bytes:
        if not 0 <= n_bytes <= len(self.data) - self.at:
            raise Damage(f"{what}, not the end of the file", self.at)
        self.at += n_bytes
        return self.data[self.at - n_bytes : self.at]

    def value(self, marker: str, level: int) -> Any:
        if level > MOST_LEVELS:
            raise Damage(f"at most {MOST_LEVELS} levels", self.at)
        if marker in NUMBERS:
            form = NUMBERS[marker]
            return struct.unpack(form, self.take(struct.calcsize(form), "a number"))[0]
        if marker in WORDS:
            return WORDS[marker]
        if marker == "S":
            return self.text(self.length(self.marker()))
        if marker == "[":
            return self.array(level)
        if marker == "{":
            return self.mapping(level)
        raise Damage("a value", self.at - 1)

    def length(self, marker: str) -> int:
        if marker not in INTEGERS:
            raise Damage("a length", self.at - 1)
        form = INTEGERS[marker]
        length: int = struct.unpack(form, self.take(struct.calcsize(form), "a length"))[0]
        if not 0 <= length <= len(self.data):
            raise Damage("a length within the file", self.at)
        return length

    def text(self, n_bytes: int) -> str:
        start = self.at
        try:
            return self.take(n_bytes, "text").decode()
        except UnicodeDecodeError:
            raise Damage("UTF-8 text", start) from None

    def array(self, level: int) -> Any:
        marker = self.marker()
        if marker == "$":
            kind = self.marker()
            if kind not in NUMBERS or self.marker() != "#":
                raise Damage("an array of numbers with its length", self.at)
            dtype = np.dtype(DTYPES[kind])
            n = self.length(self.marker())
            return np.frombuffer(self.take(n * dtype.itemsize, "numbers"), dtype)
        if marker == "#":
            n = self.length(self.marker())
            return [self.value(self.marker(), level + 1) for _ in range(n)]
        found: list[Any] = []
        while marker != "]":
            found.append(self.value(marker, level + 1))
            marker = self.marker()
        return found

    def mapping(self, level: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while (marker := self.marker()) != "}":
            start = self.at
            name = self.text(self.length(marker))
            if name in found:
                raise Damage("every name once", start)
            found[name] = self.value(self.marker(), level + 1)
        return found
