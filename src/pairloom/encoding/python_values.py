"""Raw columns from numpy arrays and lists of Python values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pairloom.encoding.raw_columns import ListColumn, RawColumn, TimeColumn
from pairloom.errors import DataError
from pairloom.kernels.raw_keys import IntegerKeys
from pairloom.tables import StringColumn

__all__ = ["column_of_array", "column_of_values", "lay_out_strings"]


def column_of_array(array: npt.NDArray[Any], field: str) -> RawColumn:
    """Take a 1-D numpy array of any dtype."""
    kind = array.dtype.kind
    if kind == "u" and array.dtype.itemsize == 8 and (array > np.iinfo(np.int64).max).any():
        return lay_out_strings((str(value) for value in array.tolist()), field)
    if kind in "iu":
        return np.ascontiguousarray(array, np.int64)
    if kind == "f":
        return np.ascontiguousarray(array, np.float64)
    if kind == "b":
        return lay_out_strings((str(value) for value in array.tolist()), field)
    if kind == "M":
        valid = ~np.isnat(array)
        microseconds = array.astype("datetime64[us]").astype(np.int64)
        return TimeColumn(np.where(valid, microseconds, 0), valid)
    if kind in "OSUT":
        return column_of_values(array.tolist(), field)
    if kind == "c":
        raise DataError("real numbers, ids, text or times", got="Complex data not supported", field=field)
    raise DataError("numbers, ids, text, times or lists", got=str(array.dtype), field=field)


def column_of_values(values: Sequence[Any], field: str) -> RawColumn:
    """Take Python values; None, NaN, NaT and pandas' NA are missing."""
    values = [None if _is_missing(value) else value for value in values]
    kinds = {type(value) for value in values} - {type(None)}
    if all(issubclass(kind, str) for kind in kinds):
        return lay_out_strings(values, field)
    if all(issubclass(kind, int | np.integer) and kind is not bool for kind in kinds):
        return _integers(values, field)
    if all(issubclass(kind, int | float | np.number) and kind is not bool for kind in kinds):
        return np.array([np.nan if value is None else float(value) for value in values], np.float64)
    if all(issubclass(kind, date | np.datetime64) for kind in kinds):
        return column_of_array(np.array([_naive_utc(value) for value in values], "datetime64[us]"), field)
    if all(issubclass(kind, list | tuple | set | frozenset | np.ndarray) for kind in kinds):
        return _lists(values, field)
    return lay_out_strings((_spelled(value, row, field) for row, value in enumerate(values)), field)


def lay_out_strings(strings: Iterable[str | None], field: str) -> StringColumn:
    """Lay out strings as UTF-8."""
    items = list(strings)
    try:
        return StringColumn.from_strings(items)
    except UnicodeEncodeError as error:
        row = next(i for i, item in enumerate(items) if item == error.object)
        raise DataError("Unicode text", got=repr(items[row]), row=row + 1, field=field) from error


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, float | np.floating) and bool(np.isnan(value)))
        or (isinstance(value, np.datetime64) and bool(np.isnat(value)))
        or type(value).__name__ in ("NAType", "NaTType")
    )


def _integers(values: list[Any], field: str) -> RawColumn:
    if any(value is not None and not -(2**63) <= value < 2**63 for value in values):
        return lay_out_strings((None if value is None else str(value) for value in values), field)
    array = np.array([0 if value is None else int(value) for value in values], np.int64)
    valid = np.array([value is not None for value in values], np.bool_)
    return array if valid.all() else IntegerKeys(array, valid)


def _naive_utc(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _lists(values: list[Any], field: str) -> ListColumn:
    lists = cast(list[Iterable[Any]], [() if value is None else value for value in values])
    rows = [sorted(row, key=str) if isinstance(row, set | frozenset) else list(row) for row in lists]
    indptr = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=indptr[1:])
    items = column_of_values([item for row in rows for item in row], field)
    if isinstance(items, ListColumn):
        raise DataError("lists of ids", got="lists of lists", field=field)
    return ListColumn(indptr, items)


def _spelled(value: Any, row: int, field: str) -> str | None:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    if value is None or isinstance(value, str | bool | int | float | np.generic):
        return None if value is None else str(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    raise DataError("ids, numbers, text, times or lists", got=type(value).__name__, row=row + 1, field=field)
