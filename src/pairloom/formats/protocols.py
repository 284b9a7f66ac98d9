"""What a format's module may define: any of these functions, under these names.

A reader gets one stream, already decompressed, and yields batches in file order; batches may have any number
of rows. It raises `DataError` with ``source=source`` for whatever is wrong. It need not care for empty
streams, several files, batch sizes or a width that grows from file to file: `pairloom.formats` does.
Streams come unbuffered: read large blocks, or wrap the stream in `io.BufferedReader`. They may be neither
seekable nor on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Literal, Protocol

from pairloom.rows import RowBatch
from pairloom.tables import Table

__all__ = ["Kind", "ReadRows", "ReadTables", "WriteRows", "WriteTables"]

Kind = Literal["id", "number", "text"]


class ReadRows(Protocol):
    """``read_rows`` of a format's module: bytes to sparse rows."""

    def __call__(
        self, stream: BinaryIO, *, source: str, n_threads: int, n_features: int | None, **options: Any
    ) -> Iterator[RowBatch]:
        """Yield the rows of one stream in order."""
        ...


class WriteRows(Protocol):
    """``write_rows`` of a format's module: sparse rows to bytes."""

    def __call__(self, batches: Iterable[RowBatch], stream: BinaryIO, *, source: str, **options: Any) -> None:
        """Write all rows to the stream and leave it open."""
        ...


class ReadTables(Protocol):
    """``read_tables`` of a format's module: bytes to raw columns.

    `columns` chooses and orders columns (None: all), `kinds` says how to take each (default: ``"id"``).
    """

    def __call__(
        self,
        stream: BinaryIO,
        *,
        source: str,
        n_threads: int,
        columns: Sequence[str] | None,
        kinds: Mapping[str, Kind],
        **options: Any,
    ) -> Iterator[Table]:
        """Yield the columns of one stream in order."""
        ...


class WriteTables(Protocol):
    """``write_tables`` of a format's module: raw columns to bytes."""

    def __call__(self, tables: Iterable[Table], stream: BinaryIO, *, source: str, **options: Any) -> None:
        """Write all tables to the stream and leave it open."""
        ...
