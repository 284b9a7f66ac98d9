"""Writing any format, compressed by the file's ending."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from pairloom.errors import DataError
from pairloom.formats.compression import split_ending, write_compressed
from pairloom.formats.protocols import WriteRows, WriteTables
from pairloom.formats.registry import Format, by_content_type, by_ending, operation
from pairloom.rows import RowBatch
from pairloom.tables import Table

__all__ = ["Target", "resolve_target", "write_rows", "write_tables"]

Target = str | os.PathLike[str] | BinaryIO
"""A file to write, or an open binary file."""


def write_rows(
    batches: Iterable[RowBatch], target: Target, *, content_type: str | None = None, **options: Any
) -> None:
    """Write sparse rows, streaming; a file appears whole or not at all.

    Parameters
    ----------
    batches : iterable of RowBatch
    target : path or open binary file
    content_type : str, optional
        A content type or a format's name. Default: by file ending.
    **options
        Of the format: see its module's ``write_rows``.

    Raises
    ------
    DataError
        For an unknown content type or ending, or rows that the format cannot hold.
    """
    known, implied, name = resolve_target(target, content_type)
    write = cast(WriteRows, operation(known, "write_rows"))
    with _opened(target) as stream:
        write(batches, stream, source=name, **(implied | options))


def write_tables(
    tables: Iterable[Table], target: Target, *, content_type: str | None = None, **options: Any
) -> None:
    """Write raw columns, streaming; a file appears whole or not at all. Parameters as for `write_rows`."""
    known, implied, name = resolve_target(target, content_type)
    write = cast(WriteTables, operation(known, "write_tables"))
    with _opened(target) as stream:
        write(tables, stream, source=name, **(implied | options))


def resolve_target(target: Target, content_type: str | None) -> tuple[Format, dict[str, Any], str]:
    """Find the format of a target, the options that its content type implies, and its name."""
    name = (
        os.fspath(target) if isinstance(target, (str, os.PathLike)) else getattr(target, "name", "<stream>")
    )
    name = name if isinstance(name, str) else "<stream>"
    if content_type is not None:
        return (*by_content_type(content_type), name)
    return (*by_ending(split_ending(Path(name))[0], name), name)


@contextmanager
def _opened(target: Target) -> Generator[BinaryIO]:
    if not isinstance(target, (str, os.PathLike)):
        yield target
        return
    path = Path(target)
    if path.exists() and not path.is_file():
        with path.open("wb") as stream, _compressing(stream, path) as out:
            yield out
        return
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        stream = partial.open("wb")
    except OSError as fault:
        raise DataError("a folder that can be written to", got=fault.strerror, source=str(path)) from fault
    try:
        with stream, _compressing(stream, path) as out:
            yield out
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _compressing(stream: BinaryIO, path: Path) -> Generator[BinaryIO]:
    compression = split_ending(path)[1]
    if compression == "":
        yield stream
        return
    with write_compressed(stream, compression, str(path)) as out:
        yield out
