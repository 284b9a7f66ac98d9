"""What a CSV file looks like: its dialect, its charset and the names of its columns."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np

from pairloom.errors import DataError
from pairloom.formats import _native
from pairloom.formats.faults import at_line
from pairloom.formats.pieces import Text

__all__ = ["Layout", "csv_format", "in_utf8", "layout_of"]

_FORBIDDEN_DELIMITERS = "\0\n\r\"'.+-_"
_ONE_BYTE_CHARSETS = {"ascii", "iso8859-1", "cp1252"}


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a file, and its text behind the header, which takes up `n_lines`."""

    names: list[str]
    pieces: Iterator[Text]
    n_lines: int
    source: str

    def position(self, column: str | int) -> int:
        """Find a column by name, or by position from 0.

        Raises
        ------
        DataError
            If there is none such.
        """
        if isinstance(column, str) and column in self.names:
            return self.names.index(column)
        if not isinstance(column, str) and 0 <= column < len(self.names):
            return column
        shown = ", ".join(self.names[:20]) + (", ..." if len(self.names) > 20 else "")
        action = "Name one of them, or pass names or header=False if the first row is data"
        raise DataError(f"a column out of {shown}", got=str(column), action=action, source=self.source)


def csv_format(delimiter: str, quote: str | None) -> _native.CsvFormat:
    """Check and describe a dialect."""
    one = delimiter[:1]
    allowed = len(one) == 1 and one.isascii() and not one.isalnum() and one not in _FORBIDDEN_DELIMITERS
    if not allowed or delimiter not in (one, 2 * one):
        action = "Use a comma, a tab or the like, or such a character twice"
        raise DataError("a delimiter of one byte", got=repr(delimiter), action=action, field="delimiter")
    if quote is not None and (
        len(quote) != 1 or not quote.isascii() or quote.isalnum() or quote in "\n\r\0" + one
    ):
        raise DataError("a quote of one byte, or None", got=repr(quote), field="quote")
    return _native.CsvFormat(one, len(delimiter) == 2, quote or "\0")


def in_utf8(pieces: Iterator[Text], charset: str) -> Iterator[Text]:
    """Recode text, unless it is UTF-8 as it is."""
    try:
        codec = codecs.lookup(charset).name
    except LookupError:
        codec = charset
    if codec in ("utf-8", "ascii"):
        return pieces
    if codec not in _ONE_BYTE_CHARSETS:
        action = "Convert the file to UTF-8"
        raise DataError("utf-8, latin-1 or cp1252", got=charset, action=action, field="charset")
    return (np.frombuffer(str(piece.data, codec, "strict").encode(), np.uint8) for piece in pieces)


def layout_of(
    pieces: Iterator[Text],
    dialect: _native.CsvFormat,
    *,
    header: bool | Literal["auto"],
    names: Sequence[str] | None,
    source: str,
) -> Layout | None:
    """Read the first record, decide whether it is a header, and go on behind it; None for text without records.

    Raises
    ------
    DataError
        For a header that repeats a name or is not `names`.
    """
    n_lines = 0
    for piece in pieces:
        try:
            fields, n_bytes, n_more = _native.first_record(piece, dialect)
        except _native.ParseError as fault:
            raise at_line(fault, source, piece, n_lines) from None
        if fields:
            found = _header(fields, header, names, source, n_lines + n_more)
            if found is not None:
                return Layout(found, chain([piece[n_bytes:]], pieces), n_lines + n_more, source)
            unnamed = (f"column_{i + 1}" for i in range(len(fields)))
            return Layout(list(names or unnamed), chain([piece], pieces), n_lines, source)
        n_lines += n_more
    return None


def _header(
    fields: list[bytes], header: bool | Literal["auto"], names: Sequence[str] | None, source: str, line: int
) -> list[str] | None:
    if header is not False:
        found = _decoded(fields, source, line)
        if header is True or not any(map(_is_number, found)):
            _check_names(found, names, source, line)
            return found
    if names is not None and len(names) != len(fields):
        expected = f"{len(names)} columns, as names says"
        raise DataError(expected, got=str(len(fields)), source=source, line=line)
    return None


def _decoded(fields: list[bytes], source: str, line: int) -> list[str]:
    try:
        return [field.decode() for field in fields]
    except UnicodeDecodeError:
        action = "Pass the charset of the file, such as latin-1"
        raise DataError("UTF-8 text", got="other bytes", action=action, source=source, line=line) from None


def _check_names(found: list[str], names: Sequence[str] | None, source: str, line: int) -> None:
    if names is not None and found != list(names):
        expected = f"the header {', '.join(names)}"
        action = "Pass other names, or header=False if the first row is data"
        raise DataError(expected, got=", ".join(found), action=action, source=source, line=line)
    repeated = [name for name in found if found.count(name) > 1] if len(set(found)) < len(found) else []
    if repeated:
        action = "Rename it, or pass header=False if the first row is data"
        raise DataError(
            "every column once", got=f"{repeated[0]!r} twice", action=action, source=source, line=line
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
