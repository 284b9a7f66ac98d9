"""Headers of a request to what is kept with an object, and back."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from urllib.parse import parse_qsl

from pairloom.object_storage.objects import Attributes, ObjectInfo
from pairloom.object_storage.s3_face.faults import S3Fault
from pairloom.object_storage.s3_face.requests import Request

__all__ = ["attributes_of", "checked_tags", "object_headers", "refuse_unoffered", "tags_of"]

KEPT = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
)
"""Encryption by the service's own key is acknowledged, because SDKs ask for it unasked (`aws:kms` for every script) and
look for it in the answer; what protects the disk is its owner's choice."""
OWN_KEY = ("AES256", "aws:kms")
CUSTOMERS_KEY = (
    "x-amz-server-side-encryption-customer-",
    "x-amz-server-side-encryption-aws-kms-key-id",
)
META = "x-amz-meta-"
MOST_METADATA_BYTES = 2048
STORAGE_CLASSES = (
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
)
"""Those whose objects can be read at once; all are kept alike."""
OWN_ACLS = ("private", "bucket-owner-full-control", "bucket-owner-read")
MOST_TAGS = 10
OVERRIDES = {
    "response-cache-control": "cache-control",
    "response-content-disposition": "content-disposition",
    "response-content-encoding": "content-encoding",
    "response-content-language": "content-language",
    "response-content-type": "content-type",
    "response-expires": "expires",
}


def attributes_of(request: Request) -> Attributes:
    """Return what the headers of a write say about the object; raises S3Fault for what is not offered."""
    headers = request.headers
    refuse_unoffered(headers)
    metadata = {name[len(META) :]: value for name, value in headers.items() if name.startswith(META)}
    if sum(len(name) + len(value) for name, value in metadata.items()) > MOST_METADATA_BYTES:
        raise S3Fault(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            MaxSizeAllowed=str(MOST_METADATA_BYTES),
        )
    kept = {name: headers[name] for name in KEPT if headers.get(name)}
    if kept.get("x-amz-storage-class") == "STANDARD":
        del kept["x-amz-storage-class"]
    content_type = headers.get("content-type") or "binary/octet-stream"
    return Attributes(content_type, kept, metadata, tags_of(headers.get("x-amz-tagging", "")))


def refuse_unoffered(headers: Mapping[str, str]) -> None:
    """Raise S3Fault where a header asks for what there is not: keys, grants, locks, archives."""
    encryption = headers.get("x-amz-server-side-encryption", "AES256")
    by_customer = any(name.startswith(CUSTOMERS_KEY) for name in headers)
    if encryption not in OWN_KEY or by_customer:
        kind = "a customer's key" if by_customer else encryption[:40]
        raise S3Fault(
            "NotImplemented",
            f"Pairloom encrypts no objects by {kind}. Leave the header out and encrypt the disk.",
        )
    granted = [name for name in headers if name.startswith("x-amz-grant-")]
    if granted or (headers.get("x-amz-acl") or "private") not in OWN_ACLS:
        raise S3Fault("AccessControlListNotSupported", "The bucket does not allow ACLs")
    if any(name.startswith("x-amz-object-lock-") for name in headers):
        raise S3Fault("InvalidRequest", "Bucket is missing Object Lock Configuration")
    storage_class = headers.get("x-amz-storage-class", "STANDARD")
    if storage_class not in STORAGE_CLASSES:
        raise S3Fault(
            "InvalidStorageClass",
            f"The storage class you specified is not valid. Got '{storage_class[:40]}'.",
        )
    if "x-amz-write-offset-bytes" in headers:
        raise S3Fault("NotImplemented", "Objects are written whole; there is no appending.")


def tags_of(text: str) -> dict[str, str]:
    """Return tags of the form of a query."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise S3Fault(
            "InvalidArgument", "The header 'x-amz-tagging' must be percent-encoded pairs."
        ) from None
    return checked_tags(pairs)


def checked_tags(pairs: list[tuple[str, str]], most: int = MOST_TAGS) -> dict[str, str]:
    """Return tags within S3's limits; raises S3Fault ``InvalidTag``."""
    tags = dict(pairs)
    if len(tags) < len(pairs):
        raise S3Fault("InvalidTag", "Cannot provide multiple Tags with the same key")
    if len(tags) > most:
        raise S3Fault("InvalidTag", f"Object tags cannot be greater than {most}")
    for name, value in tags.items():
        if not 1 <= len(name) <= 128:
            raise S3Fault("InvalidTag", "The TagKey you have provided is invalid")
        if len(value) > 256:
            raise S3Fault("InvalidTag", "The TagValue you have provided is invalid")
    return tags


def object_headers(info: ObjectInfo, request: Request, *, with_checksums: bool) -> dict[str, str]:
    """Return the headers of an object's answer."""
    attributes = info.attributes
    headers = {
        "content-type": attributes.content_type,
        "etag": f'"{info.etag}"',
        "last-modified": formatdate(info.modified_at, usegmt=True),
        "accept-ranges": "bytes",
        **attributes.headers,
        **{META + name: value for name, value in attributes.metadata.items()},
    }
    if attributes.tags:
        headers["x-amz-tagging-count"] = str(len(attributes.tags))
    if with_checksums:
        headers |= checksum_headers(info)
    headers |= {name: request.query[given] for given, name in OVERRIDES.items() if given in request.query}
    return headers


def checksum_headers(info: ObjectInfo) -> dict[str, str]:
    """Return the checksums that are known of a whole object."""
    if not info.checksums:
        return {}
    headers = {f"x-amz-checksum-{name.lower()}": value for name, value in info.checksums.items()}
    return headers | {"x-amz-checksum-type": info.checksum_type}
