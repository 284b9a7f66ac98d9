"""A JSON document, ``{"instances": [...]}``, as SageMaker's endpoints take it; rows and objects as of `json_lines`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO, Literal

import msgspec
import numpy as np

from pairloom.errors import DataError
from pairloom.formats import _native, json_lines
from pairloom.formats.absent import Absent, is_missing
from pairloom.formats.json_tables import Place, Value, table_of_objects
from pairloom.formats.pieces import Text, write_text
from pairloom.formats.protocols import Kind
from pairloom.rows import RowBatch
from pairloom.tables import Table

__all__ = ["parse_document", "read_rows", "read_tables", "write_rows"]

MAX_BYTES = 1 << 30
_BLOCK_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Objects(msgspec.Struct, forbid_unknown_fields=True):
    instances: list[dict[str, Value]]


_decoder = msgspec.json.Decoder(_Objects)


def read_rows(
    stream: BinaryIO,
    *,
    source: str,
    n_threads: int = 1,
    n_features: int | None = None,
    absent: Absent = "zero",
    max_bytes: int = MAX_BYTES,
) -> Iterator[RowBatch]:
    """Read a document, as a whole, into one batch.

    Parameters
    ----------
    stream, source, n_features
        See `pairloom.formats.protocols.ReadRows`. Rows must have exactly `n_features` columns if it is given.
    n_threads : int
        Of no effect.
    absent : {"zero", "missing"}
        What a column stands for that a row leaves out; see `pairloom.formats.absent`.
        null and NaN in dense rows are missing.
    max_bytes : int
        A longer document is an error; bounds the memory.

    Raises
    ------
    DataError
        With file, row and byte offset, for what `pairloom.formats.json_lines.read_rows` refuses.
    """
    text = _read_all(stream, source, max_bytes)
    yield parse_document(text, source=source, n_features=n_features, absent=absent)


def parse_document(
    text: bytes, *, source: str, n_features: int | None = None, absent: Absent = "zero"
) -> RowBatch:
    """Parse a document that is in memory; errors as of `read_rows`."""
    skipped = len(_BYTE_ORDER_MARK) if text.startswith(_BYTE_ORDER_MARK) else 0
    layout = _native.JsonLayout(-1 if n_features is None else n_features, is_missing(absent))
    try:
        *parts, _ = _native.parse_json_document(_bytes(text)[skipped:], layout)
    except _native.ParseError as fault:
        expected, got, action, row, byte_offset, _ = fault.args
        raise DataError(
            expected,
            got=got or None,
            action=action or None,
            source=source,
            row=row + 1,
            byte_offset=byte_offset + skipped,
        ) from None
    return RowBatch(*parts)


def read_tables(
    stream: BinaryIO,
    *,
    source: str,
    n_threads: int = 1,
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    max_bytes: int = MAX_BYTES,
    complete: bool = False,
) -> Iterator[Table]:
    """Read a document of plain objects, ``{"instances": [{"user": 42, "item": 7}]}``, into one table.

    Parameters
    ----------
    stream, source, columns, kinds, n_threads, complete
        As of `pairloom.formats.json_lines.read_tables`. Without `columns`, the first object names them.
    max_bytes : int
        A longer document is an error; bounds the memory.

    Raises
    ------
    DataError
        With the row, for what is no object of numbers, strings and lists of strings, a number column with
        anything else, or an object that is not `complete`.
    """
    text = _read_all(stream, source, max_bytes).removeprefix(_BYTE_ORDER_MARK)
    try:
        rows = _decoder.decode(text).instances
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        got = "deep nesting" if isinstance(fault, RecursionError) else f"something else ({fault})"
        raise DataError(
            'a document {"instances": [objects of numbers, strings, nulls and lists of strings]}',
            got=got,
            source=source,
        ) from None
    names = list(columns) if columns is not None else list(rows[0]) if rows else []
    yield table_of_objects(
        rows, names, kinds or {}, complete=complete, place=lambda i: Place(row=i + 1), source=source
    )


def write_rows(
    batches: Iterable[RowBatch],
    stream: BinaryIO,
    *,
    source: str,
    layout: Literal["sparse", "dense"] = "sparse",
    n_features: int | None = None,
) -> None:
    """Write a document; parameters and errors as of `pairloom.formats.json_lines.write_rows`."""
    write_text(stream, _bytes(b'{"instances":['))
    before = b"\n"
    for lines in json_lines.format_rows(batches, source=source, layout=layout, n_features=n_features):
        if len(lines) > 0:
            write_text(stream, _bytes(before + lines[:-1].tobytes().replace(b"}\n", b"},\n")))
            before = b",\n"
    write_text(stream, _bytes(b"\n]}\n"))


def _bytes(text: bytes) -> Text:
    return np.frombuffer(text, np.uint8)


def _read_all(stream: BinaryIO, source: str, max_bytes: int) -> bytes:
    blocks, n_bytes = list[bytes](), 0
    while block := stream.read(_BLOCK_BYTES):
        blocks.append(block)
        n_bytes += len(block)
        if n_bytes > max_bytes:
            raise DataError(
                f"a document of at most {max_bytes} bytes",
                got="a longer one",
                action="Write JSON Lines, which are read in pieces, or pass max_bytes",
                source=source,
            )
    return b"".join(blocks)
