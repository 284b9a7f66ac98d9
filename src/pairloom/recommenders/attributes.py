"""What is known of items, or of users: categories and numbers to choose by, words to call them, vectors to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.encoding.column_views import as_items
from pairloom.encoding.inputs import open_input
from pairloom.encoding.place import Place
from pairloom.encoding.raw_columns import IntegerKeys, RawColumn
from pairloom.errors import DataError, UserError
from pairloom.kernels.vocabulary import Vocabulary
from pairloom.recommenders.ids import Ids
from pairloom.recommenders.vector_columns import part_vectors, placed_vectors, vectors_of_lists

__all__ = ["Attribute", "Attributes", "read_attributes"]

Mask = npt.NDArray[np.bool_]
SEPARATOR, NEVER = "|", "\x1f"
TITLE = "title"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One column of a table of items or users.

    Parameters
    ----------
    values : list of str
        The different values.
    offsets : ndarray of shape (n_rows + 1,), int64
        By number of the item or user.
    places : ndarray of int32
        Values of item i are those at ``places[offsets[i]:offsets[i + 1]]``; an item may have several or none.
    numbers : ndarray of shape (n_rows,), float64, optional
        The column as numbers, NaN where it has none; for a column of numbers only.
    vectors : ndarray of shape (n_rows, n_columns), float32, optional
        The column as vectors, 0 where it has none; for a column of lists of floats only, which has no values.
    """

    values: list[str]
    offsets: npt.NDArray[np.int64]
    places: npt.NDArray[np.int32]
    numbers: npt.NDArray[np.float64] | None
    vectors: npt.NDArray[np.float32] | None = None

    def of(self, item: int) -> list[str]:
        """Return an item's values."""
        return [
            self.values[place] for place in self.places[self.offsets[item] : self.offsets[item + 1]].tolist()
        ]

    def widened(self, n_rows: int) -> Attribute:
        """Return it with room for more rows, which have no values."""
        more = n_rows - len(self.offsets) + 1
        numbers = None if self.numbers is None else np.append(self.numbers, np.full(more, np.nan))
        offsets = np.append(self.offsets, np.full(more, self.offsets[-1]))
        vectors = None if self.vectors is None else np.pad(self.vectors, ((0, more), (0, 0)))
        return Attribute(self.values, offsets, self.places, numbers, vectors)

    def having(self, wanted: Sequence[Any]) -> Mask:
        """Return which items have one of some values."""
        chosen = np.isin(np.array(self.values, object), [str(value) for value in wanted])
        found = np.zeros(len(self.offsets) - 1, np.bool_)
        found[np.repeat(np.arange(len(found)), np.diff(self.offsets))[chosen[self.places]]] = True
        return found


@dataclass(frozen=True, slots=True)
class Attributes:
    """A table of items or users, by their number.

    Parameters
    ----------
    n_rows : int
    columns : mapping of str to Attribute
    """

    n_rows: int
    columns: Mapping[str, Attribute]

    def column(self, name: str, who: str) -> Attribute:
        """Return a column; UserError if there is none by that name."""
        if name not in self.columns:
            known = ", ".join(self.columns) or "none; give fit an items table"
            raise UserError(
                f"recommend: {who!r} must name a column of the items table. Got {name!r} of {known}."
            )
        return self.columns[name]

    def widened(self, n_rows: int) -> Attributes:
        """Return the table with room for more rows, which have no values."""
        if n_rows == self.n_rows:
            return self
        return Attributes(n_rows, {name: column.widened(n_rows) for name, column in self.columns.items()})

    def where(self, wanted: Mapping[str, Any]) -> Mask:
        """Return the items that fit all conditions: a value, a list of them, or a pair (lowest, highest) of numbers."""
        found = np.ones(self.n_rows, np.bool_)
        for name, condition in wanted.items():
            column = self.column(name, "where")
            if isinstance(condition, tuple):
                found &= _between(name, column, condition)
            else:
                found &= column.having(list(condition) if isinstance(condition, list | set) else [condition])
        return found

    def title(self, item: int, otherwise: str) -> str:
        """Return what an item is called."""
        titles = self.columns.get(TITLE)
        words = [] if titles is None else titles.of(item)
        return words[0] if words else otherwise


