"""The forms in which a raw column reaches the encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.kernels.raw_keys import IntegerKeys
from pairloom.tables import Column, StringColumn

__all__ = ["ListColumn", "RawColumn", "RawTable", "TimeColumn", "cut", "length"]


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """Times in UTC.

    Parameters
    ----------
    microseconds : ndarray of shape (n_rows,), int64
        Since 1970.
    valid : ndarray of shape (n_rows,), bool
        False where the time is missing.
    """

    microseconds: npt.NDArray[np.int64]
    valid: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ListColumn:
    """Several values in each row: ``items[indptr[i]:indptr[i + 1]]``; none is missing."""

    indptr: npt.NDArray[np.int64]
    items: RawColumn


RawColumn = Column | IntegerKeys | TimeColumn | ListColumn


def length(column: RawColumn) -> int:
    """Number of rows."""
    if isinstance(column, TimeColumn):
        return len(column.microseconds)
    return len(column.indptr) - 1 if isinstance(column, ListColumn) else len(column)


def cut(column: RawColumn, begin: int, end: int) -> RawColumn:
    """Rows `begin` to `end` - 1, without a copy of the data."""
    if isinstance(column, np.ndarray):
        return cast(RawColumn, column[begin:end])
    if isinstance(column, IntegerKeys):
        return IntegerKeys(
            column.values[begin:end], None if column.valid is None else column.valid[begin:end]
        )
    if isinstance(column, StringColumn):
        valid = None if column.valid is None else column.valid[begin:end]
        return StringColumn(column.offsets[begin : end + 1], column.data, valid)
    if isinstance(column, TimeColumn):
        return TimeColumn(column.microseconds[begin:end], column.valid[begin:end])
    indptr = column.indptr[begin : end + 1]
    return ListColumn(indptr - indptr[0], cut(column.items, int(indptr[0]), int(indptr[-1])))


@dataclass(frozen=True, slots=True)
class RawTable:
    """Some rows of the raw columns; the first of them is row `first_row` of the whole, counted from 0."""

    columns: Mapping[str, RawColumn]
    n_rows: int
    first_row: int = 0

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if length(column) != self.n_rows:
                raise DataError(
                    f"{self.n_rows} values, as in the first column", got=f"{length(column)}", field=name
                )

    def batches(self, batch_rows: int) -> Iterator[RawTable]:
        """Cut into tables of at most `batch_rows` rows."""
        for begin in range(0, self.n_rows, batch_rows):
            end = min(begin + batch_rows, self.n_rows)
            columns = {name: cut(column, begin, end) for name, column in self.columns.items()}
            yield RawTable(columns, end - begin, self.first_row + begin)
