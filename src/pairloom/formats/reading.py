"""Reading any source in any format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, cast

from pairloom.errors import DataError
from pairloom.formats.batching import in_batches_of
from pairloom.formats.protocols import Kind, ReadRows, ReadTables
from pairloom.formats.registry import operation
from pairloom.formats.sources import Input, Source, each_input, resolve_format
from pairloom.rows import RowBatch
from pairloom.tables import Table

__all__ = ["read_rows", "read_tables"]


def read_rows(
    source: Source,
    *,
    content_type: str | None = None,
    batch_rows: int | None = None,
    n_threads: int = 1,
    n_features: int | None = None,
    **options: Any,
) -> Iterator[RowBatch]:
    """Read sparse rows, streaming: memory is bounded by a few batches.

    Parameters
    ----------
    source : path, folder, glob, open binary file, or a list of these; or an iterator of open binary files
        ``.gz``, ``.bz2`` and ``.xz`` are decompressed on the way.
    content_type : str, optional
        A content type such as ``"text/csv; label_size=1"`` or a format's name. Default: by file ending.
    batch_rows : int, optional
        Rows of every batch but the last. Default: whatever comes cheapest, some ten thousand.
    n_threads : int
        Parsing threads. With more than one, coming batches are parsed while the caller works on this one.
    n_features : int, optional
        Width of the matrix; an index beyond it is an error. Default: as wide as what has been read so far.
    **options
        Of the format: see its module's ``read_rows``.

    Returns
    -------
    iterator of RowBatch
        None of them empty.

    Raises
    ------
    DataError
        At once for a source that cannot be found or an unknown content type, while reading for bad data.
    """
    inputs = each_input(source)
    known, implied = resolve_format(inputs, content_type)
    read = cast(ReadRows, operation(known, "read_rows"))
    settings = (
        implied | options | {"n_threads": _at_least_one("n_threads", n_threads), "n_features": n_features}
    )
    batches = _all_rows(inputs, read, settings, known.fixed_width)
    return batches if batch_rows is None else in_batches_of(_at_least_one("batch_rows", batch_rows), batches)


def read_tables(
    source: Source,
    *,
    content_type: str | None = None,
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    n_threads: int = 1,
    **options: Any,
) -> Iterator[Table]:
    """Read raw columns, streaming, for an encoder to turn into rows.

    Parameters
    ----------
    source, content_type, n_threads, **options
        As for `read_rows`.
    columns : sequence of str, optional
        Columns to read, in this order. Default: all.
    kinds : mapping of str to {"id", "number", "text"}, optional
        How to take each column. Default: ``"id"``.

    Returns
    -------
    iterator of Table

    Raises
    ------
    DataError
        At once for a source that cannot be found or an unknown content type, while reading for bad data.
    """
    inputs = each_input(source)
    known, implied = resolve_format(inputs, content_type)
    read = cast(ReadTables, operation(known, "read_tables"))
    settings = implied | options | {"n_threads": _at_least_one("n_threads", n_threads)}
    return _all_tables(inputs, read, settings | {"columns": columns, "kinds": kinds or {}})


def _all_rows(
    inputs: Iterable[Input], read: ReadRows, settings: dict[str, Any], fixed_width: bool
) -> Iterator[RowBatch]:
    n_features = 0
    for each in inputs:
        with (
            each.opened() as stream,
            closing(_generator(read(stream, source=each.name, **settings))) as batches,
        ):
            n_rows = 0
            for batch in batches:
                n_rows += batch.n_rows
                n_features = max(n_features, batch.n_features)
                if batch.n_rows > 0:
                    yield batch if batch.n_features == n_features else replace(batch, n_features=n_features)
        _check_not_empty(n_rows, each)
        if fixed_width:
            settings = settings | {"n_features": n_features}


def _all_tables(inputs: Iterable[Input], read: ReadTables, settings: dict[str, Any]) -> Iterator[Table]:
    names: list[str] | None = None
    first = ""
    for each in inputs:
        first = first or each.name
        with (
            each.opened() as stream,
            closing(_generator(read(stream, source=each.name, **settings))) as tables,
        ):
            n_rows = 0
            for table in tables:
                n_rows += table.n_rows
                found = list(table.columns)
                if names is not None and found != names:
                    raise DataError(f"the columns of {first}: {names}", got=str(found), source=each.name)
                names = found
                if table.n_rows > 0:
                    yield table
        _check_not_empty(n_rows, each)


def _generator(items: Iterator[Any]) -> Any:
    return (item for item in items) if not hasattr(items, "close") else items


def _check_not_empty(n_rows: int, each: Input) -> None:
    if n_rows == 0:
        raise DataError("at least one row", got="none", action="Remove the file or fill it", source=each.name)


def _at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise DataError("an integer of at least 1", got=str(value), field=name)
    return value
