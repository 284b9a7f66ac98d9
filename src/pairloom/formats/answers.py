"""Answers of a model as bytes: JSON, JSON Lines, CSV and RecordIO-protobuf, as SageMaker's endpoints write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.formats import _native
from pairloom.formats.answer_records import format_answer_records

__all__ = ["ANSWER_TYPES", "format_answers"]

ANSWER_TYPES = (
    "application/json", "application/jsonlines", "text/csv", "application/x-recordio-protobuf",
)  # fmt: skip
"""Content types that answers can have."""

Array = npt.NDArray[Any]
Answers = Mapping[str, Array]
_LIST = {"list_begin": "[", "list_separator": ", ", "list_end": "]"}
_JSON_LINES = _native.AnswerLayout(row_begin="{", row_end="}\n", **_LIST)
_CSV = _native.AnswerLayout(row_end="\n", list_separator=",")


def format_answers(answers: Answers, content_type: str, *, list_name: str = "predictions") -> bytes:
    """Write the answers of some rows.

    Parameters
    ----------
    answers : mapping of str to ndarray of shape (n_rows,) or (n_rows, n_values)
        Numbers by the name of the answer; at least one.
    content_type : str
        One of `ANSWER_TYPES`.
    list_name : str
        Member of a JSON document that holds the rows.

    Returns
    -------
    bytes
        JSON ``{"predictions": [{"score": 0.4}]}``; JSON Lines with one of the inner objects a line; CSV with the
        values of a row in a line; RecordIO-protobuf with a record a row, whose labels go by the answers' names.
        Floats are the shortest that read back equal.

    Raises
    ------
    DataError
        With its row, for an answer that is not finite.

    Examples
    --------
    >>> format_answers({"score": np.array([0.5], np.float32)}, "application/json")
    b'{"predictions": [{"score": 0.5}]}'
    """
    columns = {name: _numbers(array) for name, array in answers.items()}
    if content_type == "application/x-recordio-protobuf":
        return format_answer_records(columns)
    if content_type == "text/csv":
        return _text(columns, _CSV, _csv_leads)
    layout = _JSON_LINES if content_type == "application/jsonlines" else _document(list_name)
    return _text(columns, layout, _json_leads)


def _text(
    columns: Answers, layout: _native.AnswerLayout, leads: Callable[[tuple[str, ...]], Sequence[str]]
) -> bytes:
    arrays = list(columns.values())
    n_rows = len(arrays[0])
    is_list = [array.ndim == 2 for array in arrays]
    try:
        return _native.format_answers(
            [array.reshape(n_rows, -1) if n_rows else array.reshape(0, 0) for array in arrays],
            n_rows=n_rows,
            leads=leads(tuple(columns)),
            is_list=is_list,
            layout=layout,
        )
    except _native.ParseError as fault:
        expected, got, action, row, *_ = fault.args
        raise DataError(expected, got=got, action=action, row=row + 1) from None


def _numbers(array: Array) -> Array:
    kind = array.dtype.kind
    if kind == "f":
        return np.ascontiguousarray(array, np.float32 if array.dtype.itemsize <= 4 else np.float64)
    return np.ascontiguousarray(array, np.int64 if kind in "biu" else np.float64)


@lru_cache(maxsize=32)
def _document(list_name: str) -> _native.AnswerLayout:
    return _native.AnswerLayout(
        begin=f"{{{json.dumps(list_name)}: [",
        row_begin="{",
        row_end="}",
        row_separator=", ",
        end="]}",
        **_LIST,
    )


@lru_cache(maxsize=256)
def _json_leads(names: tuple[str, ...]) -> list[str]:
    return [f"{', ' if i else ''}{json.dumps(name)}: " for i, name in enumerate(names)]


@lru_cache(maxsize=256)
def _csv_leads(names: tuple[str, ...]) -> list[str]:
    return ["," if i else "" for i in range(len(names))]
