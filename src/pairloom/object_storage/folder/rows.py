"""Rows of the index to what the interface tells, and back."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec

from pairloom.object_storage.objects import Attributes, ChecksumType, ObjectInfo, PartInfo, UploadInfo

__all__ = [
    "OBJECT_COLUMNS",
    "PART_COLUMNS",
    "UPLOAD_COLUMNS",
    "Details",
    "UploadDetails",
    "object_of",
    "pack",
    "part_of",
    "runs",
    "tags_of",
    "upload_of",
]

OBJECT_COLUMNS = "bucket, key, size, etag, modified_at, details, blob"
PART_COLUMNS = "number, size, etag, modified_at, checksums"
UPLOAD_COLUMNS = "id, bucket, key, created_at, details"
Row = tuple[Any, ...]


class Details(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of an object is not searched for."""

    attributes: Attributes = Attributes()
    checksums: dict[str, str] = {}
    checksum_type: ChecksumType = "FULL_OBJECT"
    part_runs: tuple[tuple[int, int], ...] = ()
    """Sizes of parts as (how many, size in bytes)."""


class UploadDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of an upload is not searched for."""

    attributes: Attributes = Attributes()
    checksum_algorithm: str | None = None
    checksum_type: ChecksumType = "COMPOSITE"


pack = msgspec.msgpack.Encoder().encode
_details = msgspec.msgpack.Decoder(Details).decode
_upload_details = msgspec.msgpack.Decoder(UploadDetails).decode
_texts = msgspec.msgpack.Decoder(dict[str, str]).decode


def runs(sizes: list[int]) -> tuple[tuple[int, int], ...]:
    """Return equal neighbours once, with their count."""
    return tuple((len(list(group)), size) for size, group in itertools.groupby(sizes))


def object_of(row: Row) -> ObjectInfo:
    """Return the object of `OBJECT_COLUMNS`."""
    bucket, key, size, etag, modified_at, packed, _ = row
    details = _details(packed)
    part_sizes = tuple(itertools.chain.from_iterable([size] * n for n, size in details.part_runs))
    return ObjectInfo(
        bucket,
        key.decode(),
        size,
        etag,
        modified_at,
        details.attributes,
        details.checksums,
        details.checksum_type,
        part_sizes,
    )


def part_of(row: Row) -> PartInfo:
    """Return the part of `PART_COLUMNS`."""
    number, size, etag, modified_at, checksums = row
    return PartInfo(number, size, etag, modified_at, _texts(checksums))


def upload_of(row: Row) -> UploadInfo:
    """Return the upload of `UPLOAD_COLUMNS`."""
    upload_id, bucket, key, created_at, packed = row
    details = _upload_details(packed)
    return UploadInfo(
        upload_id,
        bucket,
        key.decode(),
        created_at,
        details.attributes,
        details.checksum_algorithm,
        details.checksum_type,
    )


def tags_of(packed: bytes) -> dict[str, str]:
    """Return a bucket's tags."""
    return _texts(packed)
