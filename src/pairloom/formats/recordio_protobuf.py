"""RecordIO-protobuf, the format of SageMaker's built-in algorithms.

Frames around `Record` messages, whose features and label sit under the key ``values`` as a tensor of float32,
float64 or int32, dense or with keys and a shape. The names that the SageMaker SDK gave its writers and its
reader until its third version dropped them are here too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any, BinaryIO, Literal, cast

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.formats import _native
from pairloom.formats.absent import Absent, is_missing
from pairloom.formats.batching import slice_rows
from pairloom.formats.dense import dense_blocks
from pairloom.formats.pieces import write_text
from pairloom.formats.recordio import read_recordio, write_recordio
from pairloom.formats.sagemaker_sdk import (
    read_records,
    write_numpy_to_dense_tensor,
    write_spmatrix_to_sparse_tensor,
)
from pairloom.formats.written_rows import check_indices, with_width
from pairloom.rows import RowBatch

__all__ = [
    "read_recordio",
    "read_records",
    "read_rows",
    "whole_records",
    "write_numpy_to_dense_tensor",
    "write_recordio",
    "write_rows",
    "write_spmatrix_to_sparse_tensor",
]

CHUNK_BYTES = 1 << 20
_BLOCK_ROWS = 1 << 15

Bytes = npt.NDArray[np.uint8]
Pending = tuple[Bytes, Callable[[], tuple[Any, ...]]]


def read_rows(
    stream: BinaryIO,
    *,
    source: str,
    n_threads: int = 1,
    n_features: int | None = None,
    absent: Absent = "zero",
    chunk_bytes: int = CHUNK_BYTES,
) -> Iterator[RowBatch]:
    """Read RecordIO-protobuf.

    Zeros of dense rows are left out. Rows of one stream have one width, the shape that sparse rows state and
    the number of values in dense ones, and all or none of them have a label; fields that are no part of a row
    (uid, metadata) are passed over.

    Parameters
    ----------
    stream, source, n_threads, n_features
        See `pairloom.formats.protocols.ReadRows`. Rows must have exactly `n_features` columns if it is given.
    absent : {"zero", "missing"}
        What a column stands for that a row leaves out; see `pairloom.formats.absent`.
        NaN in dense rows is missing.
    chunk_bytes : int
        Bytes read at once; more where a record is longer.

    Raises
    ------
    DataError
        With file, row and byte offset, for damaged or truncated bytes, rows of different widths, a key out of
        range, another number of keys than of values, a number that is not finite, and labels that are missing
        or more than one number.
    """
    layout = _native.RecordLayout(-1 if n_features is None else n_features, is_missing(absent))
    pieces = _pieces(stream, max(chunk_bytes, 8), in_one_buffer=n_threads == 1)
    results = _one_by_one(pieces, layout) if n_threads == 1 else _ahead(pieces, layout, n_threads)
    n_rows = offset = 0
    with closing(results):
        for piece, parse in results:
            try:
                rows = RowBatch(*parse()[:7])
            except _native.ParseError as fault:
                raise _located(fault, source, n_rows, offset) from None
            n_rows += rows.n_rows
            offset += len(piece)
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
    """Write RecordIO-protobuf with float32 tensors, byte for byte as the SageMaker SDK writes the same rows.

    Parameters
    ----------
    batches, stream, source
        See `pairloom.formats.protocols.WriteRows`.
    layout : {"sparse", "dense"}
        How features are laid out. A dense row adds up the values of an index that repeats.
    n_features : int, optional
        Width of every row. Default: that of the first batch.

    Raises
    ------
    DataError
        For an index beyond the width, a number that is not finite, or weights, for which there is no place.
    """
    if layout not in ("sparse", "dense"):
        raise DataError("'sparse' or 'dense'", got=repr(layout), field="layout")
    for batch, width, n_rows in with_width(batches, n_features):
        _check_content(batch, source)
        check_indices(batch, width, source, n_rows)
        for data in _sparse(batch, width) if layout == "sparse" else _dense(batch, width):
            write_text(stream, data)


def whole_records(data: bytes) -> tuple[int, bool]:
    """Return where the last whole record of some bytes ends, and whether what follows cannot begin one."""
    return _native.whole_records(np.frombuffer(data, np.uint8))


def _pieces(stream: BinaryIO, chunk_bytes: int, *, in_one_buffer: bool) -> Iterator[Bytes]:
    """Cut a stream into pieces of whole records; the last also holds what is damaged or cut off.

    In one buffer, a piece lasts until the next is asked for.
    """
    buffer = held = np.empty(0, np.uint8)
    while True:
        size, n_bytes = max(chunk_bytes, 2 * len(held)), len(held)
        if len(buffer) < size or not in_one_buffer:
            buffer = np.empty(size, np.uint8)
        buffer[:n_bytes] = held
        while n_bytes < len(buffer) and (n_read := _read_into(stream, buffer[n_bytes:])) > 0:
            n_bytes += n_read
        end, is_damaged = _native.whole_records(buffer[:n_bytes])
        if is_damaged or n_bytes < len(buffer):
            yield buffer[:n_bytes]
            return
        if end > 0:
            yield buffer[:end]
        held = buffer[end:]


def _read_into(stream: BinaryIO, space: Bytes) -> int:
    if hasattr(stream, "readinto"):
        return cast(Any, stream).readinto(space.data) or 0
    block = stream.read(len(space))
    space[: len(block)] = np.frombuffer(block, np.uint8)
    return len(block)


def _located(fault: _native.ParseError, source: str, n_rows: int, offset: int) -> DataError:
    expected, got, action, row, byte_offset, field = fault.args
    return DataError(
        expected,
        got=got or None,
        action=action or None,
        source=source,
        row=n_rows + row + 1,
        byte_offset=offset + byte_offset,
        field=field or None,
    )


def _one_by_one(pieces: Iterator[Bytes], layout: _native.RecordLayout) -> Generator[Pending]:
    for piece in pieces:
        yield piece, partial(_native.parse_records, piece, layout)


def _ahead(pieces: Iterator[Bytes], layout: _native.RecordLayout, n_threads: int) -> Generator[Pending]:
    """Leave the first piece to the caller, which settles the layout, and parse the others in threads."""
    first = next(pieces)
    yield first, partial(_native.parse_records, first, layout)
    pending: deque[Pending] = deque()
    with ThreadPoolExecutor(n_threads, "pairloom-parse") as executor:
        for piece in pieces:
            pending.append((piece, executor.submit(_native.parse_records, piece, layout.copy()).result))
            if len(pending) > n_threads:
                yield pending.popleft()
        yield from pending


def _check_content(batch: RowBatch, source: str) -> None:
    if batch.weights is not None:
        action = "Write libsvm with has_weights=True, or leave the weights out"
        raise DataError("rows without weights", got="rows with weights", action=action, source=source)
    for name, numbers in (("values", batch.values), ("labels", batch.labels)):
        if numbers is not None and not np.isfinite(numbers).all():
            raise DataError("finite numbers", got="nan or inf", source=source, field=name)


def _sparse(batch: RowBatch, n_features: int) -> Iterator[Bytes]:
    for start in range(0, batch.n_rows, _BLOCK_ROWS):
        rows = slice_rows(batch, start, min(start + _BLOCK_ROWS, batch.n_rows))
        yield _native.write_sparse_records(rows.indptr, rows.indices, rows.values, n_features, rows.labels)


def _dense(batch: RowBatch, n_features: int) -> Iterator[Bytes]:
    for start, block in dense_blocks(batch, n_features):
        labels = None if batch.labels is None else batch.labels[start : start + len(block)]
        yield _native.write_dense_records(block, labels)
