"""A table that is joined by a key: encoded once, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import msgspec
import numpy as np

from pairloom.encoding.choice import choose_spec
from pairloom.encoding.column_views import as_keys
from pairloom.encoding.features import Arrays, Feature, Int32Array
from pairloom.encoding.input_names import check_available
from pairloom.encoding.inputs import open_input
from pairloom.encoding.key_column import MISSING_CODE, N_CODES_OF_NONE, KeyColumn
from pairloom.encoding.kinds import FEATURES, feature_of
from pairloom.encoding.parameters import chosen_columns
from pairloom.encoding.place import Place
from pairloom.encoding.ragged import Ragged
from pairloom.encoding.raw_columns import RawTable
from pairloom.encoding.relations import Related
from pairloom.encoding.specs import Spec
from pairloom.errors import DataError, UserError
from pairloom.kernels.arrays import check_vector
from pairloom.kernels.row_assembly import RowPart

__all__ = ["RelatedTable", "SavedTable"]


class SavedTable(msgspec.Struct, frozen=True):
    """The JSON part of a table: what was asked, and what was learned of each encoded column beside arrays."""

    on: str
    columns: list[str] | dict[str, Spec] | None
    unlisted: Literal["refuse", "missing"]
    names: list[str]
    specs: list[Spec]
    learned: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class EncodedColumn:
    """A column of a table, its rows encoded; the last row stands for keys that have none: it is missing."""

    name: str
    spec: Spec
    feature: Feature
    rows: Ragged


class RelatedTable:
    """The encoded columns of a table, and which of its rows each key has.

    Parameters
    ----------
    key : KeyColumn
    related : Related
        What was asked.
    columns : list of EncodedColumn
    row_of : ndarray of int32
        Row of each key by its number, -1 for none; keys beyond have none.
    """

    def __init__(
        self, key: KeyColumn, related: Related, columns: Sequence[EncodedColumn], row_of: Int32Array
    ) -> None:
        self.key, self.related, self.columns, self.row_of = key, related, list(columns), row_of
        self.sizes = [column.feature.settle() for column in columns]

    @property
    def field_names(self) -> list[str]:
        """Names of the fields."""
        return [f"{self.related.on}.{column.name}" for column in self.columns]

    @classmethod
    def read(cls, related: Related, key: KeyColumn) -> Self:
        """Read and encode a table.

        Raises
        ------
        UserError
            For a table without the key's column, or without another to encode.
        DataError
            For a missing key, a key with two rows, naming both, or a value that cannot be used.
        """
        on = related.on
        if related.table is None:
            raise UserError(f"Related: 'table' must be a table with column {on!r} to fit anew. Got None.")
        source = open_input(related.table, lambda width: [f"x{i}" for i in range(width)])
        check_available([on], source.names)
        if related.columns is None:
            chosen: dict[str, Spec | None] = {name: None for name in source.names if name != on}
        else:
            chosen = chosen_columns(related.columns, "drop", source.names)
        if not chosen:
            raise UserError(f"Related: the table of {on!r} must have another column. Got {on!r} alone.")
        tables = list(source.tables([on, *(name for name in chosen if name != on)]))
        numbers = _list_keys(tables, key)
        specs = [
            choose_spec(tables[0].columns[name]) if spec is None else spec for name, spec in chosen.items()
        ]
        columns = [_encoded(on, name, spec, tables) for name, spec in zip(chosen, specs, strict=True)]
        row_of = np.full(len(key.vocabulary), -1, np.int32)
        row_of[numbers] = np.arange(len(numbers))
        return cls(key, related, columns, row_of)

    def check(self, codes: Int32Array, table: RawTable) -> None:
        """Raise DataError for a key of a training row that has no row here, unless that is allowed."""
        if self.related.unlisted != "refuse":
            return
        without = (self.row_numbers()[codes] == self._n_listed) & (codes != MISSING_CODE)
        if without.any():
            on, row = self.related.on, int(np.argmax(without))
            raise DataError(
                f"a key that the table of {on!r} has a row for",
                got=self.key.text(table.columns[on], Place(on), row),
                row=table.first_row + row + 1,
                field=on,
                action="Add it to the table, or take Related(..., unlisted='missing')",
            )

    def row_numbers(self) -> Int32Array:
        """Return the row of every code, the last where a key has none."""
        numbers = np.full(self.key.n_codes, self._n_listed, np.int32)
        listed = self.row_of >= 0
        numbers[N_CODES_OF_NONE : N_CODES_OF_NONE + len(listed)][listed] = self.row_of[listed]
        return numbers

    @property
    def _n_listed(self) -> int:
        return self.columns[0].rows.n_rows - 1

    def saved(self, prefix: str) -> tuple[SavedTable, dict[str, Any]]:
        """Return what is saved: JSON, and arrays with a prefix to their names."""
        arrays: dict[str, Any] = {f"{prefix}row_of": self.row_of}
        learned: list[dict[str, Any]] = []
        for i, column in enumerate(self.columns):
            values, own = column.feature.state()
            learned.append(values)
            arrays |= {f"{prefix}{i}.{name}": array for name, array in (own | column.rows.arrays()).items()}
        asked = self.related.columns
        if isinstance(asked, Mapping):
            asked = {str(name): spec for name, spec in asked.items()}
        elif asked is not None:
            asked = [str(name) for name in asked]
        names, specs = [column.name for column in self.columns], [column.spec for column in self.columns]
        return SavedTable(self.related.on, asked, self.related.unlisted, names, specs, learned), arrays

    @classmethod
    def restored(cls, saved: SavedTable, key: KeyColumn, arrays: Arrays) -> Self:
        """Undo `saved`; raises KeyError, TypeError or ValueError at what it never returned."""
        who, row_of = f"the table of {saved.on!r}", arrays["row_of"]
        if not len(saved.names) == len(saved.specs) == len(saved.learned) > 0:
            raise UserError(f"{who}: there must be as many specs as columns, at least one.")
        columns: list[EncodedColumn] = []
        for i, (name, spec, learned) in enumerate(zip(saved.names, saved.specs, saved.learned, strict=True)):
            prefix = f"{i}."
            own = {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
            feature: Feature = FEATURES[type(spec)].restored(spec, learned, own)
            columns.append(EncodedColumn(name, spec, feature, Ragged.restored(own, feature.settle())))
        n_listed = columns[0].rows.n_rows - 1
        if n_listed < 0 or any(column.rows.n_rows != n_listed + 1 for column in columns):
            raise UserError(f"{who}: every column must have the same number of rows.")
        check_vector(who, "row_of", row_of, np.int32)
        taken = row_of[row_of >= 0]
        wrong = (row_of < -1).any() or (taken >= n_listed).any() or len(row_of) > len(key.vocabulary)
        if wrong or len(np.unique(taken)) < len(taken):
            raise UserError(f"{who}: 'row_of' must give keys different rows in [0, {n_listed - 1}], or -1.")
        asked = Related(None, saved.on, saved.columns, saved.unlisted)
        return cls(key, asked, columns, row_of.copy())


def _encoded(on: str, name: str, spec: Spec, tables: Sequence[RawTable]) -> EncodedColumn:
    """Learn and encode a column of a table."""
    field, feature = f"{on}.{name}", feature_of(spec)
    for table in tables:
        feature.learn(table.columns[name], Place(field, table.first_row))
    own = np.arange(feature.settle(), dtype=np.int32)
    parts = [
        feature.encode(table.columns[name], Place(field, table.first_row), own, None) for table in tables
    ]
    parts.append(RowPart(np.zeros(1, np.int32)))
    n_rows = [*(table.n_rows for table in tables), 1]
    return EncodedColumn(name, spec, feature, Ragged.stacked(parts, n_rows))


def _list_keys(tables: Sequence[RawTable], key: KeyColumn) -> Int32Array:
    """Take in the keys of a table, and return their numbers."""
    found: list[Int32Array] = []
    for table in tables:
        keys = as_keys(table.columns[key.name], Place(key.name, table.first_row))
        key.list(keys)
        numbers = key.vocabulary.lookup(keys)
        if (numbers < 0).any():
            row = table.first_row + int(np.argmax(numbers < 0)) + 1
            raise _refusal(key.name, "a key in every row", "a missing value", row)
        found.append(numbers)
    numbers = np.concatenate(found)
    order = np.argsort(numbers, kind="stable")
    repeated = np.flatnonzero(np.diff(numbers[order]) == 0)
    if len(repeated):
        rows = order[repeated + 1]
        at = int(np.argmin(rows))
        first, second = int(order[repeated[at]]), int(rows[at])
        table = next(t for t in tables if second < t.first_row + t.n_rows)
        spelled = key.text(table.columns[key.name], Place(key.name), second - table.first_row)
        raise _refusal(
            key.name, "one row for every key", f"{spelled} in row {first + 1} and again in row {second + 1}", second + 1
        )  # fmt: skip
    return numbers


def _refusal(on: str, expected: str, got: str, row: int) -> DataError:
    return DataError(
        expected, got=got, source=f"the table of {on!r}", row=row, field=on, action="Mend the table"
    )
