"""Which field each column belongs to, as rows say it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.rows import RowBatch

__all__ = ["MOST_FIELDS", "SEVERAL", "ColumnFields"]

Int32Array = npt.NDArray[np.int32]
UNKNOWN, SEVERAL = -1, -2
ADVICE = "Give text/libffm, raw columns that are encoded, or the estimator's 'fields'"
MOST_FIELDS = 65536


def _unknown() -> Int32Array:
    return np.zeros(0, np.int32)


@dataclass(slots=True)
class ColumnFields:
    """The field of each column that rows were seen with.

    Parameters
    ----------
    of : ndarray of shape (n_features,), int32
        -1 for a column that no row had, -2 for one that rows had in several fields.
    n_fields : int
        More than every field.
    """

    of: Int32Array = field(default_factory=_unknown)
    n_fields: int = 0

    def learn(self, rows: RowBatch, *, first_row: int = 0) -> None:
        """Take in the fields of rows.

        Raises
        ------
        DataError
            For rows without fields, or a field that cannot be one.
        """
        if rows.fields is None:
            raise DataError(
                "rows with the field of every value", got="rows without fields", action=ADVICE
            )  # fmt: skip
        if len(rows.fields) != len(rows.indices):
            raise DataError(
                f"as many fields as values, {len(rows.indices)}", got=str(len(rows.fields)), field="fields"
            )
        if not len(rows.fields):
            return
        lowest, highest = int(rows.fields.min()), int(rows.fields.max())
        if lowest < 0 or highest >= MOST_FIELDS:
            wrong = (rows.fields < 0) | (rows.fields >= MOST_FIELDS)
            raise _refused(rows, wrong, f"a field in [0, {MOST_FIELDS - 1}]", first_row)
        self.n_fields = max(self.n_fields, highest + 1)
        self._grow(int(rows.indices.max()) + 1)
        unknown = self.of[rows.indices] == UNKNOWN
        self.of[rows.indices[unknown]] = rows.fields[unknown]
        several = self.of[rows.indices] != rows.fields
        self.of[rows.indices[several]] = SEVERAL

    def _grow(self, n_features: int) -> None:
        if n_features > len(self.of):
            of = np.full(n_features, UNKNOWN, np.int32)
            of[: len(self.of)] = self.of
            self.of = of

    def give(self, rows: RowBatch, n_fields: int, *, trains: bool = False) -> RowBatch:
        """Return rows with fields: their own where they have some, else those of their columns.

        Columns that no training row had are beyond the table in rows that come without fields: they add nothing.

        Parameters
        ----------
        rows : RowBatch
        n_fields : int
        trains : bool
            Whether such columns are refused instead.

        Raises
        ------
        DataError
            For a field of `n_fields` or more, or a column whose field the rows do not say and that has several.
        """
        if rows.fields is None:
            return self._given(rows, trains=trains)
        wrong = (rows.fields < 0) | (rows.fields >= n_fields)
        if len(rows.fields) != len(rows.indices) or wrong.any():
            raise _refused(rows, wrong, f"a field in [0, {n_fields - 1}], as the model has", 0)
        return rows

    def _given(self, rows: RowBatch, *, trains: bool) -> RowBatch:
        if not len(self.of):
            if not len(rows.indices):
                return replace(rows, fields=np.zeros(0, np.int32))
            raise DataError("rows with the field of every value", got="rows without fields", action=ADVICE)
        inside = (rows.indices >= 0) & (rows.indices < len(self.of))
        fields = np.where(inside, self.of[np.where(inside, rows.indices, 0)], UNKNOWN).astype(np.int32)
        several = fields == SEVERAL
        if several.any():
            place = int(np.argmax(several))
            raise DataError(
                "rows with the field of every value, since this column was trained in several fields",
                got="rows without fields", row=_row_of(rows, place), field=f"column {rows.indices[place]}",
                action=ADVICE,
            )  # fmt: skip
        unknown = fields == UNKNOWN
        if not unknown.any():
            return replace(rows, fields=fields)
        if trains:
            place = int(np.argmax(unknown))
            raise DataError(
                "rows with the field of every value, since no row before had this column", got="rows without fields",
                row=_row_of(rows, place), field=f"column {rows.indices[place]}", action=ADVICE,
            )  # fmt: skip
        # They count in the length of a row that is scaled to one, so that only their index goes beyond the table.
        indices = np.where(unknown, np.int32(2**31 - 1), rows.indices).astype(np.int32)
        return replace(rows, indices=indices, fields=np.maximum(fields, 0))


def _refused(rows: RowBatch, wrong: npt.NDArray[np.bool_], expected: str, first_row: int) -> DataError:
    if rows.fields is None or len(rows.fields) != len(rows.indices):
        return DataError("as many fields as values", field="fields")
    place = int(np.argmax(wrong))
    return DataError(
        expected, got=str(int(rows.fields[place])), row=first_row + _row_of(rows, place),
        field=f"column {rows.indices[place]}", action="Mend the row, or train with it",
    )  # fmt: skip


def _row_of(rows: RowBatch, place: int) -> int:
    return int(np.searchsorted(rows.indptr, place, side="right"))
