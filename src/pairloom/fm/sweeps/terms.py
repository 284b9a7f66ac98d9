"""Training rows as the terms that a sweep goes over, columns in an order of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import overload

import numpy as np
import numpy.typing as npt

from pairloom.fm.sweeps.row_fields import find_fields
from pairloom.kernels.gibbs import JoinedRows, joined_rows
from pairloom.kernels.native_rows import sum_repeated, take_rows
from pairloom.rows import Relation, RelationalRows, RowBatch

__all__ = ["Terms", "prepared_rows"]

Int32Array = npt.NDArray[np.int32]
Float32Array = npt.NDArray[np.float32]
FEWEST_COLUMNS = 8
"""Fields of fewer columns are too small to learn a prior from and share one."""
SMALLEST_VALUE = 1e-9
"""Values nearer to zero count as zero: beside a value of one they are lost in float32."""
MOST_ADDED_UP = 3
"""Terms up to which a sweep adds up the other terms anew for each instead of keeping their sum."""


@dataclass(frozen=True, slots=True)
class _Field:
    columns: Int32Array
    index: Int32Array
    values: Float32Array | None


@dataclass(frozen=True, slots=True)
class _Block:
    columns: Int32Array
    index: Int32Array
    rows: RowBatch


class Terms:
    """Fields and blocks of some rows.

    Parameters
    ----------
    rows : RowBatch or RelationalRows
        From `prepared_rows`.
    n_features : int, optional
        Width, where it is known to be larger than that of the rows.

    Attributes
    ----------
    columns : ndarray of shape (n_seen,), int32
        Columns that the rows hold, in the order of the sweep.
    prior_starts : ndarray of shape (n_priors + 1,), int64
        Where in `columns` those begin that share a prior.
    """

    def __init__(self, rows: RowBatch | RelationalRows, *, n_features: int | None = None) -> None:
        self.n_rows, self.n_features = rows.n_rows, max(rows.n_features, n_features or 0)
        main = rows.main if isinstance(rows, RelationalRows) else rows
        found = find_fields(main)
        large, small, rest = _split(main, found.starts, found.chosen)
        self._fields = large + small
        priors = [np.full(len(field.columns), prior) for prior, field in enumerate(large)]
        shared = len(large)
        priors += [np.full(len(field.columns), shared) for field in small]
        self._blocks: list[_Block] = []
        n_priors = shared + (len(small) > 0 or rest is not None)
        if rest is not None:
            self._blocks.append(rest)
            priors.append(np.full(len(rest.columns), shared))
        for relation in rows.relations if isinstance(rows, RelationalRows) else ():
            block, of_columns = _shared_parts(relation)
            self._blocks.append(block)
            priors.append(n_priors + of_columns)
            n_priors += int(of_columns.max(initial=-1)) + 1
        terms = [*self._fields, *self._blocks]
        self.columns = np.concatenate([term.columns for term in terms]) if terms else np.zeros(0, np.int32)
        self.prior_of = np.concatenate(priors).astype(np.int32) if priors else np.zeros(0, np.int32)
        self.prior_starts = (
            np.concatenate(([0], np.flatnonzero(np.diff(self.prior_of)) + 1, [len(self.prior_of)]))
            if len(self.prior_of)
            else np.zeros(1, np.int64)
        )

    @property
    def n_priors(self) -> int:
        """Sets of columns that share a prior."""
        return len(self.prior_starts) - 1

    def native(self, n_factors: int, *, root_weights: Float32Array | None, n_threads: int) -> JoinedRows:
        """Hand the terms to the kernels."""
        n_terms = len(self._fields) + len(self._blocks)
        joined = joined_rows(
            self.n_rows, n_factors, root_weights=root_weights, n_threads=n_threads,
            stored_sums=n_terms > MOST_ADDED_UP,
        )  # fmt: skip
        first = 0
        for field in self._fields:
            joined.add_field(field.index, field.values, len(field.columns), first, int(self.prior_of[first]))
            first += len(field.columns)
        for block in self._blocks:
            starts, groups, values = _by_column(block.rows, block.columns)
            joined.add_block(
                block.index, block.rows.n_rows, starts, groups, values, first,
                self.prior_of[first : first + len(block.columns)],
            )  # fmt: skip
            first += len(block.columns)
        return joined

    def prior_of_unseen(self) -> tuple[npt.NDArray[np.int64], Int32Array]:
        """Return columns that no row holds, and each one's prior: that of the column before it."""
        seen = np.zeros(self.n_features, np.bool_)
        seen[self.columns] = True
        unseen = np.flatnonzero(~seen)
        if not len(self.columns):
            return unseen, np.zeros(len(unseen), np.int32)
        order = np.argsort(self.columns, kind="stable")
        before = np.searchsorted(self.columns[order], unseen) - 1
        return unseen, self.prior_of[order][np.maximum(before, 0)]


