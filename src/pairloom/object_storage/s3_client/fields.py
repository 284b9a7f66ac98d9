"""Members of S3's calls to what the store tells, and back."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from pairloom.object_storage.checksums import ALGORITHMS
from pairloom.object_storage.objects import Attributes, Condition, ObjectInfo, PartInfo

__all__ = ["attributes_of", "checksum_fields", "checksums_of", "object_of", "part_of", "write_fields"]

HEADERS = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-storage-class": "StorageClass",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
}
Fields = dict[str, Any]


def write_fields(attributes: Attributes, condition: Condition) -> Fields:
    """Return members of a call that writes an object."""
    fields: Fields = {"ContentType": attributes.content_type, "Metadata": attributes.metadata}
    fields |= {HEADERS[name]: value for name, value in attributes.headers.items() if name in HEADERS}
    if "expires" in attributes.headers:
        fields["Expires"] = attributes.headers["expires"]
    if attributes.tags:
        fields["Tagging"] = urlencode(attributes.tags)
    return fields | condition_fields(condition)


def condition_fields(condition: Condition) -> Fields:
    """Return members for a condition."""
    fields: Fields = {"IfNoneMatch": "*"} if condition.if_none_match else {}
    if condition.if_match is not None:
        fields["IfMatch"] = condition.if_match
    return fields


def checksum_fields(checksums: dict[str, str]) -> Fields:
    """Return members that have the server compare what comes; S3 takes one."""
    return {f"Checksum{name}": value for name, value in list(checksums.items())[:1]}


def checksums_of(answer: Fields) -> dict[str, str]:
    """Return the checksums in an answer."""
    return {name: answer[f"Checksum{name}"] for name in ALGORITHMS if answer.get(f"Checksum{name}")}


def attributes_of(answer: Fields, tags: dict[str, str]) -> Attributes:
    """Return what was said about an object when it was written."""
    headers = {name: answer[field] for name, field in HEADERS.items() if answer.get(field)}
    if answer.get("ExpiresString"):
        headers["expires"] = answer["ExpiresString"]
    return Attributes(
        answer.get("ContentType", "binary/octet-stream"), headers, answer.get("Metadata", {}), tags
    )


def object_of(bucket: str, key: str, answer: Fields, attributes: Attributes) -> ObjectInfo:
    """Return an object from an answer of HeadObject or a row of a list."""
    return ObjectInfo(
        bucket,
        key,
        answer.get("ContentLength", answer.get("Size", 0)),
        answer["ETag"].strip('"'),
        seconds(answer["LastModified"]),
        attributes,
        checksums_of(answer),
        answer.get("ChecksumType", "FULL_OBJECT"),
    )


def part_of(row: Fields) -> PartInfo:
    """Return a part from a row of ListParts."""
    etag = row["ETag"].strip('"')
    return PartInfo(row["PartNumber"], row["Size"], etag, seconds(row["LastModified"]), checksums_of(row))


def seconds(time: datetime) -> float:
    """Return a time in seconds since 1970."""
    return time.timestamp()
