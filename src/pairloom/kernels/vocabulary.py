"""A native vocabulary: keys to consecutive numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.kernels import _native
from pairloom.kernels.arrays import check_vector
from pairloom.kernels.raw_keys import IntegerKeys, Keys, StringKeys

__all__ = ["Vocabulary"]

MAX_SIZE = 2**31 - 3
"""Numbers are int32, and a column of them needs two more for unseen and missing."""


MAX_COUNT = 2**62


class Vocabulary:
    """Numbers ids 0, 1, 2, ... in order of first appearance, and counts them.

    An id is an integer or a UTF-8 string; a string that spells an integer canonically (``"12"``, ``"-7"``;
    not ``"012"``, ``"+1"``, ``"1.0"``) is that integer.

    Parameters
    ----------
    max_size : int
        Number of different ids above which `add` raises `DataError`.

    Examples
    --------
    >>> import numpy as np
    >>> vocabulary = Vocabulary()
    >>> vocabulary.add(IntegerKeys(np.array([7, 5, 7])))
    0
    >>> vocabulary.lookup(IntegerKeys(np.array([5, 6, 7])))
    array([ 1, -1,  0], dtype=int32)
    """

    def __init__(self, max_size: int = MAX_SIZE) -> None:
        self.max_size = max_size
        self._native = _native.Vocabulary(int.from_bytes(os.urandom(8), "little"), max_size)

    def __len__(self) -> int:
        return len(self._native)

    def add(self, keys: Keys) -> int:
        """Count every key, numbering the new ones, and return the number of missing values.

        Raises
        ------
        DataError
            At more than `max_size` different ids.
        """
        try:
            if isinstance(keys, IntegerKeys):
                return self._native.add_integers(keys.values, keys.valid)
            return self._native.add_strings(keys.starts, keys.ends, keys.data, keys.valid)
        except ValueError as error:
            raise DataError(
                f"at most {self.max_size} different ids",
                got="more",
                action="Hash them to a fixed number of columns: hash_dim=2**20",
            ) from error

    def lookup(self, keys: Keys) -> npt.NDArray[np.int32]:
        """Return the number of each key, `ABSENT` if it was never added and `MISSING` for a missing value."""
        numbers = np.empty(len(keys), np.int32)
        if isinstance(keys, IntegerKeys):
            self._native.lookup_integers(keys.values, keys.valid, numbers)
        else:
            self._native.lookup_strings(keys.starts, keys.ends, keys.data, keys.valid, numbers)
        return numbers

    def numbers_of(self, other: Vocabulary) -> npt.NDArray[np.int32]:
        """Return the number here of each id of another vocabulary, in order of its number there; `ABSENT` for none."""
        integers, is_string, ends, data = other._native.export_keys()
        numbers = self.lookup(IntegerKeys(integers))
        if len(ends):
            starts = np.concatenate((np.zeros(1, np.int64), ends[:-1]))
            numbers[is_string.astype(np.bool_)] = self.lookup(StringKeys(starts, ends, data))
        return numbers

    def counts(self) -> npt.NDArray[np.int64]:
        """How often each id was added, in order of its number."""
        return self._native.counts()

    def texts(self) -> list[str]:
        """Every id as text, in order of its number."""
        integers, is_string, ends, data = self._native.export_keys()
        raw, stops = data.tobytes(), [0, *ends.tolist()]
        return [
            raw[stops[key] : stops[key + 1]].decode(errors="replace") if string else str(key)
            for key, string in zip(integers.tolist(), is_string.tolist(), strict=True)
        ]

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Export ``integers``, ``counts`` and, where there are strings, ``is_string``, ``ends`` and ``data``.

        An id's element of ``integers`` is the integer, or the string's place among the strings; string i is
        ``data[ends[i - 1]:ends[i]]``.
        """
        integers, is_string, ends, data = self._native.export_keys()
        arrays: dict[str, npt.NDArray[Any]] = {"integers": integers, "counts": self.counts()}
        return arrays | ({"is_string": is_string, "ends": ends, "data": data} if len(ends) else {})

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], max_size: int = MAX_SIZE) -> Vocabulary:
        """Restore what `to_arrays` exported.

        Raises
        ------
        UserError
            If the arrays are not those of a vocabulary.
        """
        missing = {"integers", "counts"} - arrays.keys()
        if missing:
            raise UserError(
                f"Vocabulary: {sorted(missing)[0]!r} is not among the arrays. Got {sorted(arrays)}."
            )
        integers = arrays["integers"]
        none = np.zeros(0, np.uint8)
        is_string, data = arrays.get("is_string", none), arrays.get("data", none)
        ends = arrays.get("ends", np.zeros(0, np.int64))
        for name, array, dtype in (
            ("integers", integers, np.int64),
            ("ends", ends, np.int64),
            ("data", data, np.uint8),
        ):
            check_vector("Vocabulary", name, array, dtype)
        check_vector("Vocabulary", "counts", arrays["counts"], np.int64, len(integers))
        check_vector(
            "Vocabulary", "is_string", is_string, np.uint8, len(integers) if len(is_string) else None
        )
        if (arrays["counts"] < 0).any() or (arrays["counts"] > MAX_COUNT).any():
            raise UserError(f"Vocabulary: 'counts' must be in [0, {MAX_COUNT}].")
        starts = np.concatenate((np.zeros(1, np.int64), ends))[:-1]
        if (starts > ends).any() or (len(ends) and (ends[0] < 0 or ends[-1] != len(data))):
            raise UserError(f"Vocabulary: 'ends' must rise to the {len(data)} bytes of 'data'.")
        restored = cls(max_size)
        try:
            restored._native.restore(integers, is_string, starts, ends, data, arrays["counts"])
        except ValueError as error:
            raise UserError(f"Vocabulary: the arrays must hold different ids. Got {error}.") from error
        return restored

    def __getstate__(self) -> dict[str, Any]:
        return {"max_size": self.max_size, "arrays": self.to_arrays()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = self.from_arrays(state["arrays"], state["max_size"]).__dict__