@overload
def prepared_rows(
    rows: RowBatch, feature_scale: Float32Array | None, *, n_features: int | None = None
) -> RowBatch: ...
@overload
def prepared_rows(
    rows: RelationalRows, feature_scale: Float32Array | None, *, n_features: int | None = None
) -> RowBatch | RelationalRows: ...
def prepared_rows(
    rows: RowBatch | RelationalRows, feature_scale: Float32Array | None, *, n_features: int | None = None
) -> RowBatch | RelationalRows:
    """Return rows with ascending indices, scaled values, and neither zeros nor rows without weight.

    Parameters
    ----------
    rows : RowBatch or RelationalRows
        Those whose parts share columns come out joined.
    feature_scale : ndarray of shape (n_features,), float32, optional
        What values are divided by.
    n_features : int, optional
        Leave out columns from this one on.
    """
    if isinstance(rows, RelationalRows):
        if rows.weights is not None and not rows.weights.all():
            rows = _take(rows, np.flatnonzero(rows.weights))
        parts = [prepared_rows(r.rows, feature_scale, n_features=n_features) for r in rows.relations]
        relations = [Relation(r.index, part) for r, part in zip(rows.relations, parts, strict=True)]
        main = prepared_rows(rows.main, feature_scale, n_features=n_features)
        prepared = RelationalRows(main, tuple(relations))
        return prepared if _are_disjoint(prepared) else prepared_rows(prepared.join(), None)
    if n_features is not None and len(rows.indices) and int(rows.indices.max()) >= n_features:
        rows = _only(rows, rows.indices < n_features)
    rows = replace(rows, n_features=n_features or rows.n_features)
    if len(rows.indices) > 1:
        rises = np.diff(rows.indices) > 0
        starts = rows.indptr[1:-1]
        rises[starts[(starts > 0) & (starts < len(rows.indices))] - 1] = True
        if not rises.all():
            rows = sum_repeated(rows)
    if rows.values is None and feature_scale is not None:
        scale = feature_scale[rows.indices]
        if (scale != 1).any():
            rows, feature_scale = replace(rows, values=1 / scale), None
    if rows.values is not None:
        values = rows.values if feature_scale is None else rows.values / feature_scale[rows.indices]
        rows = (
            replace(rows, values=None)
            if (values == 1).all()
            else _without_zeros(replace(rows, values=values))
        )
    if rows.weights is not None:
        kept = np.flatnonzero(rows.weights > 0)
        if len(kept) < rows.n_rows:
            rows = take_rows(rows, kept)
        if rows.weights is not None and (rows.weights == 1).all():
            rows = replace(rows, weights=None)
    return rows


def _are_disjoint(rows: RelationalRows) -> bool:
    used = [np.unique(part.indices) for part in (rows.main, *(relation.rows for relation in rows.relations))]
    columns = np.concatenate(used)
    return len(np.unique(columns)) == len(columns)


def _take(rows: RelationalRows, kept: npt.NDArray[np.int64]) -> RelationalRows:
    relations = tuple(Relation(r.index[kept], r.rows) for r in rows.relations)
    return RelationalRows(take_rows(rows.main, kept), relations)


def _without_zeros(rows: RowBatch) -> RowBatch:
    assert rows.values is not None
    kept = np.abs(rows.values) >= SMALLEST_VALUE
    if kept.all():
        return rows
    return _only(rows, kept)


