"""What happens to records on their way in and to answers on their way out: filters and the join of both.

CSV rows are taken as arrays, lines and documents of JSON as what they hold. A joined CSV row is the input's with the
answer's columns behind it; a joined JSON object gets a member ``SageMakerOutput``, and what is no object becomes
``{"SageMakerInput": ..., "SageMakerOutput": ...}``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import msgspec

from pairloom.errors import AlgorithmError, DataError, UserError
from pairloom.serving.transform.json_path import JsonPath
from pairloom.serving.transform.settings import TransformSettings

__all__ = ["Processing", "processing_of"]

INPUT, OUTPUT = "SageMakerInput", "SageMakerOutput"
CSV, JSON_LINES, JSON = "text/csv", "application/jsonlines", "application/json"


class Processing(Protocol):
    """Filters and joins the records of a body."""

    def body(self, body: bytes) -> bytes:
        """Return what the model gets; DataError with the line of the body for a record that does not fit."""
        ...

    def output(self, body: bytes, answers: bytes) -> bytes:
        """Return what is written, from the body as it was and its answers."""
        ...


def processing_of(settings: TransformSettings, content_type: str, accept: str) -> Processing | None:
    """Return what filters and joins, None if nothing is asked.

    Raises
    ------
    UserError
        If the content types of input and output differ or hold no records of this kind.
    """
    if not settings.processes_records:
        return None
    if content_type != accept or content_type not in (CSV, JSON_LINES, JSON):
        raise UserError(
            "Transform: filters and joins must have input and output of one content type out of "
            f"{CSV}, {JSON_LINES} and {JSON}. Got {content_type} in and {accept} out. Set 'content_type' and 'accept'."
        )
    into = JsonPath(settings.input_filter, "input_filter")
    out = JsonPath(settings.output_filter, "output_filter")
    joins = settings.join_source == "Input"
    if content_type == JSON:
        return _Document(into, out, joins)
    return _Lines(into, out, joins, _CSV_ROWS if content_type == CSV else _JSON_ROWS)


class _Rows:
    """How lines are read, joined and written."""

    def __init__(
        self,
        read: Callable[[bytes], Any],
        join: Callable[[Any, Any], Any],
        write: Callable[[Any], bytes],
    ) -> None:
        self.read, self.join, self.write = read, join, write


class _Lines:
    """Records that are lines."""

    def __init__(self, into: JsonPath, out: JsonPath, joins: bool, rows: _Rows) -> None:
        self._into, self._out, self._joins, self._rows = into, out, joins, rows

    def body(self, body: bytes) -> bytes:
        if self._into.is_root:
            return body
        return b"".join(self._filtered(line, number) for number, line in enumerate(body.split(b"\n"), 1))

    def output(self, body: bytes, answers: bytes) -> bytes:
        answered = answers.removesuffix(b"\n").split(b"\n")
        if not self._joins:
            return b"".join(self._written(self._rows.read(answer)) for answer in answered)
        records = [line for line in body.split(b"\n") if line and not line.isspace()]
        if len(records) != len(answered):
            raise AlgorithmError(
                f"Transform: {len(records)} records must have as many answers. Got {len(answered)}."
            )
        if self._out.is_root and self._rows is _CSV_ROWS:
            pairs = zip(records, answered, strict=True)
            return b"".join(record.rstrip(b"\r") + b"," + answer + b"\n" for record, answer in pairs)
        return b"".join(
            self._written(self._rows.join(self._rows.read(record), self._rows.read(answer)))
            for record, answer in zip(records, answered, strict=True)
        )

    def _filtered(self, line: bytes, number: int) -> bytes:
        if not line or line.isspace():
            return b"\n"
        try:
            return self._rows.write(self._into.of(self._rows.read(line)))
        except DataError as fault:
            raise DataError(fault.expected, got=fault.got, action=fault.action, line=number) from None

    def _written(self, row: Any) -> bytes:
        return self._rows.write(self._out.of(row))


class _Document:
    """One JSON document in, one out."""

    def __init__(self, into: JsonPath, out: JsonPath, joins: bool) -> None:
        self._into, self._out, self._joins = into, out, joins

    def body(self, body: bytes) -> bytes:
        return body if self._into.is_root else _json_text(self._into.of(_json(body)))

    def output(self, body: bytes, answers: bytes) -> bytes:
        answer = _json(answers)
        joined = _joined_object(_json(body), answer) if self._joins else answer
        return _json_text(self._out.of(joined))


def _json(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DataError("JSON", got=str(error)) from None


def _json_text(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _joined_object(record: Any, answer: Any) -> dict[str, Any]:
    if isinstance(record, dict):
        return cast("dict[str, Any]", record) | {OUTPUT: answer}
    return {INPUT: record, OUTPUT: answer}


def _csv_row(line: bytes) -> list[str]:
    try:
        rows = list(csv.reader([line.decode().rstrip("\r")], strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError("a row of CSV", got=str(error)) from None
    return rows[0] if rows else []


def _csv_text(row: Any) -> bytes:
    stream = io.StringIO()
    fields: Sequence[Any] = cast("list[Any]", row) if isinstance(row, list) else [row]
    csv.writer(stream, lineterminator="\n").writerow(fields)
    return stream.getvalue().encode()


def _appended(record: list[str], answer: list[str]) -> list[str]:
    return [*record, *answer]


_CSV_ROWS = _Rows(_csv_row, _appended, _csv_text)
_JSON_ROWS = _Rows(_json, _joined_object, lambda row: _json_text(row) + b"\n")
