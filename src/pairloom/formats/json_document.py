"""A JSON document, ``{"instances": [...]}``, as SageMaker's endpoints take it; rows as of `json_lines`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Literal

import numpy as np

from pairloom.errors import DataError
from pairloom.formats import _native, json_lines
from pairloom.formats.pieces import Text, write_text
from pairloom.rows import RowBatch

__all__ = ["read_rows", "write_rows"]

MAX_BYTES = 1 << 30
_BLOCK_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_rows(
    stream: BinaryIO,
    *,
    source: str,
    n_threads: int = 1,
    n_features: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> Iterator[RowBatch]:
    """Read a document, as a whole, into one batch.

    Parameters
    ----------
    stream, source, n_features
        See `pairloom.formats.protocols.ReadRows`. Rows must have exactly `n_features` columns if it is given.
    n_threads : int
        Of no effect.
    max_bytes : int
        A longer document is an error; bounds the memory.

    Raises
    ------
    DataError
        With file, row and byte offset, for what `pairloom.formats.json_lines.read_rows` refuses.
    """
    text = _read_all(stream, source, max_bytes)
    skipped = len(_BYTE_ORDER_MARK) if text.startswith(_BYTE_ORDER_MARK) else 0
    layout = _native.JsonLayout(-1 if n_features is None else n_features)
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
    yield RowBatch(*parts)


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