def _only(rows: RowBatch, kept: npt.NDArray[np.bool_]) -> RowBatch:
    """Return rows with some of their non-zeros."""
    indptr = np.concatenate(([0], np.cumsum(kept)))[rows.indptr]
    values = None if rows.values is None else rows.values[kept]
    fields = None if rows.fields is None else rows.fields[kept]
    return replace(rows, indptr=indptr, indices=rows.indices[kept], values=values, fields=fields)


def _row_numbers(rows: RowBatch) -> npt.NDArray[np.int64]:
    return np.repeat(np.arange(rows.n_rows), np.diff(rows.indptr))


def _split(
    rows: RowBatch, starts: npt.NDArray[np.int64], chosen: npt.NDArray[np.int64]
) -> tuple[list[_Field], list[_Field], _Block | None]:
    """Return fields of many columns, fields of few, and what is left."""
    row_of = _row_numbers(rows)
    field_of = np.searchsorted(starts, rows.indices, side="right") - 1
    order = np.argsort(field_of, kind="stable")
    ends = np.searchsorted(field_of[order], chosen, side="right")
    begins = np.searchsorted(field_of[order], chosen, side="left")
    fields: list[_Field] = []
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        part = order[begin:end]
        columns, group = np.unique(rows.indices[part], return_inverse=True)
        index = np.full(rows.n_rows, -1, np.int32)
        index[row_of[part]] = group
        values = None if rows.values is None else _spread_values(rows.values[part], row_of[part], rows.n_rows)
        fields.append(_Field(columns, index, values))
    is_left = ~np.isin(field_of, chosen)
    large = [field for field in fields if len(field.columns) >= FEWEST_COLUMNS]
    small = [field for field in fields if len(field.columns) < FEWEST_COLUMNS]
    if not is_left.any():
        return large, small, None
    indptr = np.concatenate(([0], np.cumsum(is_left)))[rows.indptr]
    values = None if rows.values is None else rows.values[is_left]
    left = RowBatch(indptr, rows.indices[is_left], values, rows.n_features)
    columns = np.unique(left.indices)
    index = np.arange(rows.n_rows, dtype=np.int32)
    return large, small, _Block(columns, index, left)


def _shared_parts(relation: Relation) -> tuple[_Block, npt.NDArray[np.int64]]:
    """Return a relation's block, columns with the same prior side by side, and the priors, counted from 0."""
    rows = relation.rows
    if rows.fields is not None:
        columns, first = np.unique(rows.indices, return_index=True)
        _, priors = np.unique(rows.fields[first], return_inverse=True)
        order = np.argsort(priors, kind="stable")
        return _Block(columns[order], relation.index, rows), priors[order]
    columns = np.unique(rows.indices)
    found = find_fields(rows, most=rows.n_features)
    field_of = np.searchsorted(found.starts, columns, side="right") - 1
    sizes = np.bincount(field_of, minlength=len(found.starts))
    own = np.isin(field_of, found.chosen) & (sizes[field_of] >= FEWEST_COLUMNS)
    _, priors = np.unique(np.where(own, field_of, -1), return_inverse=True)
    order = np.argsort(priors, kind="stable")
    return _Block(columns[order], relation.index, rows), priors[order]


def _spread_values(values: Float32Array, row_of: npt.NDArray[np.int64], n_rows: int) -> Float32Array | None:
    if (values == 1).all():
        return None
    spread = np.zeros(n_rows, np.float32)
    spread[row_of] = values
    return spread


def _by_column(
    rows: RowBatch, columns: Int32Array
) -> tuple[npt.NDArray[np.int64], Int32Array, Float32Array | None]:
    """Return offsets, rows and values of some columns, one after the other."""
    place = np.zeros(rows.n_features, np.int64)
    place[columns] = np.arange(len(columns))
    column_of = place[rows.indices]
    order = np.argsort(column_of, kind="stable")
    starts = np.zeros(len(columns) + 1, np.int64)
    np.cumsum(np.bincount(column_of, minlength=len(columns)), out=starts[1:])
    values = None if rows.values is None else np.ascontiguousarray(rows.values[order])
    return starts, _row_numbers(rows)[order].astype(np.int32), values
