"""FeatureEncoder: raw columns to sparse rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from pairloom.encoding.choice import choose_spec
from pairloom.encoding.column_views import as_numbers
from pairloom.encoding.conformance import TransformerManners, not_fitted
from pairloom.encoding.features import Int32Array
from pairloom.encoding.input_names import check_available, name_array_columns
from pairloom.encoding.inputs import Input, open_input
from pairloom.encoding.joins import Joins, inputs_of
from pairloom.encoding.kinds import READ_AS
from pairloom.encoding.layout import Layout
from pairloom.encoding.learned_columns import LearnedColumns
from pairloom.encoding.lending import Lending
from pairloom.encoding.parameters import NAMES, chosen_columns, listed_specs, parameters_of
from pairloom.encoding.place import Place
from pairloom.encoding.raw_columns import RawColumn, RawTable
from pairloom.encoding.relations import (
    DaysSinceFirst,
    History,
    Related,
    checked_histories,
    checked_relations,
)
from pairloom.encoding.saved_state import VERSION, Field, SavedEncoder, pack, unpack
from pairloom.encoding.sparse import to_csr
from pairloom.encoding.specs import Spec
from pairloom.errors import UserError
from pairloom.kernels.row_assembly import joined_batches
from pairloom.rows import RelationalRows, RowBatch

__all__ = ["FeatureEncoder"]

BATCH_ROWS = 65_536
BATCH_NONZEROS = 1 << 22
"""Of joined rows, a batch has no more than about so many: 32 MB."""


class FeatureEncoder(TransformerManners):
    """Turn raw columns (ids, categories, genres, numbers, dates, text) into sparse rows.

    Learns in one pass over the data, a stream if need be. Every raw column, a *field*, gets a column of the
    matrix for missing values, its first; ids get one for unseen ids, their second; then come those of its
    spec. Fields lie side by side in the order of `columns`. A matrix column keeps its number for ever once
    it was used: what a later `partial_fit` adds comes after all others.

    A training pass (`fit_transform`, or `encode` with ``training=True``) lends a few cells to the columns
    of unseen ids and missing values, so that these get trained (see `unseen_samples`). `transform` does
    not, so that ``fit_transform(X)`` and ``fit(X).transform(X)`` differ in those cells.

    Parameters
    ----------
    columns : sequence of str, or mapping of str to spec, optional
        Raw columns to encode. A spec (`Id`, `Multi`, `Bucket`, `Standard`, `Date`, `Text`) says how;
        without one it follows from the first rows: integers, strings, categories, booleans and whole floats
        are ids, other floats are standardised, times are dates, lists are multi-valued. Default: all
        columns.
    remainder : {"drop", "auto"} or spec
        What becomes of unlisted columns: left out, encoded as if listed without a spec, or by this spec.
    unseen_samples : float
        In a training pass, a category met n times is taken as unseen with probability a / (a + n), where a
        is this number: each category lends about that many of its rows. 0 lends none.
    missing_share : float
        In a training pass, this share of a column's values is taken as missing where none was missing in
        `fit`.
    random_state : int
        Chooses the cells that are lent. A key that is lent as unseen has neither a row in its table nor a history.
    relations : sequence of Related
        Tables with a row for every value of a key column: ``[Related(users, on="user")]``.
    histories : sequence of History and DaysSinceFirst
        What the rows of `fit` tell of a key: ``[History(of="item", by="user")]``.
    output : {"auto", "matrix", "relational"}
        What `transform` and `fit_transform` return: a sparse matrix, or `pairloom.rows.RelationalRows`, which the
        estimators take. "auto" returns RelationalRows where a relation or history makes parts that rows share.

    Attributes
    ----------
    n_features_in_ : int
        Number of raw columns of the input.
    feature_names_in_ : ndarray of shape (n_features_in_,), object
        Their names, if they had any.
    n_features_out_ : int
        Number of matrix columns.
    fields_ : ndarray of shape (n_features_out_,), int32
        Field of each matrix column: its place among `field_names_`.
    field_names_ : list of str
        Encoded raw columns, in order; then those of tables, ``user.age``; then histories, ``item of user``.
    specs_ : dict of str to spec
        How each raw column is encoded.

    Examples
    --------
    >>> encoder = FeatureEncoder(["user", "item"], unseen_samples=0, missing_share=0)
    >>> matrix = encoder.fit_transform({"user": [42, 7, 42], "item": ["a", "a", "b"]})
    >>> matrix.shape
    (3, 8)
    >>> encoder.get_feature_names_out().tolist()[:4]
    ['user=<missing>', 'user=<unseen>', 'user=42', 'user=7']

    >>> users = {"user": [7, 42], "age": ["young", "old"]}
    >>> encoder = FeatureEncoder(
    ...     ["user", "item"], relations=[Related(users, on="user")], histories=[History(of="item", by="user")]
    ... )
    >>> rows = encoder.fit_transform({"user": [42, 7, 42], "item": ["a", "a", "b"]})
    >>> [relation.rows.n_rows for relation in rows.relations]  # users: missing, unseen, 7 and 42
    [4]
    >>> encoder.field_names_
    ['user', 'item', 'user.age', 'item of user']

    References
    ----------
    Rendle, "Scaling Factorization Machines to Relational Data", VLDB 2013; Koren, "Factorization meets the
    neighborhood", KDD 2008.
    """

    def __init__(
        self,
        columns: Sequence[str] | Mapping[str, Spec] | None = None,
        *,
        remainder: Literal["drop", "auto"] | Spec = "drop",
        unseen_samples: float = 0.25,
        missing_share: float = 0.001,
        random_state: int = 0,
        relations: Sequence[Related] = (),
        histories: Sequence[History | DaysSinceFirst] = (),
        output: Literal["auto", "matrix", "relational"] = "auto",
    ) -> None:
        self.columns = columns
        self.remainder = remainder
        self.unseen_samples = unseen_samples
        self.missing_share = missing_share
        self.random_state = random_state
        self.relations = relations
        self.histories = histories
        self.output = output

    def fit(self, X: Any, y: object = None) -> Self:
        """Learn the columns anew.

        Parameters
        ----------
        X : DataFrame, 2-D array, mapping or list of mappings, Table, or iterable of Table
            pandas, polars and Arrow frames; an array of as many columns as are listed; a mapping of names
            to lists or arrays; records; or what `pairloom.formats.read_tables` yields. None, NaN and empty
            strings are missing values.
        y : object
            Ignored.

        Returns
        -------
        FeatureEncoder
            This one.

        Raises
        ------
        UserError
            For a parameter out of its range or a column that is not there.
        DataError
            For an infinite number, a date that cannot be read, no rows, or too many ids; it names row and
            column. For a key that its table has no row for, it names the key and the row, for one that has two rows
            there, both.
        """
        fresh = type(self)(**self.get_params())
        fresh.partial_fit(X)
        vars(self).pop("feature_names_in_", None)
        vars(self).update({name: value for name, value in vars(fresh).items() if name not in NAMES})
        return self

    def partial_fit(self, X: Any, y: object = None) -> Self:
        """Learn from more rows, as `fit` does.

        Until the encoder is first used, learning in parts is learning from the whole. From then on new ids
        get columns after all others, while intervals, means, deviations and years stay as they are. Histories go on;
        tables of `relations` are those of the first call.
        """
        parameters_of(self)
        source = self._open(X)
        if not self.__sklearn_is_fitted__():
            self._begin(source)
        joins = self._learned.joins if self._learned else Joins.begin(self.relations, self.histories)
        columns = self._learned.names if self._learned else list(self._chosen(source))
        joins.check_names(columns)
        names = list(dict.fromkeys([*columns, *joins.keys, *joins.times]))
        check_available(names, source.names)
        for table in source.tables(names):
            if self._learned is None:
                self._learned = LearnedColumns(columns, self._choose_specs(source, table), joins=joins)
            for batch in table.batches(BATCH_ROWS):
                self._learned.learn(batch)
        return self

    def encode(
        self,
        X: Any,
        *,
        training: bool = False,
        label: str | None = None,
        weight: str | None = None,
        with_fields: bool = False,
        batch_rows: int = BATCH_ROWS,
    ) -> Iterator[RowBatch]:
        """Turn raw columns into batches of sparse rows, streaming.

        Parameters
        ----------
        X : as for `fit`
        training : bool
            Lend cells to the columns of unseen ids and missing values.
        label, weight : str, optional
            Raw columns of labels and sample weights, which go into the batches as they are.
        with_fields : bool
            Give the field of each non-zero, for field-aware models.
        batch_rows : int
            Largest number of rows in a batch.

        Returns
        -------
        iterator of RowBatch

        Raises
        ------
        UserError
            Before `fit` (also scikit-learn's NotFittedError, where that is loaded), or for a column that is
            missing.
        DataError
            While iterating, for a value that cannot be used; it names row and column.
        """
        rows = self.encode_relational(
            X, training=training, label=label, weight=weight, with_fields=with_fields, batch_rows=batch_rows
        )
        return (joined for batch in rows for joined in joined_batches(batch, BATCH_NONZEROS))

    def encode_relational(
        self,
        X: Any,
        *,
        training: bool = False,
        label: str | None = None,
        weight: str | None = None,
        with_fields: bool = False,
        batch_rows: int = BATCH_ROWS,
        lends: bool = True,
    ) -> Iterator[RelationalRows]:
        """Turn raw columns into batches of rows, what belongs to keys apart and the same in all batches.

        Parameters
        ----------
        X, training, label, weight, with_fields, batch_rows : as of `encode`
        lends : bool
            Whether `training` lends cells; a solver that draws parameters from a prior has no need of them.

        Returns
        -------
        iterator of RelationalRows
            With a relation for each key that has a table or a history; row 0 of its shared parts is that of missing
            keys, row 1 that of keys never met.

        Raises
        ------
        UserError, DataError
            As `encode`; while iterating with `training`, also for a key that its table has no row for.
        """
        learned = self._fitted()
        values = parameters_of(self)
        if batch_rows < 1:
            raise UserError(f"FeatureEncoder: 'batch_rows' must be at least 1. Got {batch_rows}.")
        source = self._open(X)
        extra = [name for name in (label, weight) if name is not None]
        check_available(learned.inputs + extra, source.names)
        lends = lends and training and (values["unseen_samples"] > 0 or values["missing_share"] > 0)
        settings = {name: values[name] for name in ("unseen_samples", "missing_share")}
        learned.settle()

        def encoded(batch: RawTable) -> RelationalRows:
            lend = partial(Lending, **settings, seed=self.random_state, first_row=batch.first_row)
            rows = learned.encode(batch, lend if lends else None, with_fields=with_fields, training=training)
            return rows.labelled(_plain_numbers(batch, label), _plain_numbers(batch, weight))

        tables = source.tables(list(dict.fromkeys(learned.inputs + extra)))
        return (encoded(batch) for table in tables for batch in table.batches(batch_rows))

    def transform(self, X: Any) -> Any:
        """Encode for prediction.

        Parameters
        ----------
        X : as for `fit`

        Returns
        -------
        scipy.sparse.csr_matrix of shape (n_rows, n_features_out_), float32, or RelationalRows
            See `output`.
        """
        return self._transformed(X, training=False)

    def fit_transform(self, X: Any, y: object = None) -> Any:
        """Learn, then encode for training: some cells are lent to the columns of unseen and missing values.

        Returns
        -------
        scipy.sparse.csr_matrix of shape (n_rows, n_features_out_), float32, or RelationalRows
            See `output`.
        """
        if isinstance(X, Iterator):
            raise UserError(
                "FeatureEncoder: fit_transform reads its input twice. Got an iterator. Call fit with one and "
                "encode with another, or pass a list."
            )
        return self.fit(X)._transformed(X, training=True)

    def _transformed(self, X: Any, *, training: bool) -> Any:
        joins = self._fitted().joins
        if self.output == "relational" or (self.output == "auto" and joins.shared_keys):
            return RelationalRows.stacked(list(self.encode_relational(X, training=training)))
        return to_csr(self.encode(X, training=training))

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Name every matrix column: ``user=42``, ``genres=Comedy``, ``age=[18, 25)``, ``user=<unseen>``."""
        learned = self._fitted()
        return learned.settle().names(learned.labels())

    def columns_of(self, name: str) -> tuple[Int32Array, list[str]]:
        """Matrix columns of one field, and what each stands for: the part of its name after the field's.

        The first is that of missing values; of ids, the second is that of unseen ones and the rest are in
        order of first appearance. A history has one for every value of its column, and none for missing ones.
        """
        learned = self._fitted()
        check_available([name], learned.field_names)
        field = learned.field_names.index(name)
        labels = learned.labels()[field] if learned.settle() else []
        return learned.layout.columns[field], [label.removeprefix(name).lstrip("=") for label in labels]

    @property
    def n_features_out_(self) -> int:
        """Number of matrix columns."""
        return self._settled_attribute("n_features_out_").n_columns

    @property
    def fields_(self) -> Int32Array:
        """Field of each matrix column."""
        return self._settled_attribute("fields_").fields()

    @property
    def field_names_(self) -> list[str]:
        """Encoded raw columns, then those of tables and histories."""
        self._settled_attribute("field_names_")
        return list(self._fitted().field_names)

    @property
    def specs_(self) -> dict[str, Spec]:
        """How each raw column is encoded."""
        self._settled_attribute("specs_")
        learned = self._fitted()
        return dict(zip(learned.names, learned.specs, strict=True))

    def reading(self) -> dict[str, Any]:
        """Say how `pairloom.formats.read_tables` should read for this encoder: its `columns` and `kinds`."""
        if self._learned is not None:
            specs: dict[str, Spec | None] = dict(self.specs_)
            joined = self._learned.inputs
        else:
            specs = listed_specs(self.columns) or {}
            joined = inputs_of(checked_relations(self.relations), checked_histories(self.histories))
        all_columns = self.columns is None or self.remainder != "drop"
        kinds = {name: READ_AS[type(spec)] for name, spec in specs.items() if spec is not None}
        names = list(dict.fromkeys([*specs, *joined]))
        return {"columns": None if all_columns and self._learned is None else names, "kinds": kinds}

    def to_state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return all there is to save: JSON-able metadata, and arrays by name."""
        learned = self._fitted()
        layout = learned.settle()
        values = parameters_of(self)
        if not isinstance(self.columns, Mapping) and self.columns is not None:
            values["columns"] = [str(name) for name in self.columns]
        fields = [Field(name, spec, {}) for name, spec in zip(learned.names, learned.specs, strict=True)]
        joins, arrays = learned.joins.saved()
        del values["relations"], values["histories"]
        saved = SavedEncoder(
            version=VERSION,
            **values,
            input_names=self._input_names,
            named=self._named,
            fields=fields,
            joins=joins,
        )
        metadata, own = pack(saved, learned.features, layout.columns)
        return metadata, own | arrays

    @classmethod
    def from_state(cls, metadata: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Restore what `to_state` returned; it encodes identically.

        Raises
        ------
        UserError
            If metadata or arrays are not those of an encoder of a known version.
        """
        saved, features, columns, joins = unpack(metadata, arrays)
        parameters = {name: getattr(saved, name) for name in NAMES if name not in ("relations", "histories")}
        if joins.tables or joins.histories:
            parameters["relations"] = [table.related for table in joins.tables]
            parameters["histories"] = [history.spec for history in joins.histories]
        encoder = cls(**parameters)
        layout = Layout(columns)
        layout.check()
        names = [field.name for field in saved.fields]
        encoder._remember(saved.input_names, named=saved.named)
        specs = [field.spec for field in saved.fields]
        encoder._learned = LearnedColumns(names, specs, features, layout, joins)
        return encoder

    def __sklearn_is_fitted__(self) -> bool:
        return self._learned is not None

    parameter_names = NAMES
    _learned: LearnedColumns | None = None
    _input_names: list[str]
    _named: bool

    def _fitted(self) -> LearnedColumns:
        if self._learned is None:
            raise not_fitted(self)
        return self._learned

    def _settled_attribute(self, name: str) -> Layout:
        if self._learned is None:
            raise AttributeError(f"{type(self).__name__} has no {name!r} before fit")
        return self._learned.settle()

    def _open(self, X: Any) -> Input:
        return open_input(X, self._array_names)

    def _array_names(self, width: int) -> list[str]:
        listed = listed_specs(self.columns)
        return name_array_columns(
            width, self._input_names if self._learned else None, None if listed is None else list(listed)
        )

    def _begin(self, source: Input) -> None:
        self._remember(source.names, named=source.named)

    def _remember(self, names: list[str], *, named: bool) -> None:
        self._input_names, self._named = list(names), named
        self.n_features_in_ = len(names)
        if named:
            self.feature_names_in_ = np.array(names, object)

    def _chosen(self, source: Input) -> dict[str, Spec | None]:
        return chosen_columns(self.columns, self.remainder, source.names)

    def _choose_specs(self, source: Input, table: RawTable) -> list[Spec]:
        return [
            choose_spec(table.columns[name]) if spec is None else spec
            for name, spec in self._chosen(source).items()
        ]


def _plain_numbers(table: RawTable, name: str | None) -> npt.NDArray[np.float32] | None:
    if name is None:
        return None
    column: RawColumn = table.columns[name]
    place = Place(name, table.first_row)
    numbers = as_numbers(column, place)
    bad = np.isnan(numbers) | (np.abs(numbers) > np.finfo(np.float32).max)
    if bad.any():
        row = int(np.argmax(bad))
        raise place.error(
            row, "a finite float32 number", str(numbers[row]), "Remove the row or give it a number"
        )
    return numbers.astype(np.float32)
