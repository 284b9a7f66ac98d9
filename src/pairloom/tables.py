"""Raw columns on their way from formats to the encoder, before they become sparse rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

__all__ = ["Column", "StringColumn", "Table"]


@dataclass(frozen=True, slots=True)
class StringColumn:
    """UTF-8 strings end to end, as Arrow lays them out.

    Parameters
    ----------
    offsets : ndarray of shape (n_rows + 1,), int64
    data : ndarray of shape (n_bytes,), uint8
    valid : ndarray of shape (n_rows,), bool, optional
        False where the value is missing; None when nothing is.
    """

    offsets: npt.NDArray[np.int64]
    data: npt.NDArray[np.uint8]
    valid: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def from_strings(cls, strings: Iterable[str | None]) -> StringColumn:
        """Lay out Python strings; None is a missing value."""
        items = list(strings)
        encoded = [b"" if item is None else item.encode() for item in items]
        offsets = np.zeros(len(items) + 1, np.int64)
        np.cumsum([len(item) for item in encoded], out=offsets[1:])
        data = np.frombuffer(b"".join(encoded), np.uint8)
        valid = np.array([item is not None for item in items], np.bool_)
        return cls(offsets, data, None if valid.all() else valid)

    def to_strings(self) -> list[str | None]:
        """Return the values as Python strings, None where missing."""
        raw, ends = self.data.tobytes(), self.offsets.tolist()
        strings: list[str | None] = [raw[a:b].decode() for a, b in pairwise(ends)]
        if self.valid is not None:
            strings = [s if ok else None for s, ok in zip(strings, self.valid.tolist(), strict=True)]
        return strings


Column = npt.NDArray[np.int64] | npt.NDArray[np.float64] | StringColumn
"""One column: int64 ids, float64 numbers (NaN is a missing value), or strings."""


@dataclass(frozen=True, slots=True)
class Table:
    """A batch of named columns of equal length.

    An id column whose batch holds nothing but decimal integers comes as int64, otherwise as strings; who
    keeps a vocabulary treats the string ``"12"`` and the integer 12 as one id.
    """

    columns: Mapping[str, Column]
    n_rows: int
