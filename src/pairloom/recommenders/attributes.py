"""What is known of items: categories and numbers to choose by, words to call them."""

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

__all__ = ["Attribute", "ItemAttributes", "read_attributes"]

Mask = npt.NDArray[np.bool_]
SEPARATOR, NEVER = "|", "\x1f"
TITLE = "title"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One column of the items table.

    Parameters
    ----------
    values : list of str
        The different values.
    offsets : ndarray of shape (n_items + 1,), int64
    places : ndarray of int32
        Values of item i are those at ``places[offsets[i]:offsets[i + 1]]``; an item may have several or none.
    numbers : ndarray of shape (n_items,), float64, optional
        The column as numbers, NaN where it has none; for a column of numbers only.
    """

    values: list[str]
    offsets: npt.NDArray[np.int64]
    places: npt.NDArray[np.int32]
    numbers: npt.NDArray[np.float64] | None

    def of(self, item: int) -> list[str]:
        """Return an item's values."""
        return [
            self.values[place] for place in self.places[self.offsets[item] : self.offsets[item + 1]].tolist()
        ]

    def having(self, wanted: Sequence[Any]) -> Mask:
        """Return which items have one of some values."""
        chosen = np.isin(np.array(self.values, object), [str(value) for value in wanted])
        found = np.zeros(len(self.offsets) - 1, np.bool_)
        found[np.repeat(np.arange(len(found)), np.diff(self.offsets))[chosen[self.places]]] = True
        return found


@dataclass(frozen=True, slots=True)
class ItemAttributes:
    """The items table, by number of item.

    Parameters
    ----------
    n_items : int
    columns : mapping of str to Attribute
    """

    n_items: int
    columns: Mapping[str, Attribute]

    def column(self, name: str, who: str) -> Attribute:
        """Return a column; UserError if there is none by that name."""
        if name not in self.columns:
            known = ", ".join(self.columns) or "none; give fit an items table"
            raise UserError(
                f"recommend: {who!r} must name a column of the items table. Got {name!r} of {known}."
            )
        return self.columns[name]

    def where(self, wanted: Mapping[str, Any]) -> Mask:
        """Return the items that fit all conditions: a value, a list of them, or a pair (lowest, highest) of numbers."""
        found = np.ones(self.n_items, np.bool_)
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


def read_attributes(data: Any, item: str, items: Ids) -> ItemAttributes:
    """Read a table of items; those that nobody took yet are numbered too.

    Text with ``|`` in it, and lists, are several values. An item without a row has no values; one with two rows is a
    DataError.

    Parameters
    ----------
    data : data frame, mapping of columns, records or tables
    item : str
        Column of the id.
    items : Ids
        They grow.
    """
    source = open_input(data, lambda width: [item, *(f"column_{i}" for i in range(1, width))])
    if item not in source.names:
        raise UserError(f"Items table: column {item!r} must be there. Got {', '.join(source.names)}.")
    names = [name for name in source.names if name != item]
    tables = list(source.tables([item, *names]))
    numbers = np.concatenate(
        [items.add(table.columns[item], Place(item, table.first_row)) for table in tables]
    )
    order = np.argsort(numbers, kind="stable")
    repeated = order[1:][np.diff(numbers[order]) == 0]
    if len(repeated):
        row = int(repeated.min())
        raise DataError(
            "each item once", got=f"{items.values(numbers[row : row + 1])[0]} again", row=row + 1, field=item,
            action="Remove the row",
        )  # fmt: skip
    columns = {
        name: _attribute(
            [(table.columns[name], Place(name, table.first_row)) for table in tables],
            numbers,
            len(items),
            name,
        )
        for name in names
    }
    return ItemAttributes(len(items), columns)


def _attribute(
    parts: Sequence[tuple[RawColumn, Place]], numbers: npt.NDArray[np.int32], n_items: int, name: str
) -> Attribute:
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
    places, of_items = places[present], numbers[rows[present]]
    order = np.argsort(of_items, kind="stable")
    offsets = np.zeros(n_items + 1, np.int64)
    np.cumsum(np.bincount(of_items, minlength=n_items), out=offsets[1:])
    values = np.concatenate(numeric)
    by_item = None
    if np.isfinite(values).any():
        by_item = np.full(n_items, np.nan)
        by_item[numbers] = values
    return Attribute(vocabulary.texts(), offsets, places[order], by_item)


def _numbers(column: RawColumn, n_rows: int) -> npt.NDArray[np.float64]:
    if isinstance(column, IntegerKeys):
        numbers = column.values.astype(np.float64)
        return numbers if column.valid is None else np.where(column.valid, numbers, np.nan)
    if isinstance(column, np.ndarray):
        return column.astype(np.float64)
    return np.full(n_rows, np.nan)
