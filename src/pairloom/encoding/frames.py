"""Raw columns from a series of pandas, polars or Arrow, by way of narwhals."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import narwhals as nw
import numpy as np

from pairloom.encoding.python_values import column_of_values
from pairloom.encoding.raw_columns import RawColumn, TimeColumn
from pairloom.errors import DataError
from pairloom.kernels.raw_keys import IntegerKeys
from pairloom.tables import StringColumn

__all__ = ["column_of_series"]


def column_of_series(series: nw.Series[Any], field: str) -> RawColumn:
    """Take a series of any dtype; nulls are missing."""
    dtype = series.dtype
    if dtype.is_float() or dtype.is_decimal():
        numbers = series.cast(nw.Float64).fill_null(float("nan")).to_numpy()
        return np.ascontiguousarray(numbers, np.float64)
    if dtype.is_integer() and not (dtype == nw.UInt64 and (series.drop_nulls() >= 2**63).any()):
        return _integers(series)
    if isinstance(dtype, nw.String | nw.Categorical | nw.Enum) and find_spec("pyarrow"):
        return _strings_through_arrow(series if dtype == nw.String else series.cast(nw.String))
    if isinstance(dtype, nw.Categorical | nw.Enum):
        return column_of_values(series.cast(nw.String).to_list(), field)
    if isinstance(dtype, nw.Datetime | nw.Date):
        return _times(series)
    if isinstance(dtype, nw.Duration | nw.Time | nw.Struct | nw.Binary):
        raise DataError("numbers, ids, text, times or lists", got=str(dtype), field=field)
    return column_of_values(series.to_list(), field)


def _integers(series: nw.Series[Any]) -> RawColumn:
    missing = series.is_null().to_numpy()
    if missing.any():
        values = series.fill_null(0).cast(nw.Int64).to_numpy()
        return IntegerKeys(np.ascontiguousarray(values, np.int64), np.ascontiguousarray(~missing, np.bool_))
    return np.ascontiguousarray(series.to_numpy(), np.int64)


def _strings_through_arrow(series: nw.Series[Any]) -> RawColumn:
    """Arrow lays strings out as we do: this copies no text."""
    import pyarrow as pa

    array = series.to_arrow()
    chunks = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    strings = chunks.cast(pa.large_string())
    _, offsets, data = strings.buffers()
    begin, n_rows = strings.offset, len(strings)
    if n_rows == 0:
        return StringColumn(np.zeros(1, np.int64), np.zeros(0, np.uint8))
    valid = None
    if strings.null_count:
        valid = np.ascontiguousarray(strings.is_valid().to_numpy(zero_copy_only=False), np.bool_)
    return StringColumn(
        np.frombuffer(offsets, np.int64)[begin : begin + n_rows + 1],
        np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8),
        valid,
    )


def _times(series: nw.Series[Any]) -> TimeColumn:
    missing = series.is_null().to_numpy()
    microseconds = series.cast(nw.Datetime("us")) if series.dtype == nw.Date else series
    values = microseconds.dt.timestamp("us").fill_null(0).to_numpy()
    return TimeColumn(np.ascontiguousarray(values, np.int64), np.ascontiguousarray(~missing, np.bool_))
