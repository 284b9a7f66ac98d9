"""Ids of users and items, numbered as they first appear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.encoding.column_views import as_keys
from pairloom.encoding.place import Place
from pairloom.encoding.python_values import column_of_values
from pairloom.encoding.raw_columns import RawColumn
from pairloom.errors import DataError, UserError
from pairloom.kernels.vocabulary import Vocabulary

__all__ = ["Ids"]

Int32Array = npt.NDArray[np.int32]


class Ids:
    """Numbers ids 0, 1, 2, ... in order of first appearance.

    An id is an integer or a string; a string that spells an integer is that integer, so ids of mixed type are no
    trouble: 12 and "12" are one. They come back as integers if all are, otherwise as strings.
    """

    def __init__(self) -> None:
        self._vocabulary = Vocabulary()
        self._values: npt.NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self._vocabulary)

    def add(self, column: RawColumn, place: Place) -> Int32Array:
        """Number a column of ids, new ones too; DataError for a missing one."""
        numbers = self.add_some(column, place)
        if (numbers < 0).any():
            raise place.error(int(np.argmax(numbers < 0)), "an id", "none", "Give the row an id or remove it")
        return numbers

    def add_some(self, column: RawColumn, place: Place) -> Int32Array:
        """Number a column of ids, new ones too; a missing one is -1."""
        keys = as_keys(column, place)
        self._vocabulary.add(keys)
        self._values = None
        return np.maximum(self._vocabulary.lookup(keys), -1)

    def numbers(self, ids: Iterable[Any], field: str = "id") -> Int32Array:
        """Return the number of each id, -1 for one that is unknown or missing."""
        values = list(ids)
        if not values:
            return np.zeros(0, np.int32)
        keys = as_keys(column_of_values(values, field), Place(field, 0))
        return np.maximum(self._vocabulary.lookup(keys), -1)

    def number(self, value: Any, field: str = "id") -> int:
        """Return the number of one id, -1 if it is unknown."""
        return int(self.numbers([value], field)[0])

    def values(self, numbers: npt.NDArray[np.integer]) -> npt.NDArray[Any]:
        """Return the ids of some numbers, as int64 or strings."""
        if self._values is None:
            arrays = self._vocabulary.to_arrays()
            integers = "is_string" not in arrays
            self._values = arrays["integers"] if integers else np.array(self._vocabulary.texts(), object)
        return self._values[numbers]

    def to_arrays(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        """Return them as arrays that a model file keeps."""
        return {f"{prefix}.{name}": array for name, array in self._vocabulary.to_arrays().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], prefix: str, source: str) -> Ids:
        """Undo `to_arrays`; DataError for arrays that it never returned."""
        own = {
            name.removeprefix(f"{prefix}."): array
            for name, array in arrays.items()
            if name.startswith(f"{prefix}.")
        }
        restored = cls()
        try:
            restored._vocabulary = Vocabulary.from_arrays(own)
        except UserError as error:
            raise DataError("different ids", got=str(error), source=source, field=prefix) from error
        return restored

    def copy(self) -> Ids:
        """Return others that can grow by themselves."""
        other = Ids()
        other._vocabulary = Vocabulary.from_arrays(self._vocabulary.to_arrays())
        return other
