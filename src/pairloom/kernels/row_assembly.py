"""Putting the non-zeros of several raw columns, or of rows and what they share, side by side into CSR rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.kernels import _native
from pairloom.kernels.arrays import check_vector
from pairloom.rows import RelationalRows, RowBatch

__all__ = ["RowPart", "assemble_rows", "join_rows", "joined_batches", "joined_lengths"]


@dataclass(frozen=True, slots=True)
class RowPart:
    """What one raw column adds to each row.

    Parameters
    ----------
    columns : ndarray of shape (n_nonzeros,), int32
    values : ndarray of shape (n_nonzeros,), float32, optional
        None when all are one.
    indptr : ndarray of shape (n_rows + 1,), int64, optional
        Row i has the non-zeros ``indptr[i]`` to ``indptr[i + 1] - 1``; None for an equal number in each row.
    """

    columns: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32] | None = None
    indptr: npt.NDArray[np.int64] | None = None


def assemble_rows(
    parts: Sequence[RowPart], n_rows: int, n_features: int, *, with_fields: bool = False
) -> RowBatch:
    """Join parts to rows; part k is field k. Values are left out where every part leaves them out."""
    widths = [_width(k, part, n_rows) for k, part in enumerate(parts)]
    lengths = np.full(n_rows, sum(width for width in widths if width is not None), np.int64)
    for part in parts:
        if part.indptr is not None:
            lengths += np.diff(part.indptr)
    indptr = np.zeros(n_rows + 1, np.int64)
    np.cumsum(lengths, out=indptr[1:])
    n_nonzeros = int(indptr[-1])
    columns = np.empty(n_nonzeros, np.int32)
    values = None if all(part.values is None for part in parts) else np.empty(n_nonzeros, np.float32)
    fields = np.empty(n_nonzeros, np.int32) if with_fields else None
    cursors = indptr[:-1].copy()
    for k, (part, width) in enumerate(zip(parts, widths, strict=True)):
        _native.append_to_rows(
            part.indptr, width or 0, part.columns, part.values, k, cursors, columns, values, fields
        )
    return RowBatch(indptr, columns, values, n_features, fields=fields)


def join_rows(rows: RelationalRows) -> RowBatch:
    """Return rows with all that they hold, as `RelationalRows.join` does; time grows with what they hold alone.

    Raises
    ------
    DataError
        For an index that no shared part has, naming the row.
    UserError
        For arrays of another dtype or shape than `RowBatch` asks for.
    """
    main, parts = rows.main, [relation.rows for relation in rows.relations]
    own = _Shared(main, np.arange(rows.n_rows, dtype=np.int32), rows.n_rows)
    shared = [own, *(_Shared(relation.rows, relation.index, rows.n_rows) for relation in rows.relations)]
    indptr = np.zeros(rows.n_rows + 1, np.int64)
    np.cumsum(np.sum([each.lengths() for each in shared], axis=0), out=indptr[1:])
    n_nonzeros = int(indptr[-1])
    columns = np.empty(n_nonzeros, np.int32)
    valued = any(part.values is not None for part in (main, *parts))
    values = np.empty(n_nonzeros, np.float32) if valued else None
    with_fields = all(part.fields is not None for part in (main, *parts))
    fields = np.empty(n_nonzeros, np.int32) if with_fields else None
    cursors = indptr[:-1].copy()
    for each in shared:
        part = each.rows
        _native.append_shared_rows(
            part.indptr, part.indices, part.values, part.fields if with_fields else None, each.index, cursors, columns,
            values, fields,
        )  # fmt: skip
    return RowBatch(indptr, columns, values, rows.n_features, main.labels, main.weights, fields, main.groups)


def joined_batches(rows: RelationalRows, n_nonzeros: int) -> Iterator[RowBatch]:
    """Join as many rows at a time as have about so many non-zeros together, one row at least."""
    if not rows.relations:
        yield rows.main
        return
    ends = np.cumsum(joined_lengths(rows)).tolist()
    start, before = 0, 0
    while start < rows.n_rows:
        stop = max(start + 1, bisect_right(ends, before + n_nonzeros))
        yield join_rows(rows if (start, stop) == (0, rows.n_rows) else rows.part(start, stop))
        start, before = stop, ends[stop - 1]


def joined_lengths(rows: RelationalRows) -> npt.NDArray[np.int64]:
    """Return how many non-zeros each row has once it is joined, of shape (n_rows,)."""
    lengths = np.diff(rows.main.indptr)
    for relation in rows.relations:
        lengths = lengths + _Shared(relation.rows, relation.index, rows.n_rows).lengths()
    return lengths


@dataclass(frozen=True, slots=True)
class _Shared:
    """Shared parts and which of them each row has, checked as far as the rows reach."""

    rows: RowBatch
    index: npt.NDArray[np.int32]
    n_rows: int

    def __post_init__(self) -> None:
        part, n_parts = self.rows, self.rows.n_rows
        check_vector("relation", "index", self.index, np.int32, self.n_rows)
        check_vector("shared rows", "indptr", part.indptr, np.int64)
        check_vector("shared rows", "indices", part.indices, np.int32)
        if part.values is not None:
            check_vector("shared rows", "values", part.values, np.float32, len(part.indices))
        if part.fields is not None:
            check_vector("shared rows", "fields", part.fields, np.int32, len(part.indices))
        wrong = (self.index < -1) | (self.index >= n_parts)
        if wrong.any():
            row = int(np.argmax(wrong))
            expected = f"an index of the {n_parts} shared parts, or -1"
            raise DataError(expected, got=str(self.index[row]), row=row + 1, field="relation")

    def lengths(self) -> npt.NDArray[np.int64]:
        """Return the number of non-zeros that each row has of these."""
        if not len(self.rows.indices) or not self.rows.n_rows:
            return np.zeros(self.n_rows, np.int64)
        present = self.index >= 0
        group = np.where(present, self.index, 0)
        begin, end = self.rows.indptr[group], self.rows.indptr[group + 1]
        if len(begin) and (begin.min() < 0 or (begin > end).any() or end.max() > len(self.rows.indices)):
            raise DataError(
                "offsets that begin at 0, never fall and end at the number of non-zeros", field="indptr"
            )
        return np.where(present, end - begin, 0)


def _width(k: int, part: RowPart, n_rows: int) -> int | None:
    who = f"assemble_rows, part {k}"
    check_vector(who, "columns", part.columns, np.int32)
    if part.values is not None:
        check_vector(who, "values", part.values, np.float32, len(part.columns))
    if part.indptr is None:
        if n_rows == 0 or len(part.columns) % n_rows:
            raise UserError(
                f"{who}: 'columns' must be as many for each of {n_rows} rows. Got {len(part.columns)}."
            )
        return len(part.columns) // n_rows
    check_vector(who, "indptr", part.indptr, np.int64, n_rows + 1)
    if part.indptr[0] != 0 or part.indptr[-1] != len(part.columns) or (np.diff(part.indptr) < 0).any():
        raise UserError(f"{who}: 'indptr' must rise from 0 to the {len(part.columns)} columns.")
    return None
