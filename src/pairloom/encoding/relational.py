"""RelationalEncoder: rows of keys joined with what is known of each key, stored once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pairloom.encoding.encoder import FeatureEncoder
from pairloom.encoding.specs import Id, Spec
from pairloom.errors import DataError, UserError
from pairloom.rows import Relation, RelationalRows, RowBatch

__all__ = ["Related", "RelationalEncoder"]

Int32Array = npt.NDArray[np.int32]
Float64Array = npt.NDArray[np.float64]
UNSEEN = 1
"""Place of ids that were never seen, among an id's columns."""
DAY_S = 86_400.0
SINCE_DAYS = (0.01, 0.1, 1, 3, 7, 14, 30, 60, 90, 180, 365)


@dataclass(frozen=True, slots=True)
class Related:
    """What belongs to every value of a key column, such as to every user.

    Parameters
    ----------
    table : data frame or mapping of names to columns, optional
        A row for every key, with a column of the key's name.
    columns : sequence of str, or mapping of str to spec, optional
        Columns of the table to encode, as of `FeatureEncoder`; all but the key where it is left open.
    history : str, optional
        Another column of the rows: every key is given the set of that column's values in the rows of `fit`, each with
        one over the root of the set's size (Koren's SVD++).
    """

    table: Any = None
    columns: Sequence[str] | Mapping[str, Spec] | None = None
    history: str | None = None


