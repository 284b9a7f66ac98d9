"""Writing CSV and TSV."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np

from pairloom.errors import DataError
from pairloom.formats import _native
from pairloom.formats.csv_layout import csv_format
from pairloom.formats.faults import at_row
from pairloom.formats.pieces import write_text
from pairloom.rows import RowBatch
from pairloom.tables import Column, StringColumn, Table

__all__ = ["write_rows", "write_tables"]


def write_rows(
    batches: Iterable[RowBatch],
    stream: BinaryIO,
    *,
    source: str,
    n_features: int | None = None,
    label_size: int = 1,
    has_weights: bool = False,
    header: bool = False,
    delimiter: str = ",",
    quote: str | None = '"',
    charset: str = "utf-8",
) -> None:
    """Write a dense matrix that reads back equal to the last bit: label, weight, features.

    Parameters
    ----------
    batches, stream, source
        See `pairloom.formats.protocols.WriteRows`. Repeated indices of a row add up; fields are left out.
    n_features : int, optional
        Number of feature columns. Default: what the first batch knows of.
    label_size : {0, 1}
        Whether the first column is the label.
    has_weights : bool
        Write the weight after the label.
    header : bool
        Write names first: ``label,weight,feature_0,feature_1,...``.
    delimiter, quote
        As for reading.
    charset : str
        Must be UTF-8.

    Raises
    ------
    DataError
        For rows without labels, weights that would get lost, an index beyond `n_features`, or a number that
        is not finite.
    """
    dialect = _dialect(delimiter, quote, charset)
    n_rows = 0
    for batch in batches:
        _check_parts(batch, source, label_size == 1, has_weights)
        if n_features is None:
            n_features = batch.n_features
        if header and n_rows == 0:
            names = ["label"] * label_size + ["weight"] * has_weights
            names += [f"feature_{i}" for i in range(n_features)]
            stream.write(delimiter.join(names).encode() + b"\n")
        try:
            text = _native.format_csv_rows(
                batch.indptr,
                batch.indices,
                batch.values,
                batch.labels if label_size else None,
                batch.weights if has_weights else None,
                n_features=n_features,
                format=dialect,
            )
        except _native.ParseError as fault:
            raise at_row(fault, source, n_rows) from None
        write_text(stream, text)
        n_rows += batch.n_rows


def write_tables(
    tables: Iterable[Table],
    stream: BinaryIO,
    *,
    source: str,
    header: bool = True,
    delimiter: str = ",",
    quote: str | None = '"',
    charset: str = "utf-8",
    label_size: int = 0,
) -> None:
    """Write raw columns; missing values become empty fields.

    Parameters
    ----------
    tables, stream, source
        See `pairloom.formats.protocols.WriteTables`.
    header : bool
        Write the names of the columns first.
    delimiter, quote
        As for reading.
    charset : str
        Must be UTF-8.
    label_size : int
        Of no effect, as for reading.

    Raises
    ------
    DataError
        For an infinite number, or text that needs quotes where there are none.
    """
    dialect = _dialect(delimiter, quote, charset)
    n_rows = 0
    for table in tables:
        try:
            if header and n_rows == 0:
                names: list[Any] = [_laid_out(StringColumn.from_strings([name])) for name in table.columns]
                write_text(stream, _native.format_csv_table(names, n_rows=1, format=dialect))
            columns = [_laid_out(column) for column in table.columns.values()]
            text = _native.format_csv_table(columns, n_rows=table.n_rows, format=dialect)
        except _native.ParseError as fault:
            raise at_row(fault, source, n_rows) from None
        write_text(stream, text)
        n_rows += table.n_rows


def _laid_out(column: Column) -> Any:
    if isinstance(column, StringColumn):
        return (column.offsets, column.data, column.valid)
    return np.ascontiguousarray(column)


def _dialect(delimiter: str, quote: str | None, charset: str) -> _native.CsvFormat:
    if charset.lower() not in ("utf-8", "utf8"):
        raise DataError("utf-8", got=charset, action="Recode the file afterwards", field="charset")
    return csv_format(delimiter, quote)


def _check_parts(batch: RowBatch, source: str, has_labels: bool, has_weights: bool) -> None:
    if has_labels and batch.labels is None:
        action = "Pass label_size=0 to write rows without"
        raise DataError("rows with labels", got="none", action=action, source=source)
    if batch.weights is not None and not has_weights:
        action = "Pass has_weights=True to write them after the label"
        raise DataError("a place for the weights", got="rows with weights", action=action, source=source)
    if has_weights and batch.weights is None:
        raise DataError("rows with weights", got="none", source=source)
