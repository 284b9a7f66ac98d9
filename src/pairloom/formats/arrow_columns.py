"""Arrow arrays as raw columns and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from pairloom.errors import DataError, MissingExtraError
from pairloom.formats.protocols import Kind
from pairloom.tables import Column, StringColumn

__all__ = ["arrow_of_column", "column_of_arrow", "pyarrow"]

LIST_SEPARATOR = "|"


def pyarrow(purpose: str) -> Any:
    """Import pyarrow; `purpose` is the subject of the sentence that misses it.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtraError(purpose, "arrow") from None
    return pa


def column_of_arrow(array: Any, kind: Kind | None, *, field: str, source: str) -> Column:
    """Take an array or chunked array as a raw column.

    Parameters
    ----------
    array : pyarrow.Array or pyarrow.ChunkedArray
    kind : {"id", "number", "text"}, optional
        Default: integers without nulls as int64, floating point and decimals as float64 with NaN for nulls, the
        rest as strings: times in ISO 8601, lists joined with ``|``. "id" takes floating point as int64 too
        if there is neither a fraction nor a null in it, else as strings.
    field, source : str
        What errors call them.

    Raises
    ------
    DataError
        For a type that is neither, or values that are no numbers though they should.
    """
    pa = pyarrow("Reading Arrow tables")
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    try:
        return _column(pa, array, kind)
    except (pa.ArrowException, ValueError) as fault:
        expected = "numbers" if kind == "number" else "numbers, text, times or lists of text"
        raise DataError(expected, got=f"{array.type} ({fault})", source=source, field=field) from None


def arrow_of_column(column: Column) -> Any:
    """Lay a raw column out as an Arrow array: int64, double or large_string."""
    pa = pyarrow("Writing Arrow tables")
    if not isinstance(column, StringColumn):
        return pa.array(column)
    valid = None
    if column.valid is not None:
        valid = pa.py_buffer(np.packbits(column.valid, bitorder="little"))
    buffers = [valid, pa.py_buffer(np.ascontiguousarray(column.offsets)), pa.py_buffer(column.data)]
    return pa.Array.from_buffers(pa.large_string(), len(column), buffers)


def _column(pa: Any, array: Any, kind: Kind | None) -> Column:
    types = pa.types
    is_real = types.is_floating(array.type) or types.is_decimal(array.type)
    if kind == "number" or (kind is None and is_real):
        if types.is_boolean(array.type):
            array = array.cast(pa.uint8())
        numbers = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return np.ascontiguousarray(numbers, np.float64)
    if kind != "text" and array.null_count == 0:
        if types.is_integer(array.type) and not (types.is_uint64(array.type) and _beyond_int64(array)):
            return np.ascontiguousarray(array.to_numpy(zero_copy_only=False), np.int64)
        if is_real and (integers := _as_integers(pa, array)) is not None:
            return integers
    return _strings(pa, array)


def _beyond_int64(array: Any) -> bool:
    return len(array) > 0 and bool(array.to_numpy(zero_copy_only=False).max() > np.iinfo(np.int64).max)


def _as_integers(pa: Any, array: Any) -> Column | None:
    try:
        return np.ascontiguousarray(array.cast(pa.int64()).to_numpy(zero_copy_only=False), np.int64)
    except pa.ArrowInvalid:
        return None


def _strings(pa: Any, array: Any) -> StringColumn:
    is_list = pa.types.is_list(array.type) or pa.types.is_large_list(array.type)
    if is_list or pa.types.is_fixed_size_list(array.type):
        from pyarrow.compute import call_function

        texts = array.cast(pa.list_(pa.string()))
        array = call_function("binary_join", [texts, pa.scalar(LIST_SEPARATOR)])
    if pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type):
        raise ValueError("binary data is no text")
    strings = array.cast(pa.large_string())
    n_rows = len(strings)
    _, offsets, data = strings.buffers()
    if n_rows == 0 or offsets is None:
        return StringColumn(np.zeros(n_rows + 1, np.int64), np.zeros(0, np.uint8))
    valid = None
    if strings.null_count > 0:
        valid = np.ascontiguousarray(strings.is_valid().to_numpy(zero_copy_only=False), np.bool_)
    return StringColumn(
        np.frombuffer(offsets, np.int64)[strings.offset : strings.offset + n_rows + 1],
        np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8),
        valid,
    )
