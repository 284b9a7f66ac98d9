"""Cyclic redundancy checks at the speed of memory."""

from __future__ import annotations

import numpy as np

from pairloom.kernels import _native

__all__ = ["KINDS", "update_crc"]

KINDS = {"CRC32": _native.Crc.CRC32, "CRC32C": _native.Crc.CRC32C, "CRC64NVME": _native.Crc.CRC64NVME}


def update_crc(kind: str, value: int, data: bytes | bytearray | memoryview) -> int:
    """Return the check of some bytes and of those that follow.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    value : int
        Check of the bytes before; 0 for none.
    data : contiguous bytes
    """
    return _native.update_crc(KINDS[kind], value, np.frombuffer(data, np.uint8))
