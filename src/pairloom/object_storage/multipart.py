"""The rules of multipart uploads that hold in every store."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence

from pairloom.object_storage.checksums import COMBINED, combined, composite
from pairloom.object_storage.errors import (
    BadDigestError,
    InvalidPartError,
    InvalidPartOrderError,
    PartTooSmallError,
    TooManyPartsError,
)
from pairloom.object_storage.interface import CompletedPart
from pairloom.object_storage.objects import PartInfo, UploadInfo

__all__ = [
    "LARGEST_NUMBER",
    "SMALLEST_PART_BYTES",
    "check_number",
    "chosen_parts",
    "joined_checksums",
    "joined_etag",
]

LARGEST_NUMBER = 10_000
SMALLEST_PART_BYTES = 5 << 20


def check_number(number: int) -> None:
    """Refuse a part's number outside of [1, 10000] with TooManyPartsError."""
    if not 1 <= number <= LARGEST_NUMBER:
        raise TooManyPartsError(
            f"Part number must be an integer between 1 and 10000, inclusive. Got {number}."
        )


def chosen_parts(named: Sequence[CompletedPart], kept: Mapping[int, PartInfo]) -> list[PartInfo]:
    """Return the parts that an object is to be made of.

    Raises
    ------
    InvalidPartError
        If one is not kept, or is kept with another ETag or checksum.
    InvalidPartOrderError
    PartTooSmallError
    """
    numbers = [number for number, _, _ in named]
    if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
        raise InvalidPartOrderError(
            "The list of parts was not in ascending order. The parts list must be specified in order by part number."
        )
    chosen = [_checked(part, kept.get(part[0])) for part in named]
    if not chosen:
        raise InvalidPartError("An upload is completed with at least one part. Got none.")
    for part in chosen[:-1]:
        if part.size_bytes < SMALLEST_PART_BYTES:
            raise PartTooSmallError(
                "Your proposed upload is smaller than the minimum allowed size: every part but the last has at "
                f"least {SMALLEST_PART_BYTES} bytes. Got {part.size_bytes} in part {part.number}."
            )
    return chosen


def _checked(named: CompletedPart, kept: PartInfo | None) -> PartInfo:
    number, etag, checksums = named
    if kept is None or kept.etag != etag.strip('"'):
        raise InvalidPartError(
            "One or more of the specified parts could not be found. The part may not have been uploaded, or the "
            f"specified entity tag may not match the part's entity tag. Got part {number} with '{etag}'."
        )
    for algorithm, value in checksums.items():
        if kept.checksums.get(algorithm, value) != value:
            raise InvalidPartError(
                f"The {algorithm} of part {number} must be '{kept.checksums[algorithm]}'. Got '{value}'."
            )
    return kept


def joined_etag(parts: Sequence[PartInfo]) -> str:
    """Return MD5 of the parts' MD5s, with their count."""
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"


def joined_checksums(upload: UploadInfo, parts: Sequence[PartInfo], expected: str | None) -> dict[str, str]:
    """Return the checksum of the whole object by the upload's algorithm; nothing if a part came without.

    Raises
    ------
    BadDigestError
        If it is not the one that was sent.
    """
    algorithm = upload.checksum_algorithm
    if algorithm is None or any(algorithm not in part.checksums for part in parts):
        return {}
    values = [part.checksums[algorithm] for part in parts]
    if upload.checksum_type == "FULL_OBJECT" and algorithm in COMBINED:
        joined = combined(algorithm, values, [part.size_bytes for part in parts])
    else:
        joined = composite(algorithm, values)
    if expected is not None and expected.split("-")[0] != joined.split("-")[0]:
        raise BadDigestError(algorithm, expected=expected, got=joined)
    return {algorithm: joined}
