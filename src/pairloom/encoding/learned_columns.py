"""All raw columns together: what was learned of each, and where it lies in the matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Lock

import numpy as np

from pairloom.encoding.features import Feature, Int32Array
from pairloom.encoding.histories import LearnedDays, LearnedHistory
from pairloom.encoding.id_features import IdFeature
from pairloom.encoding.joins import Joins
from pairloom.encoding.key_column import MISSING_CODE, N_CODES_OF_NONE, UNKNOWN_CODE, KeyColumn
from pairloom.encoding.kinds import feature_of
from pairloom.encoding.layout import Layout
from pairloom.encoding.lending import Lending
from pairloom.encoding.place import Place
from pairloom.encoding.ragged import Ragged
from pairloom.encoding.raw_columns import RawTable
from pairloom.encoding.specs import Id, Spec
from pairloom.kernels.row_assembly import RowPart, assemble_rows
from pairloom.rows import Relation, RelationalRows, RowBatch

__all__ = ["LearnedColumns"]

SETTLING = Lock()
Lend = Callable[..., Lending]


class LearnedColumns:
    """Raw columns in order, then what they are joined with; each is a field.

    Parameters
    ----------
    names : list of str
    specs : list of Spec
    features : list of Feature, optional
        Default: new ones.
    layout : Layout, optional
        Default: an empty one.
    joins : Joins, optional
        Default: none.
    """

    def __init__(
        self,
        names: Sequence[str],
        specs: Sequence[Spec],
        features: Sequence[Feature] | None = None,
        layout: Layout | None = None,
        joins: Joins | None = None,
    ) -> None:
        self.names, self.specs = list(names), list(specs)
        self.features = [feature_of(spec) for spec in specs] if features is None else list(features)
        self.joins = joins or Joins({}, [], [])
        self.joins.check_names(self.names)
        self.field_names = [*self.names, *self.joins.field_names]
        self.inputs = list(dict.fromkeys([*self.names, *self.joins.keys, *self.joins.times]))
        self.layout = layout or Layout([np.zeros(0, np.int32) for _ in self.field_names])
        self._shared: dict[str, RowBatch] | None = None
        # An id that owns a table or a history goes with these: it is the same for all rows of the key.
        self._id_fields = {
            name: self.names.index(name)
            for name in self.joins.shared_keys
            if name in self.names and _is_learned_id(self.specs[self.names.index(name)])
        }

    def learn(self, table: RawTable) -> None:
        """Take in some rows."""
        self._shared = None
        for name, feature in zip(self.names, self.features, strict=True):
            feature.learn(table.columns[name], Place(name, table.first_row))
        self.joins.learn(table)

    def settle(self) -> Layout:
        """Give matrix columns to all that was learned since the last time; several threads may ask at once."""
        with SETTLING:
            if self._shared is None:
                sizes = [feature.settle() for feature in self.features] + self.joins.settle()
                for field, size in enumerate(sizes):
                    self.layout.grow(field, size)
                self._shared = {name: self._shared_rows(name) for name in self.joins.shared_keys}
        return self.layout

    def labels(self) -> list[list[str]]:
        """Names of each field's columns."""
        own = [feature.labels(name) for name, feature in zip(self.names, self.features, strict=True)]
        return own + self.joins.labels()

    def encode(
        self, table: RawTable, lending: Lend | None, *, with_fields: bool, training: bool = False
    ) -> RelationalRows:
        """Turn settled rows into sparse ones; what belongs to a key is shared.

        Parameters
        ----------
        table : RawTable
        lending : callable, optional
            Given the number of a field, says which of its cells are lent.
        with_fields : bool
            Whether the rows' own parts name the fields of their non-zeros; shared parts always do.
        training : bool
            Whether keys without a row in their table are refused, where they are to be.
        """
        codes = self.joins.codes(table, lending, self._key_fields())
        if training:
            for each in self.joins.tables:
                on = each.related.on
                each.check(each.key.codes(table.columns[on], Place(on, table.first_row)), table)
        parts, fields = list[RowPart](), list[int]()
        for field, (name, feature) in enumerate(zip(self.names, self.features, strict=True)):
            if name not in self._id_fields:
                columns, place = self.layout.columns[field], Place(name, table.first_row)
                lend = None if lending is None else lending(field=field)
                parts.append(feature.encode(table.columns[name], place, columns, lend))
                fields.append(field)
        first = len(self.field_names) - len(self.joins.histories)
        for field, each in enumerate(self.joins.histories, first):
            if isinstance(each, LearnedDays):
                parts.append(each.encode(codes[each.spec.by], table, self.layout.columns[field]))
                fields.append(field)
        main = _assembled(parts, fields, table.n_rows, self.layout.n_columns, with_fields=with_fields)
        shared = self._shared or {}
        return RelationalRows(main, tuple(Relation(codes[name], rows) for name, rows in shared.items()))

    def _key_fields(self) -> Mapping[str, int]:
        """Return a number for each key: that of its field, if it has one, so that they lend the same rows."""
        more = iter(range(len(self.names), len(self.names) + len(self.joins.keys)))
        return {
            name: self.names.index(name) if name in self.names else next(more) for name in self.joins.keys
        }

    def _shared_rows(self, name: str) -> RowBatch:
        """Return what belongs to each code of a key: its id, its row of every table, its history."""
        key, n_codes = self.joins.keys[name], self.joins.keys[name].n_codes
        parts, fields = list[RowPart](), list[int]()
        if name in self._id_fields:
            field = self._id_fields[name]
            parts.append(RowPart(_ids_of(key, self.features[field], self.layout.columns[field])))
            fields.append(field)
        field = len(self.names)
        for table in self.joins.tables:
            numbers = table.row_numbers() if table.related.on == name else None
            for column in table.columns:
                if numbers is not None:
                    parts.append(column.rows.take(numbers, self.layout.columns[field]))
                    fields.append(field)
                field += 1
        for history in self.joins.histories:
            if isinstance(history, LearnedHistory) and history.spec.by == name:
                parts.append(_placed(history.of_codes(), self.layout.columns[field]))
                fields.append(field)
            field += 1
        return _assembled(parts, fields, n_codes, self.layout.n_columns, with_fields=True)


def _is_learned_id(spec: Spec) -> bool:
    return isinstance(spec, Id) and spec.hash_dim is None


def _ids_of(key: KeyColumn, feature: Feature, columns: Int32Array) -> Int32Array:
    """Return the matrix column of every code's id."""
    assert isinstance(feature, IdFeature)
    encoded = np.empty(key.n_codes, np.int32)
    encoded[MISSING_CODE], encoded[UNKNOWN_CODE] = columns[0], columns[1]
    encoded[N_CODES_OF_NONE:] = columns[feature.places_of(key.vocabulary)]
    return encoded


def _placed(rows: Ragged, columns: Int32Array) -> RowPart:
    return RowPart(columns[rows.columns], rows.values, rows.indptr)


def _assembled(
    parts: Sequence[RowPart], fields: Sequence[int], n_rows: int, n_columns: int, *, with_fields: bool
) -> RowBatch:
    """Put parts of some fields side by side."""
    rows = assemble_rows(parts, n_rows, n_columns, with_fields=with_fields)
    if rows.fields is None or list(fields) == list(range(len(fields))):
        return rows
    return replace(rows, fields=np.array(fields, np.int32)[rows.fields])