class RelationalEncoder:
    """Turn rows of keys into `RelationalRows`: ids, attributes from tables, histories and times.

    What is known of a user or an item is encoded once, however many rows it has; "mcmc" and "als" then visit it once a
    sweep. Other solvers, and `transform`, join it.

    Parameters
    ----------
    relations : mapping of str to Related
        By key column. A key has its id as a feature, and what its `Related` says.
    time : str, optional
        Column of seconds. Rows get its bin, and for every key the days since its first row of `fit`, in bins too.
    time_bins : int
        Bins of about equal numbers of rows.

    Examples
    --------
    >>> users = {"user": [7, 42], "age": ["young", "old"]}
    >>> encoder = RelationalEncoder({"user": Related(users, history="item"), "item": Related()})
    >>> rows = encoder.fit_join({"user": [42, 7, 42], "item": ["a", "a", "b"]})
    >>> [relation.rows.n_rows for relation in rows.relations]  # missing and unseen keys have a row of their own
    [4, 4]

    References
    ----------
    Rendle, "Scaling Factorization Machines to Relational Data", VLDB 2013; Koren, "Factorization meets the
    neighborhood", KDD 2008.
    """

    def __init__(
        self, relations: Mapping[str, Related], *, time: str | None = None, time_bins: int = 32
    ) -> None:
        if not relations:
            raise UserError("RelationalEncoder: 'relations' must name at least one key column. Got none.")
        if time_bins < 1:
            raise UserError(f"RelationalEncoder: 'time_bins' must be 1 or more. Got {time_bins}.")
        self.relations, self.time, self.time_bins = dict(relations), time, time_bins
        self._ids: dict[str, FeatureEncoder] = {}
        self._listed: dict[str, npt.NDArray[np.bool_]] = {}
        self._width = self._n_fields = 0
        self._parts: dict[str, RowBatch] = {}
        self._time_columns: list[int] = []
        self._edges = np.zeros(0)
        self._firsts: dict[str, Float64Array] = {}

    def fit(self, X: Any) -> Self:
        """Learn ids, tables, histories and times.

        Parameters
        ----------
        X : data frame or mapping of names to columns

        Raises
        ------
        DataError
            For a key without a row in its table, naming key and row, or with two rows there.
        """
        self._ids = {}
        for key in {*self.relations, *(r.history for r in self.relations.values() if r.history is not None)}:
            encoder = FeatureEncoder({key: Id()}, unseen_samples=0, missing_share=0)
            related = self.relations.get(key)
            if related is not None and related.table is not None:
                encoder.partial_fit(related.table)
            self._ids[key] = encoder.partial_fit(X)
        codes = {key: self._codes(X, key) for key in self._ids}
        self._width, self._n_fields = 0, 0
        self._fit_times(X, codes)
        self._parts = {key: self._part(key, related, X, codes) for key, related in self.relations.items()}
        for key, part in self._parts.items():
            self._parts[key] = RowBatch(
                part.indptr, part.indices, part.values, self._width, fields=part.fields
            )
        return self

    def join(self, X: Any, *, labels: Any = None) -> RelationalRows:
        """Return the rows, joined with what `fit` learned of their keys.

        Parameters
        ----------
        X : as for `fit`
        labels : array-like of shape (n_rows,), optional
        """
        if not self._ids:
            raise UserError("RelationalEncoder: 'join' must come after 'fit'. Call fit first.")
        codes = {key: self._codes(X, key) for key in self.relations}
        for key, related in self.relations.items():
            self._check_table(X, key, related, codes[key])
        main = self._times(X, codes, len(next(iter(codes.values()))))
        y = None if labels is None else np.asarray(labels, np.float32)
        relations = (Relation(codes[key], part) for key, part in self._parts.items())
        return RelationalRows(main.labelled(y), tuple(relations))

    def fit_join(self, X: Any, *, labels: Any = None) -> RelationalRows:
        """Learn from rows and return them joined."""
        return self.fit(X).join(X, labels=labels)

    @property
    def n_features_out_(self) -> int:
        """Width of the joined rows."""
        return self._width

    def _codes(self, X: Any, key: str) -> Int32Array:
        """Return each row's place among the key's columns: 0 where it is missing, 1 where it was never seen."""
        return np.concatenate([batch.indices for batch in self._ids[key].encode(X)]).astype(np.int32)

    def _part(self, key: str, related: Related, X: Any, codes: Mapping[str, Int32Array]) -> RowBatch:
        """Return a row for every code of a key: its id, its attributes, its history."""
        n = self._ids[key].n_features_out_
        groups: list[npt.NDArray[Any]] = [np.arange(n)]
        columns: list[npt.NDArray[Any]] = [self._take(n) + np.arange(n)]
        values: list[npt.NDArray[Any]] = [np.ones(n)]
        fields: list[npt.NDArray[Any]] = [self._field(n)]
        if related.table is not None:
            of_rows = self._codes(related.table, key)
            repeated = np.flatnonzero(np.bincount(of_rows, minlength=n) > 1)
            if len(repeated):
                row = int(np.flatnonzero(of_rows == repeated[0])[1])
                raise self._error(related.table, key, row, f"one row for every '{key}' in its table")
            listed = np.zeros(n, np.bool_)
            listed[of_rows] = True
            self._listed[key] = listed
            self._check_table(X, key, related, codes[key])
            names = related.columns
            if names is None:
                names = [str(name) for name in _names(related.table) if str(name) != key]
            encoder = FeatureEncoder(names, unseen_samples=0, missing_share=0).fit(related.table)
            first = self._take(encoder.n_features_out_)
            base = self._field(1)[0] + 1
            self._n_fields += len(encoder.field_names_)
            at = 0
            for batch in encoder.encode(related.table, with_fields=True):
                of_values = np.repeat(np.arange(batch.n_rows), np.diff(batch.indptr)) + at
                groups.append(of_rows[of_values])
                columns.append(batch.indices + first)
                values.append(np.ones(len(batch.indices)) if batch.values is None else batch.values)
                fields.append(
                    base + (np.zeros(len(batch.indices), np.int32) if batch.fields is None else batch.fields)
                )
                at += batch.n_rows
        if related.history is not None:
            pairs = np.unique(np.stack([codes[key], codes[related.history]], axis=1), axis=0)
            pairs = pairs[(pairs > UNSEEN).all(axis=1)]
            sizes = np.bincount(pairs[:, 0], minlength=n)
            groups.append(pairs[:, 0])
            columns.append(pairs[:, 1] + self._take(self._ids[related.history].n_features_out_))
            values.append(1 / np.sqrt(sizes[pairs[:, 0]]))
            fields.append(self._field(len(pairs)))
        group, column = np.concatenate(groups), np.concatenate(columns).astype(np.int32)
        order = np.lexsort((column, group))
        indptr = np.concatenate(([0], np.cumsum(np.bincount(group, minlength=n)))).astype(np.int64)
        value = np.concatenate(values)[order].astype(np.float32)
        field = np.concatenate(fields)[order].astype(np.int32)
        return RowBatch(indptr, column[order], value, self._width, fields=field)

    def _take(self, n_columns: int) -> int:
        """Return the first of so many new columns."""
        first, self._width = self._width, self._width + n_columns
        return first

    def _field(self, n: int) -> Int32Array:
        """Return a new field, n times."""
        self._n_fields += 1
        return np.full(n, self._n_fields - 1, np.int32)

    def _check_table(self, X: Any, key: str, related: Related, codes: Int32Array) -> None:
        if related.table is None:
            return
        without = ~self._listed[key][codes]
        if without.any():
            raise self._error(X, key, int(np.argmax(without)), f"a '{key}' that its table has a row for")

    def _error(self, X: Any, key: str, row: int, expected: str) -> DataError:
        got = np.asarray(X[key]).tolist()[row]
        return DataError(expected, got=repr(got), row=row + 1, field=key, action="Mend the table")

    def _fit_times(self, X: Any, codes: Mapping[str, Int32Array]) -> None:
        self._time_columns = []
        if self.time is None:
            return
        times = _seconds(X, self.time)
        shares = np.arange(1, self.time_bins) / self.time_bins
        self._edges = np.unique(np.quantile(times, shares)) if len(shares) else np.zeros(0)
        self._time_columns.append(self._take(len(self._edges) + 1))
        for key in self.relations:
            firsts = np.full(self._ids[key].n_features_out_, np.inf)
            np.minimum.at(firsts, codes[key], times)
            firsts[: UNSEEN + 1] = np.inf
            self._firsts[key] = firsts
            self._time_columns.append(self._take(len(SINCE_DAYS) + 1))

    def _times(self, X: Any, codes: Mapping[str, Int32Array], n_rows: int) -> RowBatch:
        """Return the bins of every row's time, and of the days since each key's first; a new key's is today."""
        if self.time is None:
            return RowBatch(np.zeros(n_rows + 1, np.int64), np.zeros(0, np.int32), None, self._width)
        times = _seconds(X, self.time)
        bins = [np.searchsorted(self._edges, times, side="right")]
        for key in self.relations:
            first = self._firsts[key][codes[key]]
            since = np.where(np.isfinite(first), times - np.where(np.isfinite(first), first, 0), 0) / DAY_S
            bins.append(np.searchsorted(SINCE_DAYS, since, side="right"))
        columns = np.stack(bins, axis=1) + np.array(self._time_columns)
        indptr = np.arange(0, columns.size + 1, columns.shape[1], dtype=np.int64)
        return RowBatch(indptr, columns.ravel().astype(np.int32), None, self._width)


def _names(table: Any) -> list[str]:
    return list(table) if isinstance(table, Mapping) else list(table.columns)


def _seconds(X: Any, name: str) -> Float64Array:
    times = np.asarray(X[name], np.float64)
    if not np.isfinite(times).all():
        row = int(np.argmin(np.isfinite(times)))
        raise DataError("a finite number of seconds", got=str(times[row]), row=row + 1, field=name)
    return times
