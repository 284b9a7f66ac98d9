"""A column whose values are keys: of tables, of histories, of first days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pairloom.encoding.column_views import as_keys
from pairloom.encoding.features import Arrays, Int32Array, Int64Array, State
from pairloom.encoding.lending import Lending
from pairloom.encoding.place import Place
from pairloom.encoding.raw_columns import RawColumn
from pairloom.errors import UserError
from pairloom.kernels.arrays import check_vector
from pairloom.kernels.raw_keys import MISSING, Keys, StringKeys
from pairloom.kernels.vocabulary import Vocabulary

__all__ = ["MISSING_CODE", "N_CODES_OF_NONE", "UNKNOWN_CODE", "KeyColumn"]

MISSING_CODE, UNKNOWN_CODE, N_CODES_OF_NONE = 0, 1, 2
"""Codes of missing values and of keys that were never met; keys have those from 2 on, in order of appearance."""


class KeyColumn:
    """Numbers the keys of tables and of rows.

    Parameters
    ----------
    name : str
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.vocabulary = Vocabulary()
        self._listed = np.zeros(0, np.int64)  # how often each key came from a table
        self._n_missing = 0
        self._counts: Int64Array | None = None

    @property
    def n_codes(self) -> int:
        """Codes in use."""
        return len(self.vocabulary) + N_CODES_OF_NONE

    def list(self, keys: Keys) -> None:
        """Take in the keys of a table, which count as never met."""
        self.vocabulary.add(keys)
        numbers = self.vocabulary.lookup(keys)
        self._listed = np.pad(self._listed, (0, len(self.vocabulary) - len(self._listed)))
        np.add.at(self._listed, numbers[numbers >= 0], 1)
        self._counts = None

    def learn(self, column: RawColumn, place: Place) -> Int32Array:
        """Take in keys of rows, and return their codes."""
        keys = as_keys(column, place)
        self._n_missing += self.vocabulary.add(keys)
        self._counts = None
        return self._codes(keys)

    def codes(self, column: RawColumn, place: Place, lending: Lending | None = None) -> Int32Array:
        """Return the code of each row; one that is lent counts as missing or never met.

        Of an id column, the same rows are lent as by `IdFeature`.
        """
        codes = self._codes(as_keys(column, place))
        if lending is not None and lending.unseen_samples > 0 and len(self.vocabulary):
            met = self.counts()[np.maximum(codes - N_CODES_OF_NONE, 0)]
            known = (codes >= N_CODES_OF_NONE) & (met > 0)
            codes[lending.as_unseen(met) & known] = UNKNOWN_CODE
        if lending is not None and lending.missing_share > 0 and self._n_missing == 0:
            codes[lending.as_missing(len(codes))] = MISSING_CODE
        return codes

    def counts(self) -> Int64Array:
        """Rows of each key, in order of its number."""
        if self._counts is None:
            counts = self.vocabulary.counts()
            counts[: len(self._listed)] -= self._listed
            self._counts = counts
        return self._counts

    def text(self, column: RawColumn, place: Place, row: int) -> str:
        """Spell the key of a row, for messages."""
        keys = as_keys(column, place)
        return repr(keys.text(row)) if isinstance(keys, StringKeys) else str(keys.values[row])

    def state(self) -> State:
        """What was learned."""
        return {"n_missing": self._n_missing}, {"listed": self._listed} | self.vocabulary.to_arrays()

    @classmethod
    def restored(cls, name: str, values: Mapping[str, Any], arrays: Arrays) -> Self:
        """Undo `state`."""
        key = cls(name)
        key.vocabulary = Vocabulary.from_arrays(arrays)
        key._n_missing = int(values["n_missing"])
        listed = arrays["listed"]
        check_vector(f"key {name!r}", "listed", listed, np.int64)
        if len(listed) > len(key.vocabulary):
            raise UserError("'listed' must be no longer than there are keys.")
        counts = key.vocabulary.counts()[: len(listed)]
        if (listed < 0).any() or (listed > counts).any():
            raise UserError("'listed' must be in [0, count] of each key.")
        key._listed = listed.copy()
        return key

    def _codes(self, keys: Keys) -> npt.NDArray[np.int32]:
        numbers = self.vocabulary.lookup(keys)
        codes = numbers + np.int32(N_CODES_OF_NONE)  # ABSENT is -1
        codes[numbers == MISSING] = MISSING_CODE
        return codes
