"""What the rows of training tell of a key: the set of values it had, and when it was first met."""

from __future__ import annotations

from typing import Self

import numpy as np

from pairloom.encoding.bucket_feature import interval_labels
from pairloom.encoding.column_views import as_times
from pairloom.encoding.features import Arrays, Int32Array, Int64Array
from pairloom.encoding.key_column import N_CODES_OF_NONE, KeyColumn
from pairloom.encoding.place import Place
from pairloom.encoding.ragged import Ragged
from pairloom.encoding.raw_columns import RawTable, TimeColumn
from pairloom.encoding.relations import DaysSinceFirst, History
from pairloom.encoding.times import EARLIEST, LATEST
from pairloom.errors import UserError
from pairloom.kernels.arrays import check_vector
from pairloom.kernels.row_assembly import RowPart

__all__ = ["LearnedDays", "LearnedHistory"]

NEVER = np.iinfo(np.int64).max
MICROSECONDS_PER_DAY = 86_400_000_000
MERGED_FROM = 1 << 20
"""Pairs that wait before they are put among the known ones."""


class LearnedHistory:
    """The set of every key.

    Parameters
    ----------
    spec : History
    key, values : KeyColumn
        Whose sets, and of what.
    """

    def __init__(self, spec: History, key: KeyColumn, values: KeyColumn) -> None:
        self.spec, self.key, self.values = spec, key, values
        self._sets = Ragged(np.zeros(1, np.int64), np.zeros(0, np.int32))
        self._waiting: list[Int64Array] = []
        self._n_waiting = 0

    @property
    def field_name(self) -> str:
        """Name of the field."""
        return f"{self.spec.of} of {self.spec.by}"

    def learn(self, codes: Int32Array, values: Int32Array) -> None:
        """Take in the codes of rows; those without a key or value are left out."""
        whole = (codes >= N_CODES_OF_NONE) & (values >= N_CODES_OF_NONE)
        pairs = (codes[whole].astype(np.int64) - N_CODES_OF_NONE) << 32 | (values[whole] - N_CODES_OF_NONE)
        self._waiting.append(_distinct(pairs))
        self._n_waiting += len(self._waiting[-1])
        if self._n_waiting > max(MERGED_FROM, len(self._sets.columns)):
            self._merge()

    def settle(self) -> int:
        """Put all that was learned into the sets, and return the number of columns: one for every value."""
        self._merge()
        return len(self.values.vocabulary)

    def labels(self) -> list[str]:
        """Names of the columns."""
        return [f"{self.field_name}={text}" for text in self.values.vocabulary.texts()]

    def of_codes(self) -> Ragged:
        """Return the set of every code, empty where there is none."""
        sets = self._sets
        more = self.key.n_codes - N_CODES_OF_NONE - sets.n_rows
        indptr = np.concatenate(
            (np.zeros(N_CODES_OF_NONE, np.int64), sets.indptr, np.full(more, sets.indptr[-1]))
        )
        if not self.spec.normalize:
            return Ragged(indptr, sets.columns)
        sizes = np.diff(sets.indptr)
        of_each = (1 / np.sqrt(np.maximum(sizes, 1))).astype(np.float32)
        return Ragged(indptr, sets.columns, np.repeat(of_each, sizes))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what is saved, by name."""
        return self._sets.arrays()

    @classmethod
    def restored(cls, spec: History, key: KeyColumn, values: KeyColumn, arrays: Arrays) -> Self:
        """Undo `arrays`; raises KeyError or UserError at what it never returned."""
        history = cls(spec, key, values)
        sets = Ragged.restored(arrays, len(values.vocabulary))
        if sets.values is not None or sets.n_rows > len(key.vocabulary):
            raise UserError(f"{history.field_name!r} must have a set of values for each key at most.")
        rises = np.diff(sets.columns.astype(np.int64)) > 0
        starts = sets.indptr[1:-1]
        rises[starts[(starts > 0) & (starts < len(sets.columns))] - 1] = True
        if not rises.all():
            raise UserError(f"{history.field_name!r} must hold each value of a set once, in order.")
        history._sets = sets
        return history

    def _merge(self) -> None:
        if not self._waiting:
            return
        sets = self._sets
        known = np.repeat(np.arange(sets.n_rows, dtype=np.int64) << 32, np.diff(sets.indptr)) | sets.columns
        pairs = _distinct(np.concatenate((known, *self._waiting)))
        self._waiting, self._n_waiting = [], 0
        sizes = np.bincount(pairs >> 32, minlength=len(self.key.vocabulary))
        indptr = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)))
        self._sets = Ragged(indptr, (pairs & 0xFFFFFFFF).astype(np.int32))


class LearnedDays:
    """The first time of every key.

    Parameters
    ----------
    spec : DaysSinceFirst
    key : KeyColumn
    """

    def __init__(self, spec: DaysSinceFirst, key: KeyColumn) -> None:
        self.spec, self.key = spec, key
        self._first = np.zeros(0, np.int64)

    @property
    def field_name(self) -> str:
        """Name of the field."""
        return f"days of {self.spec.by}"

    def learn(self, codes: Int32Array, table: RawTable) -> None:
        """Take in the times of rows."""
        times = self._times(table)
        more = len(self.key.vocabulary) - len(self._first)
        self._first = np.pad(self._first, (0, more), constant_values=NEVER)
        usable = times.valid & (codes >= N_CODES_OF_NONE)
        np.minimum.at(self._first, codes[usable] - N_CODES_OF_NONE, times.microseconds[usable])

    def settle(self) -> int:
        """Return the number of columns."""
        return len(self.spec.edges) + 2

    def labels(self) -> list[str]:
        """Names of the columns."""
        names = [f"{self.field_name}={interval}" for interval in interval_labels(self.spec.edges)]
        return [f"{self.field_name}=<missing>", *names]

    def encode(self, codes: Int32Array, table: RawTable, columns: Int32Array) -> RowPart:
        """One non-zero for each row."""
        times = self._times(table)
        first = np.full(len(codes), NEVER)
        known = codes - N_CODES_OF_NONE
        met = (known >= 0) & (known < len(self._first))
        first[met] = self._first[known[met]]
        days = np.where(first == NEVER, 0, times.microseconds - np.where(first == NEVER, 0, first))
        bins = 1 + np.searchsorted(self.spec.edges, np.maximum(days, 0) / MICROSECONDS_PER_DAY, side="right")
        return RowPart(columns[np.where(times.valid, bins, 0)])

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what is saved, by name."""
        return {"first": self._first}

    @classmethod
    def restored(cls, spec: DaysSinceFirst, key: KeyColumn, arrays: Arrays) -> Self:
        """Undo `arrays`; raises KeyError or UserError at what it never returned."""
        days, first = cls(spec, key), arrays["first"]
        check_vector(f"{days.field_name!r}", "first", first, np.int64)
        inside = ((first >= EARLIEST) & (first <= LATEST)) | (first == NEVER)
        if not inside.all() or len(first) > len(key.vocabulary):
            raise UserError(
                f"{days.field_name!r} must have a time of the years 1 to 9999 for each key at most."
            )
        days._first = first.copy()
        return days

    def _times(self, table: RawTable) -> TimeColumn:
        place = Place(self.spec.time, table.first_row)
        return as_times(table.columns[self.spec.time], self.spec.unit, self.spec.format, place)


def _distinct(pairs: Int64Array) -> Int64Array:
    """Return the different ones, ascending; sorting them takes a tenth of the time of np.unique, which hashes."""
    ordered = np.sort(pairs)
    kept = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=kept[1:])
    return ordered[kept]
