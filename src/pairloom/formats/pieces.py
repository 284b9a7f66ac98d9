"""A stream of text in pieces of whole lines, parsed by several threads in file order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.formats import _native
from pairloom.formats.faults import at_line

__all__ = ["CHUNK_BYTES", "MAX_LINE_BYTES", "Text", "cut_lines", "parse_in_order", "write_text"]

CHUNK_BYTES = 8 << 20
MAX_LINE_BYTES = 64 << 20

Text = npt.NDArray[np.uint8]
Cut = Callable[[Text], int]
"""Where the last whole record of a text ends, 0 if none does."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP_MAGIC = b"\x1f\x8b"


def cut_lines(
    stream: BinaryIO,
    *,
    source: str,
    chunk_bytes: int,
    max_line_bytes: int,
    cut: Cut = _native.last_line_end,
) -> Iterator[Text]:
    """Read a stream in pieces of whole lines, each of `chunk_bytes` or one longer line.

    Raises
    ------
    DataError
        For a line longer than `max_line_bytes`, so that memory stays bounded, or gzip without its ending.
    """
    held: Text = np.empty(0, np.uint8)
    offset, starting = 0, True
    while True:
        buffer, n_bytes, ended = _filled(stream, held, chunk_bytes)
        if starting:
            buffer, n_bytes = _checked_start(buffer, n_bytes, source)
            starting = False
        end = n_bytes if ended else cut(buffer[:n_bytes])
        if end > 0:
            yield buffer[:end]
            offset += end
        elif not ended and n_bytes > max_line_bytes:
            raise DataError(
                f"lines of at most {max_line_bytes} bytes",
                got=f"{n_bytes} bytes without an end",
                action="Check that this is text with line ends and balanced quotes, or pass max_line_bytes",
                source=source,
                byte_offset=offset,
            )
        if ended:
            return
        held = buffer[end:n_bytes]


def _filled(stream: BinaryIO, held: Text, chunk_bytes: int) -> tuple[Text, int, bool]:
    # Twice the size for a line that outgrew its buffer, so that reading it takes linear time.
    capacity = max(chunk_bytes, 2 * len(held))
    buffer = np.empty(capacity, np.uint8)
    buffer[: len(held)] = held
    n_bytes = len(held)
    while n_bytes < capacity:
        n_read = _read_into(stream, buffer[n_bytes:].data)
        if n_read == 0:
            return buffer, n_bytes, True
        n_bytes += n_read
    return buffer, n_bytes, False


def _read_into(stream: BinaryIO, view: memoryview) -> int:
    if hasattr(stream, "readinto"):
        return cast(int, cast(Any, stream).readinto(view) or 0)
    block = stream.read(len(view))
    view[: len(block)] = block
    return len(block)


def _checked_start(buffer: Text, n_bytes: int, source: str) -> tuple[Text, int]:
    start = buffer[: min(n_bytes, 3)].tobytes()
    if start.startswith(_GZIP_MAGIC):
        action = "Name the file .gz, or open it with gzip"
        raise DataError("text", got="gzip data", action=action, source=source, byte_offset=0)
    skipped = len(_BYTE_ORDER_MARK) if start == _BYTE_ORDER_MARK else 0
    return buffer[skipped:], n_bytes - skipped


def parse_in_order(
    pieces: Iterator[Text],
    parse: Callable[[Text], tuple[Any, ...]],
    *,
    source: str,
    n_threads: int,
    n_lines_before: int = 0,
) -> Generator[tuple[Any, ...]]:
    """Parse pieces with `n_threads` threads and yield the results in order.

    Parameters
    ----------
    pieces : iterator of arrays
    parse : callable
        A native parser, which lets other threads run; returns a tuple whose last item is the number of lines.
    source : str
        What errors call the text.
    n_threads : int
        With 1, nothing runs beside the caller; with more, up to ``n_threads + 1`` pieces are ahead of it.
    n_lines_before : int
        Lines of the source before the first piece.

    Raises
    ------
    DataError
        With the line of the stream, for a `ParseError` of the parser.
    """
    n_lines = n_lines_before
    for piece, result in _one_by_one(pieces, parse) if n_threads == 1 else _ahead(pieces, parse, n_threads):
        try:
            parsed = result()
        except _native.ParseError as fault:
            raise at_line(fault, source, piece, n_lines) from None
        n_lines += parsed[-1]
        yield parsed


Pending = tuple[Text, Callable[[], tuple[Any, ...]]]


def _one_by_one(pieces: Iterator[Text], parse: Callable[[Text], tuple[Any, ...]]) -> Iterator[Pending]:
    for piece in pieces:
        yield piece, lambda piece=piece: parse(piece)


def _ahead(
    pieces: Iterator[Text], parse: Callable[[Text], tuple[Any, ...]], n_threads: int
) -> Generator[Pending]:
    pending: deque[tuple[Text, Future[tuple[Any, ...]]]] = deque()
    executor = ThreadPoolExecutor(n_threads, "pairloom-parse")
    unread: DataError | None = None
    try:
        while True:
            try:
                piece = next(pieces, None)
            except DataError as fault:
                # Only after what was read before it: the first fault of the file is the one to report.
                unread = fault
                break
            if piece is None:
                break
            pending.append((piece, executor.submit(parse, piece)))
            if len(pending) > n_threads:
                first, future = pending.popleft()
                yield first, future.result
        while pending:
            first, future = pending.popleft()
            yield first, future.result
        if unread is not None:
            raise unread
    finally:
        executor.shutdown(cancel_futures=True)


def write_text(stream: BinaryIO, text: Text) -> None:
    """Write all of a text, to a raw stream as well, which may take less than it is given."""
    view = text.data
    while len(view) > 0:
        n_written = cast("int | None", stream.write(view))
        view = view[len(view) if n_written is None else n_written :]
