"""What rows are joined with by their keys: tables, histories and first days, each known once for every key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import msgspec
import numpy as np

from pairloom.encoding.features import Arrays, Int32Array
from pairloom.encoding.histories import LearnedDays, LearnedHistory
from pairloom.encoding.key_column import KeyColumn
from pairloom.encoding.lending import Lending
from pairloom.encoding.place import Place
from pairloom.encoding.raw_columns import RawTable
from pairloom.encoding.related_table import RelatedTable, SavedTable
from pairloom.encoding.relations import DaysSinceFirst, History, Joined, Related
from pairloom.errors import UserError

__all__ = ["Joins", "SavedJoins", "inputs_of"]

Lend = Callable[..., Lending]


class SavedKey(msgspec.Struct, frozen=True):
    """The JSON part of a key column."""

    name: str
    learned: dict[str, Any]


class SavedJoins(msgspec.Struct, frozen=True):
    """The JSON part of all joins."""

    keys: list[SavedKey] = []
    tables: list[SavedTable] = []
    histories: list[Joined] = []


class Joins:
    """Tables, then histories and first days, in the order in which they were asked for; each has its fields.

    Parameters
    ----------
    keys : dict of str to KeyColumn
    tables : list of RelatedTable
    histories : list of LearnedHistory or LearnedDays
    """

    def __init__(
        self,
        keys: Mapping[str, KeyColumn],
        tables: Sequence[RelatedTable],
        histories: Sequence[LearnedHistory | LearnedDays],
    ) -> None:
        self.keys, self.tables, self.histories = dict(keys), list(tables), list(histories)

    @classmethod
    def begin(cls, relations: Sequence[Related], histories: Sequence[Joined]) -> Self:
        """Read the tables; histories are empty."""
        keys = {name: KeyColumn(name) for name in _key_names(relations, histories)}
        tables = [RelatedTable.read(related, keys[related.on]) for related in relations]
        joins = cls(keys, tables, [_learned(spec, keys) for spec in histories])
        joins.check_names([])
        return joins

    @property
    def field_names(self) -> list[str]:
        """Names of the fields, in order."""
        of_tables = [name for table in self.tables for name in table.field_names]
        return of_tables + [history.field_name for history in self.histories]

    @property
    def times(self) -> list[str]:
        """Columns of times that rows must have."""
        specs = [history.spec for history in self.histories]
        return list(dict.fromkeys(spec.time for spec in specs if isinstance(spec, DaysSinceFirst)))

    @property
    def shared_keys(self) -> list[str]:
        """Keys with a table or a history: what belongs to each of their values is stored once."""
        owners = [table.related.on for table in self.tables]
        owners += [each.spec.by for each in self.histories if isinstance(each, LearnedHistory)]
        return [name for name in self.keys if name in owners]

    def check_names(self, columns: Sequence[str]) -> None:
        """Raise UserError where two fields, these among those of `columns`, have one name."""
        names = [*columns, *self.field_names]
        repeated = [name for i, name in enumerate(names) if name in names[:i]]
        if repeated:
            raise UserError(
                f"FeatureEncoder: fields must have different names. Got {repeated[0]!r} twice. "
                "Leave one of the columns, relations or histories out, or rename it."
            )

    def learn(self, table: RawTable) -> None:
        """Take in rows of training.

        Raises
        ------
        DataError
            For a key without a row in its table, naming key and row.
        """
        codes = {
            name: key.learn(table.columns[name], Place(name, table.first_row))
            for name, key in self.keys.items()
        }
        for each in self.tables:
            each.check(codes[each.related.on], table)
        for history in self.histories:
            if isinstance(history, LearnedHistory):
                history.learn(codes[history.spec.by], codes[history.spec.of])
            else:
                history.learn(codes[history.spec.by], table)

    def codes(
        self, table: RawTable, lending: Lend | None, numbers: Mapping[str, int]
    ) -> dict[str, Int32Array]:
        """Return the codes of the keys that are owners of something.

        Parameters
        ----------
        table : RawTable
        lending : callable, optional
            Given the number of a field, says which of its cells are lent.
        numbers : mapping of str to int
            Number of the field of each key.
        """
        owners = dict.fromkeys([*self.shared_keys, *(each.spec.by for each in self.histories)])
        return {
            name: self.keys[name].codes(
                table.columns[name],
                Place(name, table.first_row),
                None if lending is None else lending(field=numbers[name]),
            )
            for name in owners
        }

    def settle(self) -> list[int]:
        """Fix columns for all that was learned; return how many each field has."""
        of_tables = [size for table in self.tables for size in table.sizes]
        return of_tables + [history.settle() for history in self.histories]

    def labels(self) -> list[list[str]]:
        """Names of each field's columns."""
        of_tables = [
            column.feature.labels(name)
            for table in self.tables
            for name, column in zip(table.field_names, table.columns, strict=True)
        ]
        return of_tables + [history.labels() for history in self.histories]

    def saved(self) -> tuple[SavedJoins, dict[str, Any]]:
        """Return what is saved: JSON, and arrays by name."""
        arrays: dict[str, Any] = {}
        keys, tables = list[SavedKey](), list[SavedTable]()
        for i, key in enumerate(self.keys.values()):
            values, own = key.state()
            keys.append(SavedKey(key.name, values))
            arrays |= {f"key.{i}.{name}": array for name, array in own.items()}
        for i, table in enumerate(self.tables):
            saved, own = table.saved(f"table.{i}.")
            tables.append(saved)
            arrays |= own
        for i, history in enumerate(self.histories):
            arrays |= {f"history.{i}.{name}": array for name, array in history.arrays().items()}
        return SavedJoins(keys, tables, [history.spec for history in self.histories]), arrays

    @classmethod
    def restored(cls, saved: SavedJoins, arrays: Arrays) -> Self:
        """Undo `saved`; raises KeyError, TypeError or ValueError at what it never returned."""
        keys = {
            key.name: KeyColumn.restored(key.name, key.learned, _of(arrays, f"key.{i}."))
            for i, key in enumerate(saved.keys)
        }
        tables = [
            RelatedTable.restored(table, keys[table.on], _of(arrays, f"table.{i}."))
            for i, table in enumerate(saved.tables)
        ]
        joins = cls(keys, tables, [])
        for i, spec in enumerate(saved.histories):
            own = _of(arrays, f"history.{i}.")
            if isinstance(spec, History):
                joins.histories.append(LearnedHistory.restored(spec, keys[spec.by], keys[spec.of], own))
            else:
                joins.histories.append(LearnedDays.restored(spec, keys[spec.by], own))
        asked = _key_names([table.related for table in tables], saved.histories)
        if list(keys) != asked or len(saved.keys) != len(asked):
            raise UserError(f"the saved keys must be {asked}. Got {[key.name for key in saved.keys]}.")
        return joins


def inputs_of(relations: Sequence[Related], histories: Sequence[Joined]) -> list[str]:
    """Return the raw columns of rows that relations and histories need."""
    times = [spec.time for spec in histories if isinstance(spec, DaysSinceFirst)]
    return list(dict.fromkeys([*_key_names(relations, histories), *times]))


def _key_names(relations: Sequence[Related], histories: Sequence[Joined]) -> list[str]:
    names = [related.on for related in relations]
    for spec in histories:
        names += [spec.by, spec.of] if isinstance(spec, History) else [spec.by]
    return list(dict.fromkeys(names))


def _learned(spec: Joined, keys: Mapping[str, KeyColumn]) -> LearnedHistory | LearnedDays:
    if isinstance(spec, History):
        return LearnedHistory(spec, keys[spec.by], keys[spec.of])
    return LearnedDays(spec, keys[spec.by])


def _of(arrays: Arrays, prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
