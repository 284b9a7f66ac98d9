"""Which matrix columns belong to which raw column."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.encoding.features import Int32Array
from pairloom.errors import DataError, UserError

__all__ = ["Layout"]

MAX_COLUMNS = 2**31 - 1


class Layout:
    """Matrix columns of each raw column, a field; only ever added at the end.

    Parameters
    ----------
    columns : list of ndarray, int32
        Matrix columns of each field, in the order of the field's own columns.
    """

    def __init__(self, columns: list[Int32Array]) -> None:
        self.columns = columns
        self.n_columns = sum(map(len, columns))

    def grow(self, field: int, n_columns: int) -> None:
        """Add matrix columns until a field has so many."""
        n_new = n_columns - len(self.columns[field])
        if self.n_columns + n_new > MAX_COLUMNS:
            raise DataError(
                f"at most {MAX_COLUMNS} columns in all",
                got=str(self.n_columns + n_new),
                action="Hash some ids: Id(hash_dim=2**20)",
            )
        if n_new > 0:
            new = np.arange(self.n_columns, self.n_columns + n_new, dtype=np.int32)
            self.columns[field] = np.concatenate((self.columns[field], new))
            self.n_columns += n_new

    def fields(self) -> Int32Array:
        """Field of each matrix column."""
        fields = np.empty(self.n_columns, np.int32)
        for field, columns in enumerate(self.columns):
            fields[columns] = field
        return fields

    def names(self, labels: list[list[str]]) -> npt.NDArray[np.object_]:
        """Name of each matrix column, from the names of each field's own columns."""
        names = np.empty(self.n_columns, object)
        for columns, own in zip(self.columns, labels, strict=True):
            names[columns] = own
        return names

    def check(self) -> None:
        """Raise `UserError` unless every matrix column belongs to exactly one field."""
        numbered = np.sort(np.concatenate(self.columns)) if self.columns else np.zeros(0, np.int32)
        if not np.array_equal(numbered, np.arange(self.n_columns)):
            raise UserError("FeatureEncoder: the saved columns must be numbered 0, 1, 2, ... without a gap.")
