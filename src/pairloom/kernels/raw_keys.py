"""Raw ids on their way into native code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.kernels.arrays import check_vector
from pairloom.tables import StringColumn

__all__ = ["ABSENT", "MISSING", "IntegerKeys", "Keys", "StringKeys", "hash_keys"]

ABSENT, MISSING = -1, -2
"""What a lookup answers for a key that is not in the vocabulary, and for a missing value."""

BoolArray = npt.NDArray[np.bool_]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class IntegerKeys:
    """A column of integers.

    Parameters
    ----------
    values : ndarray of shape (n_rows,), int64
    valid : ndarray of shape (n_rows,), bool, optional
        False where the value is missing; None when nothing is.
    """

    values: Int64Array
    valid: BoolArray | None = None

    def __post_init__(self) -> None:
        check_vector("IntegerKeys", "values", self.values, np.int64)
        if self.valid is not None:
            check_vector("IntegerKeys", "valid", self.valid, np.bool_, len(self.values))

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class StringKeys:
    """A column of UTF-8 strings: row i is ``data[starts[i]:ends[i]]``. An empty string is a missing value.

    Parameters
    ----------
    starts, ends : ndarray of shape (n_rows,), int64
    data : ndarray of shape (n_bytes,), uint8
    valid : ndarray of shape (n_rows,), bool, optional
        False where the value is missing; None when nothing is.
    """

    starts: Int64Array
    ends: Int64Array
    data: npt.NDArray[np.uint8]
    valid: BoolArray | None = None

    def __post_init__(self) -> None:
        check_vector("StringKeys", "starts", self.starts, np.int64)
        check_vector("StringKeys", "ends", self.ends, np.int64, len(self.starts))
        check_vector("StringKeys", "data", self.data, np.uint8)
        if self.valid is not None:
            check_vector("StringKeys", "valid", self.valid, np.bool_, len(self.starts))
        if len(self.starts) and (
            self.starts.min() < 0 or self.ends.max() > len(self.data) or (self.starts > self.ends).any()
        ):
            raise UserError(
                f"StringKeys: 'starts' and 'ends' must lie in order within {len(self.data)} bytes."
            )

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def of(cls, column: StringColumn) -> StringKeys:
        """Take a column of strings, without a copy."""
        return cls(column.offsets[:-1], column.offsets[1:], column.data, column.valid)

    @cached_property
    def missing(self) -> BoolArray:
        """Which rows hold no text."""
        empty = self.starts == self.ends
        return empty if self.valid is None else empty | ~self.valid

    def text(self, row: int) -> str:
        """Return one string."""
        return self.data[self.starts[row] : self.ends[row]].tobytes().decode(errors="replace")


Keys = IntegerKeys | StringKeys


def hash_keys(keys: Keys, n_buckets: int, seed: int = 0) -> Int32Array:
    """Hash each key to a bucket in [0, n_buckets), `MISSING` for a missing value.

    The integer 12 and the string ``"12"`` go to one bucket. The hash is fixed for ever: saved models rest
    on it.
    """
    if not 1 <= n_buckets < 2**31:
        raise UserError(f"hash_keys: 'n_buckets' must be in [1, 2147483647]. Got {n_buckets}.")
    buckets = np.empty(len(keys), np.int32)
    if isinstance(keys, IntegerKeys):
        _native.hash_integers(keys.values, keys.valid, seed, n_buckets, buckets)
    else:
        _native.hash_strings(keys.starts, keys.ends, keys.data, keys.valid, seed, n_buckets, buckets)
    return buckets