def _between(name: str, column: Attribute, limits: tuple[Any, ...]) -> Mask:
    if column.numbers is None or len(limits) != 2:
        raise UserError(
            f"recommend: 'where' must give {name!r} a value or a list of values; a pair (lowest, highest) is for a "
            f"column of numbers. Got {limits!r}."
        )
    lowest, highest = limits
    with np.errstate(invalid="ignore"):
        return (column.numbers >= float(lowest)) & (column.numbers <= float(highest))


def read_attributes(data: Any, id_column: str, ids: Ids, what: str) -> Attributes:
    """Read a table of items or users; those that no event names are numbered too.

    Text with ``|`` in it, and lists, are several values; lists of floats, all of one length, are vectors. Who has no
    row has no values.

    Parameters
    ----------
    data : data frame, mapping of columns, records or tables
        In a mapping of columns, vectors may also be a 2-D array, or a mapping of id to vector.
    id_column : str
    ids : Ids
        They grow.
    what : {"items", "users"}
        For messages.

    Raises
    ------
    DataError
        For an id with two rows, with the row.
    UserError
        For a table without the column of ids.
    """
    plain, vectors = part_vectors(data)
    source = open_input(plain, lambda width: [id_column, *(f"column_{i}" for i in range(1, width))])
    if id_column not in source.names:
        raise UserError(
            f"Table of {what}: column {id_column!r} must be there. Got {', '.join(source.names)}."
        )
    names = [name for name in source.names if name != id_column]
    tables = list(source.tables([id_column, *names]))
    numbers = np.concatenate(
        [ids.add(table.columns[id_column], Place(id_column, table.first_row)) for table in tables]
    )
    order = np.argsort(numbers, kind="stable")
    repeated = order[1:][np.diff(numbers[order]) == 0]
    if len(repeated):
        row = int(repeated.min())
        raise DataError(
            f"each of the {what} once", got=f"{ids.values(numbers[row : row + 1])[0]} again", row=row + 1,
            field=id_column, action="Remove the row",
        )  # fmt: skip
    columns = {
        name: _attribute(
            [(table.columns[name], Place(name, table.first_row)) for table in tables],
            numbers,
            len(ids),
            name,
        )
        for name in names
    }
    for name, column in vectors.items():
        columns[name] = _of_vectors(placed_vectors(column, numbers, ids, name))
    return Attributes(len(ids), columns)


def _attribute(
    parts: Sequence[tuple[RawColumn, Place]], numbers: npt.NDArray[np.int32], n_rows: int, name: str
) -> Attribute:
    if len(parts) == 1:
        vectors = vectors_of_lists(parts[0][0], numbers, n_rows, name)
        if vectors is not None:
            return _of_vectors(vectors)
    vocabulary = Vocabulary()
    owners: list[npt.NDArray[np.int64]] = []
    found: list[npt.NDArray[np.int32]] = []
    numeric: list[npt.NDArray[np.float64]] = []
    begin = 0
    for column, place in parts:
        indptr, keys = as_items(column, NEVER if name == TITLE else SEPARATOR, place)
        vocabulary.add(keys)
        found.append(vocabulary.lookup(keys))
        owners.append(np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)) + begin)
        numeric.append(_numbers(column, len(indptr) - 1))
        begin += len(indptr) - 1
    places, rows = np.concatenate(found), np.concatenate(owners)
    present = places >= 0
    places, keepers = places[present], numbers[rows[present]]
    order = np.argsort(keepers, kind="stable")
    offsets = np.zeros(n_rows + 1, np.int64)
    np.cumsum(np.bincount(keepers, minlength=n_rows), out=offsets[1:])
    values = np.concatenate(numeric)
    by_row = None
    if np.isfinite(values).any():
        by_row = np.full(n_rows, np.nan)
        by_row[numbers] = values
    return Attribute(vocabulary.texts(), offsets, places[order], by_row)


def _of_vectors(vectors: npt.NDArray[np.float32]) -> Attribute:
    return Attribute([], np.zeros(len(vectors) + 1, np.int64), np.zeros(0, np.int32), None, vectors)


def _numbers(column: RawColumn, n_rows: int) -> npt.NDArray[np.float64]:
    if isinstance(column, IntegerKeys):
        numbers = column.values.astype(np.float64)
        return numbers if column.valid is None else np.where(column.valid, numbers, np.nan)
    if isinstance(column, np.ndarray):
        return column.astype(np.float64)
    return np.full(n_rows, np.nan)
