"""What an object store tells of its buckets, objects and uploads."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "NO_CONDITION",
    "Attributes",
    "BucketInfo",
    "ChecksumType",
    "Condition",
    "Listing",
    "ObjectInfo",
    "PartInfo",
    "UploadInfo",
]

ChecksumType = Literal["FULL_OBJECT", "COMPOSITE"]


class Attributes(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a writer says about an object, kept and given back as it came."""

    content_type: str = "binary/octet-stream"
    headers: dict[str, str] = {}
    """Other HTTP headers of the answer, by lower-case name: cache-control, content-disposition, content-encoding, …"""
    metadata: dict[str, str] = {}
    """The writer's own pairs, by lower-case name without ``x-amz-meta-``."""
    tags: dict[str, str] = {}


class BucketInfo(msgspec.Struct, frozen=True):
    """A bucket."""

    name: str
    created_at: float
    """Seconds since 1970."""
    tags: dict[str, str] = {}


class ObjectInfo(msgspec.Struct, frozen=True):
    """An object, without its bytes."""

    bucket: str
    key: str
    size_bytes: int
    etag: str
    """Changes when the bytes do; MD5 in hexadecimal, or that of the parts' MD5s and ``-N``. Without quotes."""
    modified_at: float
    """Seconds since 1970."""
    attributes: Attributes = Attributes()
    checksums: dict[str, str] = {}
    """Base64 by algorithm (``CRC32``, ``CRC32C``, ``CRC64NVME``, ``SHA1``, ``SHA256``); ``…-N`` if composite."""
    checksum_type: ChecksumType = "FULL_OBJECT"
    part_sizes: tuple[int, ...] = ()
    """Sizes of the parts of a multipart upload; empty for an object that came in one piece."""


class Listing(msgspec.Struct, frozen=True):
    """One page of a bucket's keys, in the order of their UTF-8 bytes."""

    objects: list[ObjectInfo]
    prefixes: list[str]
    """What keys have in common up to the delimiter, once each; such keys are not among the objects."""
    next_after: str | None
    """Pass it as `after` for the next page; None when this one is the last."""


class PartInfo(msgspec.Struct, frozen=True):
    """A part of a multipart upload."""

    number: int
    size_bytes: int
    etag: str
    modified_at: float
    checksums: dict[str, str] = {}


class UploadInfo(msgspec.Struct, frozen=True):
    """A multipart upload that is neither completed nor aborted."""

    upload_id: str
    bucket: str
    key: str
    created_at: float
    attributes: Attributes = Attributes()
    checksum_algorithm: str | None = None
    checksum_type: ChecksumType = "COMPOSITE"


class Condition(msgspec.Struct, frozen=True):
    """What a key must hold for a write to be done; looked at in the same moment as the write."""

    if_match: str | None = None
    """ETag that the object must have; ``*`` for any object at all."""
    if_none_match: bool = False
    """Whether there must be no object."""


NO_CONDITION = Condition()
