"""JSON Lines: rows in SageMaker's forms (`read_rows`) or plain objects as raw columns (`read_tables`).

A row is an array of numbers, ``{"features": [0.5, 1]}``, ``{"features": {"values": [0.5, 1]}}`` or, sparse,
``{"features": {"keys": [3, 17], "shape": [100], "values": [0.5, 1]}}``; ``"features"`` may be wrapped in
``{"data": ...}`` or its content stand alone; ``"label"`` and ``"weight"`` are numbers beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO, Literal

from pairloom.errors import DataError
from pairloom.formats import _native
from pairloom.formats.absent import Absent, is_missing
from pairloom.formats.faults import at_row
from pairloom.formats.json_tables import read_tables, write_tables
from pairloom.formats.pieces import (
    CHUNK_BYTES,
    MAX_LINE_BYTES,
    Text,
    cut_lines,
    parse_in_order,
    write_text,
)
from pairloom.formats.written_rows import check_indices, with_width
from pairloom.rows import RowBatch

__all__ = ["format_rows", "read_rows", "read_tables", "write_rows", "write_tables"]


def read_rows(
    stream: BinaryIO,
    *,
    source: str,
    n_threads: int = 1,
    n_features: int | None = None,
    absent: Absent = "zero",
    chunk_bytes: int = CHUNK_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[RowBatch]:
    """Read rows of numbers; zeros of dense rows are left out, blank lines passed over.

    Parameters
    ----------
    stream, source, n_threads, n_features
        See `pairloom.formats.protocols.ReadRows`. Rows must have exactly `n_features` columns if it is given.
    absent : {"zero", "missing"}
        What a column stands for that a row leaves out; see `pairloom.formats.absent`.
        null and NaN in dense rows are missing.
    chunk_bytes : int
        Text parsed at once, by one thread.
    max_line_bytes : int
        A longer line is an error; bounds the memory.

    Raises
    ------
    DataError
        With file and line, for what is no JSON or no row, rows of different widths, a key out of range, a
        number that is not finite, and a label or weight that only some rows have.
    """
    layout = _native.JsonLayout(-1 if n_features is None else n_features, is_missing(absent))
    pieces = cut_lines(stream, source=source, chunk_bytes=chunk_bytes, max_line_bytes=max_line_bytes)
    pieces = _settled(pieces, layout)

    def parse(text: Text) -> tuple[object, ...]:
        return _native.parse_json_lines(text, layout.copy())

    for *parts, _ in parse_in_order(pieces, parse, source=source, n_threads=n_threads):
        rows = RowBatch(*parts)
        if rows.n_rows > 0:
            yield rows


def write_rows(
    batches: Iterable[RowBatch],
    stream: BinaryIO,
    *,
    source: str,
    layout: Literal["sparse", "dense"] = "sparse",
    n_features: int | None = None,
) -> None:
    """Write rows of numbers as ``{"data": {"features": {...}}, "label": ...}``; fields are left out.

    Parameters
    ----------
    batches, stream, source
        See `pairloom.formats.protocols.WriteRows`.
    layout : {"sparse", "dense"}
        Whether features are written with keys and shape. A dense row adds up the values of an index that
        repeats.
    n_features : int, optional
        Width of every row. Default: that of the first batch.

    Raises
    ------
    DataError
        For an index beyond the width or a number that is not finite.
    """
    for text in format_rows(batches, source=source, layout=layout, n_features=n_features):
        write_text(stream, text)


def format_rows(
    batches: Iterable[RowBatch], *, source: str, layout: str, n_features: int | None
) -> Iterator[Text]:
    """Yield the lines of `write_rows`, some at a time."""
    if layout not in ("sparse", "dense"):
        raise DataError("'sparse' or 'dense'", got=repr(layout), field="layout")
    for batch, width, n_rows in with_width(batches, n_features):
        check_indices(batch, width, source, n_rows)
        try:
            yield _native.format_json_lines(
                batch.indptr,
                batch.indices,
                batch.values,
                batch.labels,
                batch.weights,
                n_features=width,
                dense=layout == "dense",
            )
        except _native.ParseError as fault:
            raise at_row(fault, source, n_rows) from None


def _settled(pieces: Iterator[Text], layout: _native.JsonLayout) -> Iterator[Text]:
    """Let the first row settle the layout before pieces are parsed side by side."""
    blank: list[Text] = []
    for piece in pieces:
        blank.append(piece)
        try:
            if layout.settle(piece):
                break
        except _native.ParseError:
            break  # and parsing the piece tells of it, with its line
    return chain(blank, pieces)
