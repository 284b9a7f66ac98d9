"""JSON Lines as raw columns: a plain object a line, ``{"user": 1, "item": "x", "genres": ["a", "b"]}``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec
import numpy as np

from pairloom.errors import DataError
from pairloom.formats.pieces import MAX_LINE_BYTES, Text, cut_lines
from pairloom.formats.protocols import Kind
from pairloom.tables import Column, StringColumn, Table

__all__ = ["Place", "Value", "read_tables", "table_of_objects", "write_tables"]

CHUNK_BYTES = 1 << 20
LIST_SEPARATOR = "|"
_KINDS = ("id", "number", "text")
_INT64 = range(-(2**63), 2**63)

Value = int | float | str | bool | None | list[str]
_decoder = msgspec.json.Decoder(dict[str, Value])


class Place(NamedTuple):
    """Where an object stands, counted from 1: its row in a document or its line in a file."""

    row: int | None = None
    line: int | None = None


def read_tables(
    stream: BinaryIO,
    *,
    source: str,
    n_threads: int = 1,
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    chunk_bytes: int = CHUNK_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
    complete: bool = False,
) -> Iterator[Table]:
    """Read one object a line; blank lines are passed over.

    Parameters
    ----------
    stream, source, n_threads, columns, kinds
        See `pairloom.formats.protocols.ReadTables`. Without `columns`, the first row names them. A member
        that is absent or null is a missing value. Lists of strings become one string, joined with ``|``.
        Lines are parsed by the caller's thread, whatever `n_threads`.
    chunk_bytes : int
        Text parsed at once.
    max_line_bytes : int
        A longer line is an error; bounds the memory.
    complete : bool
        Whether every object must have all of `columns`; null still is a missing value.

    Raises
    ------
    DataError
        With file and line, for what is no object of numbers, strings and lists of strings, a number column
        with anything else, an object that is not `complete`, or without `columns`, a member that the first row
        does not have.
    """
    kinds = kinds or {}
    for name, kind in kinds.items():
        if kind not in _KINDS:
            raise DataError(f"a kind out of {', '.join(_KINDS)}", got=kind, field=name)
    names, n_lines = None if columns is None else list(columns), 0
    for piece in cut_lines(stream, source=source, chunk_bytes=chunk_bytes, max_line_bytes=max_line_bytes):
        rows, lines = _decode(piece, source, n_lines)
        n_lines += int(np.count_nonzero(piece == ord("\n")))
        if not rows:
            continue
        if names is None:
            names = list(rows[0])
            if unknown := set(kinds) - set(names):
                raise DataError(f"a column out of {names}", got=min(unknown), source=source, field="kinds")
        if columns is None:
            _check_members(rows, lines, names, source)

        def line_of(i: int, lines: list[int] = lines) -> Place:
            return Place(line=lines[i])

        yield table_of_objects(rows, names, kinds, complete=complete, place=line_of, source=source)


def table_of_objects(
    rows: Sequence[Mapping[str, Value]],
    columns: Sequence[str],
    kinds: Mapping[str, Kind],
    *,
    complete: bool,
    place: Callable[[int], Place],
    source: str,
) -> Table:
    """Take columns out of objects; `place` says where the i-th stands, for errors."""
    if complete:
        for i, row in enumerate(rows):
            if absent := [name for name in columns if name not in row]:
                raise DataError(
                    f"an object with {', '.join(columns)}", got=f"none called {absent[0]!r}",
                    action="Write null where a value is missing", source=source, row=place(i).row, line=place(i).line,
                )  # fmt: skip
    found = {name: [row.get(name) for row in rows] for name in columns}
    taken = {name: _column(found[name], kinds.get(name, "id"), name, place, source) for name in columns}
    return Table(taken, len(rows))


def write_tables(tables: Iterable[Table], stream: BinaryIO, *, source: str) -> None:
    """Write one object a line; missing values and NaN become null.

    Parameters
    ----------
    tables, stream, source
        See `pairloom.formats.protocols.WriteTables`.

    Raises
    ------
    DataError
        For an infinite number.
    """
    encoder = msgspec.json.Encoder()
    for table in tables:
        names = list(table.columns)
        values = [_values(column, name, source) for name, column in table.columns.items()]
        rows = (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))
        stream.write(encoder.encode_lines(rows))


def _decode(piece: Text, source: str, n_lines: int) -> tuple[list[dict[str, Value]], list[int]]:
    rows, lines = list[dict[str, Value]](), list[int]()
    for line, text in enumerate(piece.tobytes().split(b"\n"), n_lines + 1):
        if not text.strip(b" \t\r"):
            continue
        try:
            rows.append(_decoder.decode(text))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise DataError(
                "an object of numbers, strings, nulls and lists of strings",
                got=_spelled_fault(fault),
                action="Write one object a line, without objects in it",
                source=source,
                line=line,
            ) from None
        lines.append(line)
    return rows, lines


def _spelled_fault(fault: Exception) -> str:
    return "deep nesting" if isinstance(fault, RecursionError) else f"something else ({fault})"


def _check_members(rows: list[dict[str, Value]], lines: list[int], names: list[str], source: str) -> None:
    known = set(names)
    for row, line in zip(rows, lines, strict=True):
        if not row.keys() <= known:
            raise DataError(
                f"no member but those of the first row, {names}",
                got=min(row.keys() - known),
                action="Pass columns to choose among more",
                source=source,
                line=line,
            )


def _column(values: list[Value], kind: Kind, name: str, place: Callable[[int], Place], source: str) -> Column:
    if kind == "number":
        numbers = [_number(value) for value in values]
        if None in numbers:
            at = numbers.index(None)
            got = repr(values[at])[:40]
            raise DataError(
                "a number within float64 or null",
                got=got,
                source=source,
                field=name,
                row=place(at).row,
                line=place(at).line,
            )
        return np.array(numbers, np.float64)
    if kind == "id" and all(type(value) is int and value in _INT64 for value in values):
        return np.array(values, np.int64)
    return StringColumn.from_strings(_text(value) for value in values)


def _number(value: Value) -> float | None:
    if value is None:
        return math.nan
    if isinstance(value, bool | str | list):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _text(value: Value) -> str | None:
    if isinstance(value, list):
        return LIST_SEPARATOR.join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str | None) else str(value)


def _values(column: Column, name: str, source: str) -> list[Any]:
    if isinstance(column, StringColumn):
        return cast("list[Any]", column.to_strings())
    if np.isinf(column).any():
        raise DataError("finite numbers", got="inf", source=source, field=name)
    return [None if value != value else value for value in column.tolist()]  # noqa: PLR0124 - NaN
