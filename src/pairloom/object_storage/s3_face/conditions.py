"""Conditions and ranges of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from pairloom.object_storage.errors import InvalidRangeError
from pairloom.object_storage.objects import Condition, ObjectInfo
from pairloom.object_storage.s3_face.faults import S3Fault

__all__ = ["check_read", "range_of", "write_condition"]

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


def check_read(headers: Mapping[str, str], info: ObjectInfo, prefix: str = "") -> None:
    """Compare an object with If-Match and its three companions, under their names behind `prefix`.

    Raises
    ------
    S3Fault
        ``PreconditionFailed`` or ``NotModified``.

    References
    ----------
    RFC 9110, section 13.2.2.
    """
    if (expected := headers.get(prefix + "if-match")) is not None:
        if not _names(expected, info.etag):
            raise _failed("If-Match")
    elif (time := _time(headers.get(prefix + "if-unmodified-since"))) is not None and int(
        info.modified_at
    ) > time:
        raise _failed("If-Unmodified-Since")
    is_changed = True
    if (known := headers.get(prefix + "if-none-match")) is not None:
        is_changed = not _names(known, info.etag)
    elif (time := _time(headers.get(prefix + "if-modified-since"))) is not None:
        is_changed = int(info.modified_at) > time
    if not is_changed:
        raise _failed("If-None-Match") if prefix else S3Fault("NotModified", "Not Modified", ETag=info.etag)


def write_condition(headers: Mapping[str, str]) -> Condition:
    """Return what a write depends on; S3 knows ``If-Match: etag`` and ``If-None-Match: *`` there."""
    known, expected = headers.get("if-none-match"), headers.get("if-match")
    if known is not None and (known.strip() != "*" or expected is not None):
        raise S3Fault(
            "NotImplemented",
            "A header you provided implies functionality that is not implemented",
            Header="If-None-Match",
        )
    return Condition(None if expected is None else expected.strip().strip('"'), known is not None)


def range_of(text: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Return the first byte of a range and the one behind its last; None if the whole is asked for.

    Several ranges, and what is no range of bytes, mean the whole, as in S3.

    Raises
    ------
    InvalidRangeError
        If it has no byte of the object.
    """
    found = _RANGE.fullmatch(text.strip()) if text else None
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:
        n_last = int(found[2])
        if n_last == 0 or size_bytes == 0:
            raise InvalidRangeError(size_bytes, size_bytes)
        return max(0, size_bytes - n_last), size_bytes
    start = int(found[1])
    if found[2] and int(found[2]) < start:
        return None
    if start >= size_bytes:
        raise InvalidRangeError(start, size_bytes)
    return start, min(size_bytes, int(found[2]) + 1) if found[2] else size_bytes


def _names(text: str, etag: str) -> bool:
    listed = [part.strip().removeprefix("W/").strip('"') for part in text.split(",")]
    return "*" in listed or etag in listed


def _time(text: str | None) -> float | None:
    """Return a date of HTTP in seconds; None for what is none, which RFC 9110 has ignored."""
    try:
        return None if text is None else parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _failed(condition: str) -> S3Fault:
    return S3Fault(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        Condition=condition,
    )
