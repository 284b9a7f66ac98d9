"""How a file is read and answered: content types, splitting and assembling, from settings and the file's name."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from typing import BinaryIO

from pairloom.encoding import FeatureEncoder
from pairloom.errors import UserError
from pairloom.formats.answers import ANSWER_TYPES
from pairloom.formats.compression import split_ending
from pairloom.formats.registry import by_content_type, by_ending
from pairloom.serving.transform.inputs import InputFile
from pairloom.serving.transform.processing import CSV, JSON, Processing, processing_of
from pairloom.serving.transform.settings import SplitType, TransformSettings

__all__ = ["FilePlan", "header_line", "plan_of"]

SPLITS: dict[str, SplitType] = {"application/x-recordio-protobuf": "RecordIO", JSON: "None"}
"""How content types are split where it is left open; all others by line."""
HEADER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class FilePlan:
    """How one file is transformed.

    Parameters
    ----------
    content_type, accept : str
        Of requests and answers.
    split_type : "Line", "RecordIO" or "None"
    single : bool
        Whether a request holds one record.
    max_bytes : int
        Largest body.
    line_end : bytes
        Put behind answers that do not end with one.
    compression : str
        Ending of the compression of the input, ``""`` for none.
    processing : Processing, optional
    """

    content_type: str
    accept: str
    split_type: SplitType
    single: bool
    max_bytes: int
    line_end: bytes
    compression: str
    processing: Processing | None


def plan_of(file: InputFile, settings: TransformSettings) -> FilePlan:
    """Decide how a file is transformed.

    Raises
    ------
    UserError
        For a file whose content type cannot be told, and for settings that do not go together.
    """
    ending, compression = split_ending(file.path)
    if settings.compression_type is not None:
        compression = ".gz" if settings.compression_type == "Gzip" else ""
    if settings.content_type is not None:
        content_type, (known, _) = settings.content_type, by_content_type(settings.content_type)
    else:
        known, _ = by_ending(ending, str(file.path))
        content_type = known.content_types[0]
    media_type = known.content_types[0]
    accept = settings.accept or (media_type if media_type in ANSWER_TYPES else CSV)
    answered = by_content_type(accept)[0].content_types[0]
    split_type = settings.split_type or SPLITS.get(media_type, "Line")
    single = settings.batch_strategy == "SingleRecord"
    if split_type == "Line" and media_type == JSON and not single:
        raise UserError(
            "Transform: 'batch_strategy' must be SingleRecord for lines of application/json, which are documents. "
            "Got MultiRecord. Set it, or 'content_type' to application/jsonlines."
        )
    processing = processing_of(settings, media_type, answered)
    if processing is not None and media_type != JSON and split_type != "Line":
        raise UserError(
            f"Transform: 'split_type' must be Line to filter or join {media_type}. Got {split_type}. Set it."
        )
    assembles = settings.assemble_with or (
        "None" if answered == "application/x-recordio-protobuf" else "Line"
    )
    return FilePlan(
        content_type,
        accept,
        split_type,
        single,
        settings.max_payload_in_mb << 20,
        b"\n" if assembles == "Line" else b"",
        compression,
        processing,
    )


def header_line(
    stream: BinaryIO, plan: FilePlan, encoder: FeatureEncoder | None
) -> tuple[bytes, BinaryIO, FilePlan]:
    """Take a header off CSV, which then goes before every body.

    Returns
    -------
    (header, stream, plan)
        The header is empty where there is none; the stream begins behind it.
    """
    known, options = by_content_type(plan.content_type)
    if known.name not in ("csv", "tsv") or plan.split_type != "Line":
        return b"", stream, plan
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream, HEADER_BYTES)  # type: ignore[arg-type]
    start = buffered.peek(HEADER_BYTES)
    first = start.partition(b"\n")[0]
    if not _is_header(first, options, encoder, known.options.get("delimiter", ",")):
        return b"", buffered, plan
    header = buffered.readline()
    parameters = [
        part for part in plan.content_type.split(";") if not part.strip().lower().startswith("header")
    ]
    told = replace(plan, content_type=";".join([*parameters, "header=present"]))
    return header if header.endswith(b"\n") else header + b"\n", buffered, told


def _is_header(
    line: bytes, options: dict[str, object], encoder: FeatureEncoder | None, delimiter: str
) -> bool:
    if "header" in options:
        return bool(options["header"])
    text = line.decode(str(options.get("charset", "utf-8")), "replace").removeprefix("\ufeff")
    fields = next(csv.reader([text.rstrip("\r")], delimiter=delimiter), [])
    if encoder is not None:
        return set(encoder.reading()["columns"]) <= set(fields)
    return bool(fields) and not any(_is_number(field) for field in fields)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
