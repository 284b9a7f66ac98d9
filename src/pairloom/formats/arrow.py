"""Arrow IPC, the file and the stream format (Feather too): columns as of `pairloom.formats.parquet`. Needs pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Literal

from pairloom.formats.absent import Absent, is_missing
from pairloom.formats.arrow_columns import pyarrow
from pairloom.formats.arrow_rows import record_batches
from pairloom.formats.arrow_streams import (
    OpenBatches,
    arrow_tables,
    faults_named,
    read_arrow_rows,
    read_arrow_tables,
    seekable,
)
from pairloom.formats.protocols import Kind
from pairloom.rows import RowBatch
from pairloom.tables import Table

__all__ = ["read_rows", "read_tables", "write_rows", "write_tables"]

_FILE_MAGIC = b"ARROW1"
_WHAT = "Arrow IPC"


def read_rows(
    stream: BinaryIO,
    *,
    source: str,
    n_threads: int = 1,
    n_features: int | None = None,
    label_column: str | None = None,
    weight_column: str | None = None,
    absent: Absent = "zero",
) -> Iterator[RowBatch]:
    """Read rows of numbers; parameters and errors as of `pairloom.formats.parquet.read_rows`."""
    with faults_named(_WHAT, source):
        schema, batches = _open(stream, n_threads)
        yield from read_arrow_rows(
            schema,
            batches,
            source=source,
            n_features=n_features,
            label_column=label_column,
            weight_column=weight_column,
            absent_is_missing=is_missing(absent),
        )


def read_tables(
    stream: BinaryIO,
    *,
    source: str,
    n_threads: int = 1,
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, Kind] | None = None,
) -> Iterator[Table]:
    """Read raw columns; parameters and errors as of `pairloom.formats.parquet.read_tables`."""
    with faults_named(_WHAT, source):
        schema, batches = _open(stream, n_threads)
        yield from read_arrow_tables(schema, batches, source=source, columns=columns, kinds=kinds)


def write_rows(
    batches: Iterable[RowBatch],
    stream: BinaryIO,
    *,
    source: str,
    layout: Literal["sparse", "dense"] = "sparse",
    n_features: int | None = None,
) -> None:
    """Write rows in the file format; parameters and errors as of `pairloom.formats.parquet.write_rows`."""
    _write(record_batches(batches, source=source, layout=layout, n_features=n_features), stream)


def write_tables(tables: Iterable[Table], stream: BinaryIO, *, source: str) -> None:
    """Write raw columns in the file format; errors as of `pairloom.formats.parquet.write_tables`."""
    _write(arrow_tables(tables, source=source), stream)


def _open(stream: BinaryIO, n_threads: int) -> tuple[Any, OpenBatches]:
    ipc = pyarrow("Reading Arrow files").ipc
    options = ipc.IpcReadOptions(use_threads=n_threads > 1)
    stream = seekable(stream)
    start = stream.tell()
    is_file = stream.read(len(_FILE_MAGIC)) == _FILE_MAGIC
    stream.seek(start)
    if not is_file:
        reader = ipc.open_stream(stream, options=options)
        return reader.schema, _all(reader)
    file = ipc.open_file(stream, options=options)
    return file.schema, _all(map(file.get_batch, range(file.num_record_batches)))


def _all(batches: Iterable[Any]) -> OpenBatches:
    def all_columns(columns: Sequence[str]) -> Iterator[Any]:
        return iter(batches)

    return all_columns


def _write(batches: Iterator[Any], stream: BinaryIO) -> None:
    ipc = pyarrow("Writing Arrow files").ipc
    first = next(batches, None)
    if first is None:
        return
    with ipc.new_file(stream, first.schema) as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)
