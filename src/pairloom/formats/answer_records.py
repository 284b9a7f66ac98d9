"""Answers as RecordIO-protobuf: a record a row, whose `label` holds a float32 tensor under each answer's name."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError

__all__ = ["format_answer_records"]

MAGIC = 0xCED7230A
_LABEL, _KEY, _VALUE, _FLOAT32_TENSOR, _VALUES = 2, 1, 2, 2, 1
"""Field numbers of Record, its map entries, Value and Float32Tensor."""


def format_answer_records(answers: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Write one record for every row.

    All records are of one length: the first is laid out as a template and repeated, and the numbers are put into
    their places in all of them at once.

    Raises
    ------
    DataError
        With its row, for an answer that is not a finite float32.
    """
    blocks = {name: _bytes_of(name, array) for name, array in answers.items()}
    payload = b"".join(_entry(name, block.shape[1]) for name, block in blocks.items())
    padding = -len(payload) % 4
    template = struct.pack("<II", MAGIC, len(payload)) + payload + bytes(padding)
    n_rows = len(next(iter(blocks.values())))
    records = np.tile(np.frombuffer(template, np.uint8), (n_rows, 1))
    end = 8
    for name, block in blocks.items():
        end += len(_entry(name, block.shape[1]))
        records[:, end - block.shape[1] : end] = block
    return records.tobytes()


def _bytes_of(name: str, array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    n_rows = len(array)
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(array.reshape(n_rows, array.size // max(n_rows, 1)), "<f4")
    finite = np.isfinite(numbers).all(axis=1)
    if not finite.all():
        raise DataError(
            "an answer that is a finite float32", row=int(np.argmin(finite)) + 1, field=name,
            action="Scale the values of the row down",
        )  # fmt: skip
    return numbers.view(np.uint8).reshape(n_rows, 4 * numbers.shape[1])


def _entry(name: str, n_bytes: int) -> bytes:
    """Lay out an entry of the map of labels, its numbers, which come last, all zero."""
    tensor = _field(_VALUES, bytes(n_bytes)) if n_bytes else b""
    value = _field(_FLOAT32_TENSOR, tensor)
    return _field(_LABEL, _field(_KEY, name.encode()) + _field(_VALUE, value))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    low = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([part | 0x80 for part in low[:-1]] + low[-1:])
