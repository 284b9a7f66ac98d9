"""CSV and TSV: as matrices of numbers (`read_rows`) or as raw columns (`read_tables`).

Fields may be quoted as RFC 4180 has it, and then hold delimiters and line ends; lines end with LF or CRLF;
empty lines are skipped. An empty field is a missing value: no number in a matrix, unless it is read with
``absent="missing"``, allowed in a table.

References
----------
RFC 4180, "Common format and MIME type for comma-separated values files".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, BinaryIO, Literal

from pairloom.errors import DataError
from pairloom.formats import _native
from pairloom.formats.absent import Absent, is_missing
from pairloom.formats.csv_layout import csv_format, in_utf8, layout_of
from pairloom.formats.csv_writing import write_rows, write_tables
from pairloom.formats.pieces import CHUNK_BYTES, MAX_LINE_BYTES, cut_lines, parse_in_order
from pairloom.formats.protocols import Kind
from pairloom.rows import RowBatch
from pairloom.tables import Column, StringColumn, Table

__all__ = ["read_rows", "read_tables", "write_rows", "write_tables"]

_KIND_CODES: Mapping[str, int] = {"id": 1, "number": 2, "text": 3}
_SKIP = 0


def read_rows(
    stream: BinaryIO,
    *,
    source: str,
    n_threads: int = 1,
    n_features: int | None = None,
    label_size: int = 1,
    label_column: str | int | None = None,
    weight_column: str | int | None = None,
    header: bool | Literal["auto"] = "auto",
    names: Sequence[str] | None = None,
    delimiter: str = ",",
    quote: str | None = '"',
    charset: str = "utf-8",
    absent: Absent = "zero",
    chunk_bytes: int = CHUNK_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[RowBatch]:
    """Read a matrix of numbers; zeros are left out.

    Parameters
    ----------
    stream, source, n_threads
        See `pairloom.formats.protocols.ReadRows`.
    n_features : int, optional
        The number of columns that are neither label nor weight must be this.
    label_size : {0, 1}
        Whether the first column is the label.
    label_column, weight_column : str or int, optional
        Column by its name or its position from 0; `label_column` wins over `label_size`.
    header : bool or "auto"
        Whether the first row names the columns. "auto": if not one of its fields is a number.
    names : sequence of str, optional
        Names of the columns; a header must say the same.
    delimiter : str
        One byte, or one twice (``"::"``).
    quote : str, optional
        None if quotes are ordinary characters.
    charset : str
        ``"utf-8"``, ``"latin-1"`` or ``"cp1252"``.
    absent : {"zero", "missing"}
        What a column stands for that a row leaves out; see `pairloom.formats.absent`.
        Empty fields and NaN are missing.
    chunk_bytes : int
        Text parsed at once, by one thread.
    max_line_bytes : int
        A longer row is an error; bounds the memory.

    Raises
    ------
    DataError
        With file, line and column, for rows of another width, fields that are no finite number, bad quotes.
    """
    dialect = csv_format(delimiter, quote)
    cut = partial(_native.last_record_end, quote=quote or "\0")
    lines = cut_lines(stream, source=source, chunk_bytes=chunk_bytes, max_line_bytes=max_line_bytes, cut=cut)
    pieces = in_utf8(lines, charset)
    layout = layout_of(pieces, dialect, header=header, names=names, source=source)
    if layout is None:
        return
    if label_size not in (0, 1):
        raise DataError("0 or 1 label columns", got=str(label_size), field="label_size")
    label = layout.position(label_column) if label_column is not None else label_size - 1
    weight = layout.position(weight_column) if weight_column is not None else -1
    if label >= 0 and label == weight:
        raise DataError("labels and weights in two columns", got=layout.names[label], source=source)
    width = len(layout.names) - (label >= 0) - (weight >= 0)
    if n_features is not None and n_features != width:
        raise DataError(
            f"{n_features} feature columns", got=str(width), source=source, line=layout.n_lines + 1
        )
    parse = partial(
        _native.parse_csv_rows,
        format=dialect,
        names=layout.names,
        label_column=label,
        weight_column=weight,
        absent_is_missing=is_missing(absent),
    )
    for *parts, _ in parse_in_order(
        layout.pieces, parse, source=source, n_threads=n_threads, n_lines_before=layout.n_lines
    ):
        yield RowBatch(*parts)


def read_tables(
    stream: BinaryIO,
    *,
    source: str,
    n_threads: int = 1,
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    header: bool | Literal["auto"] = "auto",
    names: Sequence[str] | None = None,
    label_size: int = 0,
    delimiter: str = ",",
    quote: str | None = '"',
    charset: str = "utf-8",
    chunk_bytes: int = CHUNK_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[Table]:
    """Read raw columns.

    Parameters
    ----------
    stream, source, n_threads, columns, kinds
        See `pairloom.formats.protocols.ReadTables`. "id" columns are int64 in a batch where every field is an
        integer as one would write it, else strings; "number" columns are float64, NaN where missing; "text"
        columns are strings.
    header, names
        As for `read_rows`; without either, columns are called ``column_1`` and so on.
    label_size : int
        Of no effect: a table keeps its labels among its columns.
    delimiter, quote, charset, chunk_bytes, max_line_bytes
        As for `read_rows`.

    Raises
    ------
    DataError
        With file, line and column, for rows of another width, numbers that are none, bad quotes, text that is
        not in `charset`, or a column that is not there.
    """
    dialect = csv_format(delimiter, quote)
    cut = partial(_native.last_record_end, quote=quote or "\0")
    lines = cut_lines(stream, source=source, chunk_bytes=chunk_bytes, max_line_bytes=max_line_bytes, cut=cut)
    pieces = in_utf8(lines, charset)
    layout = layout_of(pieces, dialect, header=header, names=names, source=source)
    if layout is None:
        return
    wanted = list(layout.names) if columns is None else list(columns)
    positions = [layout.position(name) for name in wanted]
    codes = [_SKIP] * len(layout.names)
    for name, position in zip(wanted, positions, strict=True):
        codes[position] = _code((kinds or {}).get(name, "id"), name)
    for name in kinds or ():
        layout.position(name)
    parse = partial(_native.parse_csv_table, format=dialect, kinds=codes, names=layout.names)
    for found, n_rows, _ in parse_in_order(
        layout.pieces, parse, source=source, n_threads=n_threads, n_lines_before=layout.n_lines
    ):
        yield Table({name: _column(found[at]) for name, at in zip(wanted, positions, strict=True)}, n_rows)


def _code(kind: str, name: str) -> int:
    if kind not in _KIND_CODES:
        raise DataError(f"a kind out of {', '.join(_KIND_CODES)}", got=kind, field=name)
    return _KIND_CODES[kind]


def _column(found: Any) -> Column:
    return StringColumn(*found) if isinstance(found, tuple) else found
