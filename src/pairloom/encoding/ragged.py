"""Rows of any number of non-zeros that are taken by their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pairloom.encoding.features import Arrays, Int32Array, Int64Array
from pairloom.errors import UserError
from pairloom.kernels.arrays import check_vector
from pairloom.kernels.native_rows import take_rows
from pairloom.kernels.row_assembly import RowPart
from pairloom.rows import RowBatch

__all__ = ["Ragged"]


@dataclass(frozen=True, slots=True)
class Ragged:
    """What one field adds to each of some rows, in the field's own columns.

    Parameters
    ----------
    indptr : ndarray of shape (n_rows + 1,), int64
    columns : ndarray of shape (n_nonzeros,), int32
    values : ndarray of shape (n_nonzeros,), float32, optional
        None when all are one.
    """

    indptr: Int64Array
    columns: Int32Array
    values: npt.NDArray[np.float32] | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    @classmethod
    def stacked(cls, parts: Sequence[RowPart], n_rows: Sequence[int]) -> Self:
        """Put parts one after the other, of so many rows each."""
        lengths = [
            np.full(n, len(part.columns) // n, np.int64) if part.indptr is None else np.diff(part.indptr)
            for part, n in zip(parts, n_rows, strict=True)
        ]
        indptr = np.zeros(sum(n_rows) + 1, np.int64)
        np.cumsum(np.concatenate(lengths), out=indptr[1:])
        values = None
        if any(part.values is not None for part in parts):
            filled = [np.ones(len(p.columns), np.float32) if p.values is None else p.values for p in parts]
            values = np.concatenate(filled)
        return cls(indptr, np.concatenate([part.columns for part in parts]), values)

    def take(self, numbers: Int32Array, columns: Int32Array) -> RowPart:
        """Return rows by number, in the matrix columns that `columns` gives for the field's own."""
        found = take_rows(RowBatch(self.indptr, self.columns, self.values, 0), numbers.astype(np.int64))
        return RowPart(columns[found.indices], found.values, found.indptr)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what is saved, by name."""
        arrays: dict[str, npt.NDArray[Any]] = {"row_indptr": self.indptr, "row_columns": self.columns}
        return arrays if self.values is None else arrays | {"row_values": self.values}

    @classmethod
    def restored(cls, arrays: Arrays, n_columns: int) -> Self:
        """Undo `arrays`, trusting nothing; raises KeyError or UserError."""
        indptr, columns, values = arrays["row_indptr"], arrays["row_columns"], arrays.get("row_values")
        check_vector("saved rows", "row_indptr", indptr, np.int64)
        check_vector("saved rows", "row_columns", columns, np.int32)
        if len(indptr) < 1 or indptr[0] != 0 or indptr[-1] != len(columns) or (np.diff(indptr) < 0).any():
            raise UserError(f"'row_indptr' must rise from 0 to the {len(columns)} columns.")
        if len(columns) and (columns.min() < 0 or columns.max() >= n_columns):
            raise UserError(f"'row_columns' must be in [0, {n_columns - 1}].")
        if values is not None:
            check_vector("saved rows", "row_values", values, np.float32, len(columns))
            if not np.isfinite(values).all():
                raise UserError("'row_values' must be finite.")
        return cls(indptr.copy(), columns.copy(), None if values is None else values.copy())
