"""Columns of vectors in a table of items or users: lists of floats, 2-D arrays, mappings of id to vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.encoding.raw_columns import ListColumn, RawColumn
from pairloom.errors import DataError
from pairloom.recommenders.ids import Ids

__all__ = ["part_vectors", "placed_vectors", "vectors_of_lists"]

Float32Array = npt.NDArray[np.float32]
LEAST_LENGTH = 2


def part_vectors(data: Any) -> tuple[Any, dict[str, Any]]:
    """Part a mapping of columns into its plain columns and its 2-D arrays and mappings; other tables have none."""
    if not isinstance(data, Mapping):
        return data, {}
    columns = {str(name): column for name, column in data.items()}
    vectors = {
        name: column
        for name, column in columns.items()
        if isinstance(column, Mapping) or (isinstance(column, np.ndarray) and column.ndim == 2)
    }
    return {name: column for name, column in columns.items() if name not in vectors}, vectors


def placed_vectors(column: Any, numbers: npt.NDArray[np.int32], ids: Ids, field: str) -> Float32Array:
    """Lay the vectors of a 2-D array, by row of the table, or of a mapping, by id, at the numbers of their ids."""
    if isinstance(column, Mapping):
        numbers = ids.numbers(column, field)
        rows = list(column.values())
        lengths = sorted({np.size(row) for row in rows})
        if len(lengths) > 1 or any(np.ndim(row) != 1 for row in rows):
            raise DataError(
                "vectors of one length", got=f"lengths {', '.join(map(str, lengths))}", field=field
            )
        width = lengths[0] if lengths else 0
        column = np.array(rows, np.float64).reshape(len(rows), width)
    if len(column) != len(numbers):
        raise DataError(f"{len(numbers)} rows, as the other columns", got=str(len(column)), field=field)
    if column.dtype.kind not in "fiu":
        raise DataError("numbers", got=str(column.dtype), field=field)
    known = numbers >= 0
    return _laid(column[known], np.flatnonzero(known), numbers[known], len(ids), field)


def vectors_of_lists(
    column: RawColumn, numbers: npt.NDArray[np.int32], n_rows: int, field: str
) -> Float32Array | None:
    """Take lists of floats as vectors, an empty one as none; None for another column, and lists of whole numbers.

    Raises
    ------
    DataError
        For lists of fractions that differ in length, with the row.
    """
    if not (
        isinstance(column, ListColumn)
        and isinstance(column.items, np.ndarray)
        and column.items.dtype == np.float64
    ):
        return None
    lengths = np.diff(column.indptr)
    there = np.flatnonzero(lengths)
    width = int(lengths[there[0]]) if len(there) else 0
    other = there[lengths[there] != width]
    if len(other) or width < LEAST_LENGTH:
        items = column.items[np.isfinite(column.items)]
        if (items == np.trunc(items)).all():
            return None
        row = int(other[0]) if len(other) else int(there[0])
        raise DataError(
            f"a vector of {max(width, LEAST_LENGTH)} numbers, as all rows have one length of 2 or more",
            got=str(int(lengths[row])), row=row + 1, field=field,
        )  # fmt: skip
    return _laid(column.items.reshape(-1, width), there, numbers[there], n_rows, field)


def _laid(
    vectors: npt.NDArray[Any], rows: npt.NDArray[Any], numbers: npt.NDArray[Any], n_rows: int, field: str
) -> Float32Array:
    with np.errstate(over="ignore"):
        narrow = vectors.astype(np.float32)
        lengths = np.square(narrow).sum(axis=1) if narrow.size else np.zeros(len(narrow), np.float32)
    wrong = ~np.isfinite(lengths)
    if wrong.any():
        raise DataError(
            "finite numbers, whose squares float32 can add up", got=f"a sum of {lengths[wrong][0]}",
            row=int(rows[np.argmax(wrong)]) + 1, field=field, action="Scale the vectors or leave this one out",
        )  # fmt: skip
    found = np.zeros((n_rows, vectors.shape[1]), np.float32)
    found[numbers] = narrow
    return found
