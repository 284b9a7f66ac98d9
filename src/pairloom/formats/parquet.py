"""Parquet: tables of numbers or our sparse layout as rows, any columns as raw columns. Needs pyarrow.

Sparse rows lie in columns ``indices`` and ``values`` (lists), with ``label``, ``weight`` and ``fields`` where
there are any.
"""

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

_BATCH_ROWS = 1 << 16
_WHAT = "Parquet"


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
    """Read rows of numbers.

    Parameters
    ----------
    stream, source, n_threads, n_features
        See `pairloom.formats.protocols.ReadRows`. A stream that cannot seek is read into memory first.
    label_column, weight_column : str, optional
        Columns that are no feature. Default: a column ``label`` if there is one, and beside sparse rows a column
        ``weight``.
    absent : {"zero", "missing"}
        What a column stands for that a row leaves out; see `pairloom.formats.absent`.
        Nulls and NaN in dense rows are missing.

    Raises
    ------
    DataError
        For damaged bytes, and with row and column, for a missing value, other things than numbers, a number
        that is not finite, an index out of range, or lists of different lengths.
    MissingExtraError
        Without pyarrow.
    """
    with faults_named(_WHAT, source):
        file = _open(stream)
        yield from read_arrow_rows(
            file.schema_arrow,
            _batches(file, n_threads),
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
    """Read raw columns.

    Parameters
    ----------
    stream, source, n_threads, columns, kinds
        See `pairloom.formats.protocols.ReadTables`. A column without a kind is taken as its type says: see
        `pairloom.formats.arrow_columns.column_of_arrow`.

    Raises
    ------
    DataError
        For damaged bytes, a column that is not there, or one that cannot be taken as its kind.
    MissingExtraError
        Without pyarrow.
    """
    with faults_named(_WHAT, source):
        file = _open(stream)
        yield from read_arrow_tables(
            file.schema_arrow, _batches(file, n_threads), source=source, columns=columns, kinds=kinds
        )


def write_rows(
    batches: Iterable[RowBatch],
    stream: BinaryIO,
    *,
    source: str,
    layout: Literal["sparse", "dense"] = "sparse",
    n_features: int | None = None,
) -> None:
    """Write rows of numbers.

    Parameters
    ----------
    batches, stream, source
        See `pairloom.formats.protocols.WriteRows`.
    layout : {"sparse", "dense"}
        Dense rows have columns ``f0``, ``f1`` and so on.
    n_features : int, optional
        Width of every row. Default: that of the first batch.

    Raises
    ------
    DataError
        For an index beyond the width, or labels, weights or fields that only some batches have.
    MissingExtraError
        Without pyarrow.
    """
    _write(record_batches(batches, source=source, layout=layout, n_features=n_features), stream)


def write_tables(tables: Iterable[Table], stream: BinaryIO, *, source: str) -> None:
    """Write raw columns as int64, double and large_string.

    Raises
    ------
    DataError
        For tables with other columns, or of other types, than the first.
    MissingExtraError
        Without pyarrow.
    """
    _write(arrow_tables(tables, source=source), stream)


def _open(stream: BinaryIO) -> Any:
    pyarrow("Reading Parquet")
    from pyarrow.parquet import ParquetFile

    return ParquetFile(seekable(stream))


def _batches(file: Any, n_threads: int) -> OpenBatches:
    def batches(columns: Sequence[str]) -> Iterator[Any]:
        return file.iter_batches(_BATCH_ROWS, columns=list(columns), use_threads=n_threads > 1)

    return batches


def _write(batches: Iterator[Any], stream: BinaryIO) -> None:
    pyarrow("Writing Parquet")
    from pyarrow.parquet import ParquetWriter

    first = next(batches, None)
    if first is None:
        return
    with ParquetWriter(stream, first.schema) as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)
