"""Checksums that travel with objects, by the names that S3 gives them."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Protocol

from pairloom.kernels.checksums import KINDS, update_crc

__all__ = ["ALGORITHMS", "COMBINED", "Checksum", "combined", "composite", "encoded", "new_checksum"]


class Checksum(Protocol):
    """A checksum of what is given piece by piece."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take in the next bytes."""
        ...

    def digest(self) -> bytes:
        """Return it, most significant byte first."""
        ...


class _Crc:
    def __init__(self, kind: str) -> None:
        self._kind, self._value = kind, 0

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        self._value = update_crc(self._kind, self._value, data)

    def digest(self) -> bytes:
        return self._value.to_bytes(COMBINED[self._kind][0] // 8, "big")


def _sha1() -> Checksum:
    return hashlib.sha1(usedforsecurity=False)


def _md5() -> Checksum:
    return hashlib.md5(usedforsecurity=False)


ALGORITHMS: dict[str, Callable[[], Checksum]] = {
    **{kind: partial(_Crc, kind) for kind in KINDS},
    "MD5": _md5,
    "SHA1": _sha1,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
}
"""Makers of empty checksums, by S3's name of the algorithm."""
COMBINED = {"CRC32": (32, 0xEDB88320), "CRC32C": (32, 0x82F63B78), "CRC64NVME": (64, 0x9A6C9329AC4BC9B5)}
"""Width and bit-reversed polynomial of those whose value for a whole follows from those of its parts."""


def new_checksum(algorithm: str) -> Checksum:
    """Return an empty checksum."""
    return ALGORITHMS[algorithm]()


def encoded(checksum: Checksum) -> str:
    """Return it in base64, as headers hold it."""
    return b64encode(checksum.digest()).decode()


def composite(algorithm: str, parts: Sequence[str]) -> str:
    """Return the checksum of the parts' checksums, with their count; all in base64."""
    checksum = new_checksum(algorithm)
    checksum.update(b"".join(map(b64decode, parts)))
    return f"{encoded(checksum)}-{len(parts)}"


def combined(algorithm: str, parts: Sequence[str], sizes_bytes: Sequence[int]) -> str:
    """Return the CRC of a whole from those of its parts and their lengths; all in base64."""
    width, polynomial = COMBINED[algorithm]
    whole = 0
    for part, size_bytes in zip(parts, sizes_bytes, strict=True):
        shift = _power_of_x(8 * size_bytes, width, polynomial)
        whole = _times(shift, whole, width, polynomial) ^ int.from_bytes(b64decode(part), "big")
    return b64encode(whole.to_bytes(width // 8, "big")).decode()


def _times(a: int, b: int, width: int, polynomial: int) -> int:
    """Return the product modulo the polynomial; the highest bit stands for x to the power of 0."""
    product = 0
    for bit in range(width - 1, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (polynomial if b & 1 else 0)
    return product


@lru_cache(maxsize=64)
def _power_of_x(exponent: int, width: int, polynomial: int) -> int:
    power, square = 1 << (width - 1), 1 << (width - 2)
    while exponent:
        if exponent & 1:
            power = _times(power, square, width, polynomial)
        square = _times(square, square, width, polynomial)
        exponent >>= 1
    return power
