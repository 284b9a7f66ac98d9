"""The one form in which sparse rows travel from formats to kernels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = ["Relation", "RelationalRows", "RelationalSource", "RowBatch"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RowBatch:
    """A batch of sparse rows in CSR form, with labels and weights if there are any.

    Parameters
    ----------
    indptr : ndarray of shape (n_rows + 1,), int64
        Row i holds the non-zeros ``indptr[i]`` to ``indptr[i + 1] - 1``.
    indices : ndarray of shape (n_nonzeros,), int32
        Columns, counted from 0; an index may repeat within a row, its values then add up.
    values : ndarray of shape (n_nonzeros,), float32, optional
        None when every value is one.
    n_features : int
        Width of the matrix as far as it is known: more than every index.
    labels : ndarray of shape (n_rows,), float32, optional
    weights : ndarray of shape (n_rows,), float32, optional
        Sample weights.
    fields : ndarray of shape (n_nonzeros,), int32, optional
        Field of each non-zero, for field-aware models.
    groups : ndarray of shape (n_rows,), int64, optional
        The query that each row belongs to, for ranking.
    """

    indptr: Int64Array
    indices: Int32Array
    values: Float32Array | None
    n_features: int
    labels: Float32Array | None = None
    weights: Float32Array | None = None
    fields: Int32Array | None = None
    groups: Int64Array | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    def __len__(self) -> int:
        return self.n_rows

    def part(self, start: int, stop: int) -> RowBatch:
        """Return rows start to stop - 1, as views."""
        first, last = int(self.indptr[start]), int(self.indptr[stop])
        return RowBatch(
            self.indptr[start : stop + 1] - first,
            self.indices[first:last],
            None if self.values is None else self.values[first:last],
            self.n_features,
            None if self.labels is None else self.labels[start:stop],
            None if self.weights is None else self.weights[start:stop],
            None if self.fields is None else self.fields[first:last],
            None if self.groups is None else self.groups[start:stop],
        )

    def labelled(self, labels: Float32Array | None, weights: Float32Array | None = None) -> RowBatch:
        """Return the same rows with other labels and weights."""
        return replace(self, labels=labels, weights=weights)


@dataclass(frozen=True, slots=True)
class Relation:
    """Parts of rows that many rows share, stored once: a user's attributes, an item's history.

    Parameters
    ----------
    index : ndarray of shape (n_rows,), int32
        Which of the shared parts each row has; -1 for none.
    rows : RowBatch
        The shared parts, in columns of the joined matrix that nothing else of a row uses.
    """

    index: Int32Array
    rows: RowBatch


@dataclass(frozen=True, slots=True)
class RelationalRows:
    """Rows that are joined from parts of their own and shared parts, without the join being made.

    Parameters
    ----------
    main : RowBatch
        What each row has for itself, with labels and weights.
    relations : tuple of Relation

    References
    ----------
    Rendle, "Scaling Factorization Machines to Relational Data", VLDB 2013.
    """

    main: RowBatch
    relations: tuple[Relation, ...]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.main.n_rows

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the joined matrix."""
        return self.n_rows, self.n_features

    @property
    def n_features(self) -> int:
        """Width of the joined matrix."""
        return max(self.main.n_features, *(relation.rows.n_features for relation in self.relations), 0)

    @property
    def labels(self) -> Float32Array | None:
        """Labels of shape (n_rows,)."""
        return self.main.labels

    @property
    def weights(self) -> Float32Array | None:
        """Sample weights of shape (n_rows,)."""
        return self.main.weights

    def labelled(self, labels: Float32Array | None, weights: Float32Array | None = None) -> RelationalRows:
        """Return the same rows with other labels and weights."""
        return replace(self, main=self.main.labelled(labels, weights))

    def part(self, start: int, stop: int) -> RelationalRows:
        """Return rows start to stop - 1; shared parts stay as they are."""
        relations = tuple(Relation(r.index[start:stop], r.rows) for r in self.relations)
        return RelationalRows(self.main.part(start, stop), relations)

    @classmethod
    def stacked(cls, batches: Sequence[RelationalRows]) -> RelationalRows:
        """Put batches one after the other whose shared parts are the same objects.

        Raises
        ------
        ValueError
            If they are not.
        """
        if len(batches) == 1:
            return batches[0]
        first = batches[0]
        shared = [[id(relation.rows) for relation in batch.relations] for batch in batches]
        if any(each != shared[0] for each in shared):
            raise ValueError("RelationalRows.stacked: all batches must have the same shared parts.")
        relations = tuple(
            Relation(np.concatenate([batch.relations[i].index for batch in batches]), relation.rows)
            for i, relation in enumerate(first.relations)
        )
        return cls(_stacked([batch.main for batch in batches]), relations)

    def take(self, order: Int64Array) -> RelationalRows:
        """Return some rows, in any order; shared parts stay as they are."""
        main, lengths = self.main, np.diff(self.main.indptr)[order]
        indptr = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        source = np.repeat(main.indptr[order] - indptr[:-1], lengths) + np.arange(indptr[-1])

        def taken(array: Any, where: Int64Array) -> Any:
            return None if array is None else array[where]

        rows = RowBatch(
            indptr, main.indices[source], taken(main.values, source), main.n_features, taken(main.labels, order),
            taken(main.weights, order), taken(main.fields, source), taken(main.groups, order),
        )  # fmt: skip
        return RelationalRows(rows, tuple(Relation(r.index[order], r.rows) for r in self.relations))

    def join(self) -> RowBatch:
        """Return the rows with everything that they hold, each shared part as often as there are rows with it."""
        parts = [(self.main, np.arange(self.n_rows))]
        parts += [(relation.rows, relation.index.astype(np.int64)) for relation in self.relations]
        lengths = [np.where(index >= 0, np.diff(rows.indptr)[index], 0) for rows, index in parts]
        indptr = np.concatenate(([0], np.cumsum(np.sum(lengths, axis=0)))).astype(np.int64)
        indices = np.empty(int(indptr[-1]), np.int32)
        values = np.ones(len(indices), np.float32)
        with_fields = self.main.fields is not None and all(r.rows.fields is not None for r in self.relations)
        fields = np.empty(len(indices), np.int32) if with_fields else None
        begins = indptr[:-1].copy()
        for (rows, index), length in zip(parts, lengths, strict=True):
            within = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
            to = np.repeat(begins, length) + within
            source = np.repeat(rows.indptr[np.maximum(index, 0)], length) + within
            indices[to] = rows.indices[source]
            if rows.values is not None:
                values[to] = rows.values[source]
            if fields is not None and rows.fields is not None:
                fields[to] = rows.fields[source]
            begins += length
        valued = any(rows.values is not None for rows, _ in parts)
        return RowBatch(
            indptr, indices, values if valued else None, self.n_features, self.labels, self.weights, fields,
            self.main.groups,
        )  # fmt: skip


@runtime_checkable
class RelationalSource(Protocol):
    """A source of rows that can leave apart what rows share."""

    def __call__(self) -> Iterator[RowBatch]:
        """Open a fresh pass over rows that hold everything."""
        ...

    def relational(self) -> Iterator[RelationalRows]:
        """Open a fresh pass over the same rows, shared parts apart and the same objects in all batches."""
        ...


def _stacked(batches: Sequence[RowBatch]) -> RowBatch:
    starts = np.cumsum([0, *(len(batch.indices) for batch in batches)])
    offsets = [batch.indptr[1:] + start for batch, start in zip(batches, starts, strict=False)]

    def of_all(name: str) -> Any:
        arrays = [getattr(batch, name) for batch in batches]
        return None if any(array is None for array in arrays) else np.concatenate(arrays)

    values = None
    if any(batch.values is not None for batch in batches):
        filled = (np.ones(len(b.indices), np.float32) if b.values is None else b.values for b in batches)
        values = np.concatenate(list(filled))
    return RowBatch(
        np.concatenate((np.zeros(1, np.int64), *offsets)), of_all("indices"), values,
        max(batch.n_features for batch in batches), of_all("labels"), of_all("weights"), of_all("fields"),
        of_all("groups"),
    )  # fmt: skip
