"""What Parquet and Arrow files share: rows and tables out of record batches, and back."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from pairloom.errors import DataError
from pairloom.formats.arrow_columns import arrow_of_column, column_of_arrow, pyarrow
from pairloom.formats.arrow_rows import RowReader
from pairloom.formats.protocols import Kind
from pairloom.rows import RowBatch
from pairloom.tables import Table

__all__ = ["arrow_tables", "faults_named", "read_arrow_rows", "read_arrow_tables", "seekable"]

OpenBatches = Callable[[Sequence[str]], Iterator[Any]]
"""Given the columns wanted, yields record batches."""


@contextmanager
def faults_named(what: str, source: str) -> Generator[None]:
    """Turn what pyarrow raises over damaged bytes into `DataError`."""
    pa = pyarrow(f"Reading {what}")
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, MemoryError) as fault:
        got = " ".join(str(fault).split())[:200] or type(fault).__name__
        action = "Check that the file is whole and in this format, or write it anew"
        raise DataError(f"a readable {what} file", got=got, action=action, source=source) from fault


def seekable(stream: BinaryIO) -> BinaryIO:
    """Return the stream, or what is left of it in memory if it cannot seek."""
    return stream if stream.seekable() else io.BytesIO(stream.read())


def read_arrow_rows(
    schema: Any,
    open_batches: OpenBatches,
    *,
    source: str,
    n_features: int | None,
    label_column: str | None,
    weight_column: str | None,
    absent_is_missing: bool,
) -> Iterator[RowBatch]:
    """Yield rows; parameters as of `RowReader`."""
    reader = RowReader(
        schema,
        source=source,
        n_features=n_features,
        label_column=label_column,
        weight_column=weight_column,
        absent_is_missing=absent_is_missing,
    )
    for batch in open_batches(reader.columns):
        yield reader.read(_checked(batch))


def read_arrow_tables(
    schema: Any,
    open_batches: OpenBatches,
    *,
    source: str,
    columns: Sequence[str] | None,
    kinds: Mapping[str, Kind] | None,
) -> Iterator[Table]:
    """Yield raw columns, `columns` of them in this order, or all."""
    names = list(schema.names)
    if len(set(names)) != len(names):
        raise DataError("columns with different names", got=str(names), source=source)
    wanted = names if columns is None else list(columns)
    for name in (*wanted, *(kinds or {})):
        if name not in names:
            raise DataError(f"a column out of {names}", got=repr(name), source=source)
    for name, kind in (kinds or {}).items():
        if kind not in ("id", "number", "text"):
            raise DataError("a kind out of id, number, text", got=kind, source=source, field=name)
    for batch in open_batches(wanted):
        _checked(batch)
        taken = {
            name: column_of_arrow(batch.column(name), (kinds or {}).get(name), field=name, source=source)
            for name in wanted
        }
        yield Table(taken, len(batch))


def arrow_tables(tables: Iterable[Table], *, source: str) -> Iterator[Any]:
    """Yield record batches of one schema; integers join a column of strings as such.

    Raises
    ------
    DataError
        For tables with other columns, or of other types, than the first.
    """
    pa = pyarrow("Writing Arrow tables")
    schema = None
    for table in tables:
        batch = pa.record_batch({name: arrow_of_column(column) for name, column in table.columns.items()})
        schema = batch.schema if schema is None else schema
        if batch.schema.names != schema.names:
            raise DataError(f"columns {schema.names}, as before", got=str(batch.schema.names), source=source)
        try:
            yield batch.cast(schema)
        except pa.ArrowException as fault:
            action = "Read the tables with kinds, so that each column keeps one type"
            raise DataError(
                f"columns of types {schema.types}, as before", got=str(fault), action=action, source=source
            ) from None


def _checked(batch: Any) -> Any:
    # Bytes from outside may hold offsets that point anywhere.
    batch.validate(full=True)
    return batch
