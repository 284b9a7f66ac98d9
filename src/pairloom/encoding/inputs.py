"""Whatever a caller has, as raw tables: frames, arrays, mappings, records, or a stream of tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol, cast

import narwhals as nw
import numpy as np
import numpy.typing as npt

from pairloom.encoding.frames import column_of_series
from pairloom.encoding.python_values import column_of_array, column_of_values
from pairloom.encoding.raw_columns import RawTable
from pairloom.errors import DataError, UserError
from pairloom.tables import Table

__all__ = ["Input", "open_input"]

ACCEPTED = (
    "a DataFrame (pandas, polars, Arrow), a 2-D array, a mapping of columns, a list of mappings, or tables "
    "as formats.read_tables yields them"
)


class Input(Protocol):
    """Columns by name, taken only when asked for."""

    names: list[str]
    named: bool
    """False if the names were made up, as those of an array's columns are."""

    def tables(self, wanted: Sequence[str]) -> Iterator[RawTable]:
        """Yield these columns from the first row to the last."""
        ...


def open_input(data: Any, array_names: Callable[[int], list[str]]) -> Input:
    """Find out what `data` is; `array_names` names the columns of an array of a given width."""
    if hasattr(data, "toarray"):
        raise UserError(
            "FeatureEncoder: the input must be raw columns. Got a sparse matrix, which needs no encoding."
        )
    if isinstance(data, np.ndarray):
        return _ArrayInput(np.asarray(data), array_names)
    if isinstance(data, Table):
        return _TableInput([data])
    if isinstance(data, Mapping):
        return _MappingInput(data)
    frame = nw.from_native(data, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return _FrameInput(frame)
    if hasattr(data, "__array__"):
        return _ArrayInput(np.asarray(data), array_names)
    if isinstance(data, str | bytes) or not isinstance(data, Iterable):
        raise UserError(f"FeatureEncoder: the input must be {ACCEPTED}. Got {type(data).__name__}.")
    return _of_iterable(cast(Iterable[Any], data), array_names)


def _of_iterable(data: Iterable[Any], array_names: Callable[[int], list[str]]) -> Input:
    items = iter(data)
    first = next(items, None)
    if first is None:
        raise DataError("at least one row or table", got="none")
    if isinstance(first, Table):
        return _TableInput(chain([first], items))
    if isinstance(first, Mapping):
        records = [first, *items]
        names = list(dict.fromkeys(name for record in records for name in record))
        return _MappingInput({name: [record.get(name) for record in records] for name in names})
    if hasattr(first, "__len__") and not isinstance(first, str | bytes):
        rows = [list(first), *map(list, items)]
        array = np.empty((len(rows), len(rows[0])), object)
        for i, row in enumerate(rows):
            if len(row) != array.shape[1]:
                raise DataError(f"{array.shape[1]} values, as in the first row", got=str(len(row)), row=i + 1)
            array[i] = row
        return _ArrayInput(array, array_names)
    raise UserError(
        f"FeatureEncoder: the input must be {ACCEPTED}. Got an iterable of {type(first).__name__}. "
        "Reshape your data: a single column needs a name or a second dimension."
    )


def _check_rows(n_rows: int) -> None:
    if n_rows == 0:
        raise DataError("at least one row", got="0 rows")


class _ArrayInput:
    def __init__(self, array: npt.NDArray[Any], array_names: Callable[[int], list[str]]) -> None:
        if array.ndim != 2:
            raise UserError(
                f"FeatureEncoder: an array must have 2 dimensions, rows x columns. Got {array.ndim}. "
                "Reshape your data: array.reshape(-1, 1) for a single column."
            )
        if array.shape[1] == 0:
            raise UserError(
                f"FeatureEncoder: 0 feature(s) (shape={array.shape}) while a minimum of 1 is required."
            )
        _check_rows(len(array))
        self.names, self.named = array_names(array.shape[1]), False
        self._array = array

    def tables(self, wanted: Sequence[str]) -> Iterator[RawTable]:
        place = {name: i for i, name in enumerate(self.names)}
        columns = {name: column_of_array(self._array[:, place[name]], name) for name in wanted}
        yield RawTable(columns, len(self._array))


class _MappingInput:
    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.names, self.named = [str(name) for name in columns], True
        self._columns = {str(name): column for name, column in columns.items()}
        lengths = {name: _length(column, name) for name, column in self._columns.items()}
        if len(set(lengths.values())) > 1:
            raise DataError("columns of one length", got=str(lengths))
        self._n_rows = max(lengths.values(), default=0)
        _check_rows(self._n_rows)

    def tables(self, wanted: Sequence[str]) -> Iterator[RawTable]:
        taken = {name: _column_of_anything(self._columns[name], name) for name in wanted}
        yield RawTable(taken, self._n_rows)


def _length(column: Any, field: str) -> int:
    if isinstance(column, str | bytes) or not hasattr(column, "__len__"):
        raise DataError("a list or array", got=type(column).__name__, field=field)
    return len(column)


def _column_of_anything(column: Any, field: str) -> Any:
    if isinstance(column, list | tuple):
        return column_of_values(cast(Sequence[Any], column), field)
    if isinstance(column, np.ndarray):
        if column.ndim != 1:
            raise DataError("a 1-D array", got=f"{column.ndim}-D", field=field)
        return column_of_array(column, field)
    series = nw.from_native(column, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        return column_of_series(series, field)
    return column_of_values(list(column), field)


class _FrameInput:
    def __init__(self, frame: nw.DataFrame[Any]) -> None:
        _check_rows(len(frame))
        self._frame, self._own_names = frame, list(frame.columns)
        self.names, self.named = [str(name) for name in self._own_names], True
        if len(set(self.names)) < len(self.names):
            raise DataError("columns with different names", got=str(self.names))

    def tables(self, wanted: Sequence[str]) -> Iterator[RawTable]:
        own = dict(zip(self.names, self._own_names, strict=True))
        columns = {name: column_of_series(self._frame.get_column(own[name]), name) for name in wanted}
        yield RawTable(columns, len(self._frame))


class _TableInput:
    def __init__(self, tables: Iterable[Table]) -> None:
        items = iter(tables)
        first = next(items)
        self.names, self.named = list(first.columns), True
        self._tables = chain([first], items)

    def tables(self, wanted: Sequence[str]) -> Iterator[RawTable]:
        first_row = 0
        for table in self._tables:
            for name in wanted:
                if name not in table.columns:
                    raise DataError(
                        f"the columns of the first table, {self.names}",
                        got=str(list(table.columns)),
                        row=first_row + 1,
                        field=name,
                    )
            yield RawTable({name: table.columns[name] for name in wanted}, table.n_rows, first_row)
            first_row += table.n_rows
        _check_rows(first_row)
