"""The one table of formats: content types and file endings on one side, modules on the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

from pairloom.errors import DataError
from pairloom.formats.absent import absent_of_word

__all__ = ["FORMATS", "Format", "by_content_type", "by_ending", "offers", "operation"]

Parameters = Mapping[str, Callable[[str], object]]


def _label_size(text: str) -> int:
    if text not in ("0", "1"):
        raise DataError("0 or 1 label columns", got=f"label_size={text}", field="label_size")
    return int(text)


def _header(text: str) -> bool:
    if text not in ("present", "absent"):
        raise DataError("header=present or header=absent", got=f"header={text}", field="header")
    return text == "present"


@dataclass(frozen=True, slots=True)
class Format:
    """One row of the table.

    Parameters
    ----------
    name : str
        Accepted wherever a content type is.
    content_types : tuple of str
        The first is the one we write.
    endings : tuple of str
        File endings without that of the compression.
    module : str
        Defines some of the operations of `pairloom.formats.protocols`; imported when first used.
    fixed_width : bool
        Whether a row of a matrix shows how wide the matrix is, so that all files must agree.
    options : mapping, optional
        Options that the format fixes unless the caller says otherwise.
    parameters : mapping, optional
        Parameters that a content type may carry, each with its parser; they become options.
    """

    name: str
    content_types: tuple[str, ...]
    endings: tuple[str, ...]
    module: str
    fixed_width: bool = False
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    parameters: Parameters = field(default_factory=lambda: MappingProxyType({}))


_ABSENT: Parameters = MappingProxyType({"absent": absent_of_word})
_CSV_PARAMETERS: Parameters = MappingProxyType(
    {"label_size": _label_size, "header": _header, "charset": str, **_ABSENT}
)

FORMATS = (
    Format("libsvm", ("text/libsvm", "text/x-libsvm"), (".libsvm", ".svm", ".svmlight", ".libfm"), "libsvm"),
    Format("libffm", ("text/libffm", "text/x-libffm"), (".libffm", ".ffm"), "libffm"),
    Format("csv", ("text/csv",), (".csv",), "csv", fixed_width=True, parameters=_CSV_PARAMETERS),
    Format(
        "tsv",
        ("text/tab-separated-values", "text/tsv"),
        (".tsv", ".tab"),
        "csv",
        fixed_width=True,
        options=MappingProxyType({"delimiter": "\t"}),
        parameters=_CSV_PARAMETERS,
    ),
    Format(
        "recordio-protobuf",
        ("application/x-recordio-protobuf",),
        (".recordio", ".pbr", ".pb", ".rec"),
        "recordio_protobuf",
        parameters=_ABSENT,
    ),
    Format(
        "json-lines",
        ("application/jsonlines", "application/x-jsonlines", "application/jsonl", "application/x-ndjson"),
        (".jsonl", ".ndjson"),
        "json_lines",
        parameters=_ABSENT,
    ),
    Format("json", ("application/json",), (".json",), "json_document", parameters=_ABSENT),
    Format(
        "parquet",
        ("application/vnd.apache.parquet", "application/x-parquet", "application/parquet"),
        (".parquet", ".pq"),
        "parquet",
        parameters=_ABSENT,
    ),
    Format(
        "arrow",
        ("application/vnd.apache.arrow.file", "application/vnd.apache.arrow.stream"),
        (".arrow", ".arrows", ".feather", ".ipc"),
        "arrow",
        parameters=_ABSENT,
    ),
)


def by_content_type(content_type: str) -> tuple[Format, dict[str, Any]]:
    """Find the format of a content type or format name, and the options its parameters stand for.

    Raises
    ------
    DataError
        For an unknown content type or parameter.

    Examples
    --------
    >>> found, options = by_content_type("text/csv; label_size=1")
    >>> found.name, options
    ('csv', {'label_size': 1})
    """
    media_type, *parameters = (part.strip() for part in content_type.split(";"))
    media_type = media_type.lower()
    for known in FORMATS:
        if media_type == known.name or media_type in known.content_types:
            return known, dict(known.options) | _parsed(known, parameters, content_type)
    accepted = ", ".join(known.content_types[0] for known in FORMATS)
    raise DataError(f"a content type out of {accepted}", got=content_type, field="content_type")


def _parsed(known: Format, parameters: list[str], content_type: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for parameter in filter(None, parameters):
        name, _, text = parameter.partition("=")
        name = name.strip().lower()
        if name == "charset" and "charset" not in known.parameters and text.strip().lower() == "utf-8":
            continue
        if name not in known.parameters:
            accepted = ", ".join(known.parameters) or "no parameters"
            raise DataError(f"a content type with {accepted}", got=content_type, field="content_type")
        options[name] = known.parameters[name](text.strip().strip('"'))
    return options


def by_ending(ending: str, source: str) -> tuple[Format, dict[str, Any]]:
    """Find the format of a file ending (lower case, with its dot, without that of the compression).

    Raises
    ------
    DataError
        For an ending that no format claims; `source` is the name of the file.
    """
    for known in FORMATS:
        if ending in known.endings:
            return known, dict(known.options)
    accepted = ", ".join(ending for known in FORMATS for ending in known.endings)
    raise DataError(
        f"a file ending out of {accepted}",
        got=f"{ending!r}" if ending else "none",
        action="Rename the file or pass content_type",
        source=source,
    )


def operation(known: Format, name: str) -> Callable[..., Any]:
    """Import the module of a format and return one of its operations, such as ``read_rows``.

    Raises
    ------
    DataError
        If the format does not offer it.
    """
    if not offers(known, name):
        raise DataError(f"a format that offers {name}", got=known.name, field="content_type")
    return getattr(_module(known), name)


def offers(known: Format, name: str) -> bool:
    """Say whether a format has an operation."""
    return hasattr(_module(known), name)


def _module(known: Format) -> ModuleType:
    return import_module(f"pairloom.formats.{known.module}")
