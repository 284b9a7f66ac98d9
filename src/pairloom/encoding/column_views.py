"""One raw column taken as ids, lists of ids, numbers, times or text, whatever its form."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from pairloom.encoding.place import Place
from pairloom.encoding.raw_columns import ListColumn, RawColumn, TimeColumn
from pairloom.encoding.times import checked_times, scaled_times, time_parser
from pairloom.kernels.raw_keys import IntegerKeys, Keys, StringKeys
from pairloom.kernels.raw_text import split_strings
from pairloom.kernels.vocabulary import Vocabulary
from pairloom.tables import StringColumn

__all__ = ["as_items", "as_keys", "as_numbers", "as_text", "as_times"]

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


def as_keys(column: RawColumn, place: Place) -> Keys:
    """Take a column as ids; whole floats are integers."""
    if isinstance(column, StringColumn):
        return StringKeys.of(column)
    if isinstance(column, IntegerKeys):
        return column
    if isinstance(column, TimeColumn):
        raise place.refusal("ids", "times", "Use Date(), or turn the times into strings")
    if isinstance(column, ListColumn):
        raise place.refusal("one id in each row", "lists", "Use Multi()")
    if column.dtype == np.int64:
        return IntegerKeys(np.ascontiguousarray(column, np.int64))
    return _keys_of_floats(_finite(np.asarray(column, np.float64), place))


def as_items(column: RawColumn, sep: str, place: Place) -> tuple[Int64Array, Keys]:
    """Take a column as lists of ids: row i has the ids ``indptr[i]`` to ``indptr[i + 1] - 1``."""
    if isinstance(column, StringColumn):
        return split_strings(StringKeys.of(column), sep)
    if isinstance(column, ListColumn):
        infinite = np.flatnonzero(np.isinf(column.items)) if _holds_floats(column.items) else []
        if len(infinite):
            row = int(np.searchsorted(column.indptr, infinite[0], side="right")) - 1
            raise place.error(row, "lists of ids", "an infinite number in one", "Mend the row")
        return column.indptr, as_keys(column.items, place)
    keys = as_keys(column, place)
    if isinstance(keys, IntegerKeys) and keys.valid is not None:
        indptr = np.concatenate((np.zeros(1, np.int64), np.cumsum(keys.valid, dtype=np.int64)))
        return indptr, IntegerKeys(keys.values[keys.valid])
    return np.arange(len(keys) + 1, dtype=np.int64), keys


def as_numbers(column: RawColumn, place: Place) -> Float64Array:
    """Take a column as finite numbers, NaN where missing."""
    if isinstance(column, StringColumn):
        return _finite(_parsed(StringKeys.of(column), float, np.float64(np.nan), "a number", place), place)
    if isinstance(column, IntegerKeys):
        numbers = column.values.astype(np.float64)
        return numbers if column.valid is None else np.where(column.valid, numbers, np.nan)
    if isinstance(column, TimeColumn):
        raise place.refusal("numbers", "times", "Use Date()")
    if isinstance(column, ListColumn):
        raise place.refusal("one number in each row", "lists", "Give each number a column of its own")
    return _finite(column.astype(np.float64, copy=False), place)


def as_text(column: RawColumn, place: Place) -> StringKeys:
    """Take a column as text; ids are spelled out."""
    keys = as_keys(column, place)
    if isinstance(keys, StringKeys):
        return keys
    valid = np.ones(len(keys), np.bool_) if keys.valid is None else keys.valid
    spelled = zip(keys.values.tolist(), valid.tolist(), strict=True)
    return StringKeys.of(StringColumn.from_strings(str(value) if ok else None for value, ok in spelled))


def as_times(column: RawColumn, unit: str, format: str | None, place: Place) -> TimeColumn:  # noqa: A002
    """Take a column as times; numbers count `unit` since 1970, strings are ISO 8601 or of `format`."""
    if isinstance(column, TimeColumn):
        return checked_times(column, place)
    if isinstance(column, ListColumn):
        raise place.refusal("one time in each row", "lists", "Give each time a column of its own")
    if isinstance(column, StringColumn) or format is not None:
        texts = as_text(column, place)
        expected = f"a time written as {format!r}" if format else "a time in ISO 8601, of the years 1 to 9999"
        microseconds = _parsed(texts, time_parser(unit, format), np.int64(0), expected, place)
        return TimeColumn(microseconds, ~texts.missing)
    if isinstance(column, IntegerKeys):
        valid = np.ones(len(column), np.bool_) if column.valid is None else column.valid
        return scaled_times(column.values, valid, unit, place)
    valid = (
        ~np.isnan(_finite(column, place)) if column.dtype == np.float64 else np.ones(len(column), np.bool_)
    )
    return scaled_times(column, valid, unit, place)


def _holds_floats(column: RawColumn) -> TypeGuard[Float64Array]:
    return isinstance(column, np.ndarray) and column.dtype == np.float64


def _finite(numbers: npt.NDArray[Any], place: Place) -> npt.NDArray[Any]:
    infinite = np.isinf(numbers)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise place.error(row, "a finite number", str(numbers[row]), "Mend the row or leave it empty")
    return numbers


def _keys_of_floats(numbers: Float64Array) -> Keys:
    valid = ~np.isnan(numbers)
    whole = (np.trunc(numbers) == numbers) & (np.abs(numbers) < 2.0**63)
    if (whole | ~valid).all():
        return IntegerKeys(np.where(valid, numbers, 0.0).astype(np.int64), None if valid.all() else valid)
    spelled = (
        None if math.isnan(value) else str(int(value)) if value.is_integer() else repr(value)
        for value in numbers.tolist()
    )
    return StringKeys.of(StringColumn.from_strings(spelled))


def _parsed(
    texts: StringKeys, parse: Callable[[str], Any], missing: np.generic, expected: str, place: Place
) -> npt.NDArray[Any]:
    """Parse each different text once."""
    vocabulary = Vocabulary()
    vocabulary.add(texts)
    numbers = vocabulary.lookup(texts)
    parsed = np.full(len(vocabulary) + 2, missing)  # the number of a missing value counts from the end
    for number, text in enumerate(vocabulary.texts()):
        try:
            parsed[number] = parse(text.strip())
        except (ValueError, OverflowError) as error:
            row = int(np.argmax(numbers == number))
            action = "Mend the row or leave it empty"
            raise place.error(row, expected, repr(texts.text(row)), action) from error
    return parsed[numbers]
