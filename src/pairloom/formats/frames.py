"""Frames of pandas, polars and Arrow, and whatever offers the Arrow interface for C."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import narwhals as nw
import numpy as np

from pairloom.errors import DataError
from pairloom.formats.protocols import Kind
from pairloom.tables import Column, StringColumn, Table

__all__ = ["as_frame", "table_of_frame"]


def as_frame(data: Any) -> nw.DataFrame[Any] | None:
    """Wrap a frame, or return None for what is none."""
    frame = nw.from_native(data, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return frame
    if hasattr(data, "__arrow_c_stream__") and not hasattr(data, "__array__"):
        from pairloom.formats.arrow_columns import pyarrow

        return nw.from_native(pyarrow("Reading Arrow tables").table(data), eager_only=True)
    return None


def table_of_frame(
    data: Any,
    *,
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    name: str = "X",
) -> Table:
    """Take raw columns from a frame.

    Integers come as int64, floating point as float64, strings and categories as strings; with pyarrow at hand,
    without a copy where the layouts agree.

    Parameters
    ----------
    data : pandas, polars or Arrow table
    columns : sequence of str, optional
        Columns to take, in this order. Default: all.
    kinds : mapping of str to {"id", "number", "text"}, optional
        How to take a column. Default: as its type says.
    name : str
        What errors call the frame.

    Raises
    ------
    DataError
        For what is no frame, a column that is not there, or one that cannot be taken as its kind.
    """
    frame = as_frame(data)
    if frame is None:
        raise DataError("a pandas, polars or Arrow table", got=type(data).__name__, source=name)
    wanted = list(frame.columns) if columns is None else list(columns)
    for column in wanted:
        if column not in frame.columns:
            raise DataError(f"a column out of {list(frame.columns)}", got=repr(column), source=name)
    kinds = kinds or {}
    return Table(
        {str(column): _column(frame[column], kinds.get(column), name) for column in wanted}, len(frame)
    )


def _column(series: nw.Series[Any], kind: Kind | None, name: str) -> Column:
    if find_spec("pyarrow") is not None:
        return _column_by_arrow(series, kind, name)
    if kind in (None, "number") and series.dtype.is_float():
        return np.ascontiguousarray(series.cast(nw.Float64).to_numpy(), np.float64)
    if kind == "number":
        return np.array([np.nan if value is None else float(value) for value in series.to_list()], np.float64)
    if kind is None and series.dtype.is_integer() and not series.is_null().any():
        return np.ascontiguousarray(series.cast(nw.Int64).to_numpy(), np.int64)
    texts = zip(series.cast(nw.String).to_list(), series.is_null().to_list(), strict=True)
    return StringColumn.from_strings(None if is_missing else text for text, is_missing in texts)


def _column_by_arrow(series: nw.Series[Any], kind: Kind | None, name: str) -> Column:
    from pairloom.formats.arrow_columns import column_of_arrow, pyarrow

    pa, field = pyarrow("Reading frames"), str(series.name)
    native = series.to_native()
    try:
        array = native if isinstance(native, pa.ChunkedArray) else series.to_arrow()
    except pa.ArrowException as fault:
        expected = "a column of one type"
        raise DataError(expected, got=str(fault), source=name, field=field) from None
    return column_of_arrow(array, kind, field=field, source=name)
