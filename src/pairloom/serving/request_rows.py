"""From the body of a request to rows: every content type, raw columns through the model's encoder."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pairloom.errors import DataError
from pairloom.formats import read_rows, read_tables
from pairloom.formats.batching import concatenate
from pairloom.formats.json_document import parse_document
from pairloom.formats.registry import FORMATS, Format, by_content_type
from pairloom.rows import RowBatch
from pairloom.serving.refused import Refused

if TYPE_CHECKING:
    from pairloom.encoding import FeatureEncoder

__all__ = ["RequestReader"]

SOURCE = "Request body"
READABLE = ("json", "json-lines", "csv", "tsv", "libsvm", "libffm", "recordio-protobuf")
"""Formats of requests; the others need a library or a file that can be sought."""
RAW = ("json", "json-lines", "csv", "tsv")
"""Formats that can hold raw columns."""
OF_NUMBERS = {"features", "data", "keys", "shape", "values"}
"""Members of JSON rows of numbers."""
OF_NUMBERS_ALONE = "absent"
"""Parameter of a content type that says nothing of raw columns."""
HEADER_BYTES = 1 << 16
"""Where the first line of CSV must end for its names to be recognised."""
IGNORED = ("verbose",)
"""Parameters of a content type that SageMaker's clients send and that change nothing here."""


@dataclass(frozen=True, slots=True)
class _Type:
    """A content type as a request states it."""

    text: str
    format: Format
    options: dict[str, Any]


class RequestReader:
    """Reads bodies for one model.

    Parameters
    ----------
    declared : sequence of str
        Content types that the algorithm declares; the first is assumed where a request names none. Their
        parameters are the defaults of a request's.
    encoder : FeatureEncoder, optional
        Of a model that was trained on raw columns: JSON objects and CSV may then hold these.
    """

    def __init__(self, declared: Sequence[str], encoder: FeatureEncoder | None = None) -> None:
        known = [each.content_types[0] for each in FORMATS if each.name in READABLE]
        self.accepted = tuple(dict.fromkeys([*declared, *known]))
        self._defaults = {found.name: options for found, options in map(by_content_type, declared)}
        self.encoder = encoder
        self._type = lru_cache(maxsize=256)(self._parse_type)

    def type_of(self, content_type: str) -> _Type:
        """Read a header ``Content-Type``.

        Raises
        ------
        Refused
            With 415, for a type or parameter that is not known.
        """
        return self._type(content_type or self.accepted[0])

    def rows(self, body: bytes, stated: _Type) -> RowBatch:
        """Read a body.

        Raises
        ------
        DataError
            For bytes that are not what the content type says, and for a body without rows.
        """
        if self.encoder is None or stated.format.name not in RAW:
            return _numbers(body, stated)
        if stated.format.name in ("csv", "tsv") or OF_NUMBERS & set(self.encoder.reading()["columns"]):
            return self._raw_rows(body, stated)
        try:
            return _numbers(body, stated)
        except DataError:
            return self._raw_rows(body, stated)

    def _raw_rows(self, body: bytes, stated: _Type) -> RowBatch:
        assert self.encoder is not None
        reading = self.encoder.reading()
        columns: list[str] = list(reading["columns"])
        as_objects = stated.format.name in ("json", "json-lines")
        stated_options = {name: value for name, value in stated.options.items() if name != OF_NUMBERS_ALONE}
        options = {"complete": True} if as_objects else stated_options | _header(body, columns, stated)
        tables = read_tables(
            _stream(body), content_type=stated.format.name, columns=columns, kinds=reading["kinds"], **options
        )
        return _joined(list(self.encoder.encode(tables)))

    def _parse_type(self, text: str) -> _Type:
        name, *parameters = text.split(";")
        kept = [part for part in parameters if part.split("=")[0].strip().lower() not in IGNORED]
        media_type = name.strip().lower()
        for known in FORMATS:
            if known.name in READABLE and media_type in known.content_types:
                try:
                    found, options = by_content_type(";".join([media_type, *kept]))
                except DataError as error:
                    raise Refused(415, str(error)) from None
                return _Type(text, found, self._defaults.get(found.name, {}) | options)
        accepted = ", ".join(self.accepted)
        raise Refused(415, f"Content-Type must be one of {accepted}. Got '{text[:200]}'.")


def _numbers(body: bytes, stated: _Type) -> RowBatch:
    """Read rows of numbers; labels are allowed and of no effect."""
    name, options = stated.format.name, dict(stated.options)
    if name == "json":
        return _joined([parse_document(body, source=SOURCE, **options)])
    if name in ("csv", "tsv"):
        options.setdefault("label_size", 0)
    if name in ("libsvm", "libffm"):
        options["has_labels"] = _begins_with_label(body)
    options["chunk_bytes"] = max(len(body) + 1, 64)
    return _joined(list(read_rows(_stream(body), content_type=name, **options)))


def _joined(batches: list[RowBatch]) -> RowBatch:
    if not sum(batch.n_rows for batch in batches):
        raise DataError("at least one row", got="none", source=SOURCE)
    return concatenate(batches)


def _stream(body: bytes) -> io.BytesIO:
    stream = io.BytesIO(body)
    stream.name = SOURCE
    return stream


def _begins_with_label(body: bytes) -> bool:
    """Whether the first row of libsvm text begins with a label: endpoints take rows with and without."""
    for line in io.BytesIO(body):
        if words := line.partition(b"#")[0].split(maxsplit=1):
            return b":" not in words[0]
    return True


def _header(body: bytes, columns: list[str], stated: _Type) -> dict[str, Any]:
    """Say whether CSV begins with the names of its columns; without, they are the encoder's, in its order."""
    if "header" in stated.options:
        has_header = bool(stated.options["header"])
    else:
        start = body[:HEADER_BYTES].decode(stated.options.get("charset", "utf-8"), "replace")
        delimiter = stated.format.options.get("delimiter", ",")
        first = next(csv.reader(io.StringIO(start), delimiter=delimiter), [])
        has_header = set(columns) <= set(first)
    labels = [f"<label {i + 1}>" for i in range(stated.options.get("label_size", 0))]
    return {"header": has_header} if has_header else {"header": False, "names": [*labels, *columns]}
