"""ListObjects, ListObjectsV2, ListObjectVersions."""

from __future__ import annotations

import binascii
from base64 import b64decode, urlsafe_b64encode

from pairloom.object_storage.objects import Listing, ObjectInfo
from pairloom.object_storage.s3_face.face import Face
from pairloom.object_storage.s3_face.faults import S3Fault
from pairloom.object_storage.s3_face.requests import Answer, Request
from pairloom.object_storage.s3_face.xml import document, element, iso_time, key_text

__all__ = ["list_objects", "list_objects_v2", "list_versions"]

MOST_KEYS = 1000


async def list_objects(face: Face, request: Request) -> Answer:
    """ListObjects, the first version."""
    marker, delimiter = request.query.get("marker", ""), request.query.get("delimiter", "")

    def answer() -> bytes:
        page = _page(face, request, marker)
        following = (
            element("NextMarker", key_text(page.next_after, request.encoding))
            if page.next_after and delimiter
            else ""
        )
        return document(
            "ListBucketResult",
            _head(request),
            element("Marker", key_text(marker, request.encoding)),
            following,
            element("IsTruncated", page.next_after is not None),
            *(_contents(info, request, owner=face.owner) for info in page.objects),
            *_prefixes(page, request),
        )

    return Answer.xml(await face.in_thread(answer))


async def list_objects_v2(face: Face, request: Request) -> Answer:
    """ListObjectsV2."""
    token, start_after = request.query.get("continuation-token"), request.query.get("start-after", "")
    after = start_after if not token else _after(token)
    owner = face.owner if request.query.get("fetch-owner", "").lower() == "true" else ""

    def answer() -> bytes:
        page = _page(face, request, after)
        return document(
            "ListBucketResult",
            _head(request),
            element("StartAfter", key_text(start_after, request.encoding)) if start_after else "",
            element("ContinuationToken", key_text(token, None)) if token else "",
            element("NextContinuationToken", _token(page.next_after)) if page.next_after is not None else "",
            element("KeyCount", len(page.objects) + len(page.prefixes)),
            element("IsTruncated", page.next_after is not None),
            *(_contents(info, request, owner=owner) for info in page.objects),
            *_prefixes(page, request),
        )

    return Answer.xml(await face.in_thread(answer))


async def list_versions(face: Face, request: Request) -> Answer:
    """ListObjectVersions: every object has the one version ``null``."""
    marker = request.query.get("key-marker", "")

    def answer() -> bytes:
        page = _page(face, request, marker)
        following = ""
        if page.next_after is not None:
            following = element("NextKeyMarker", key_text(page.next_after, request.encoding))
            following += element("NextVersionIdMarker", "null")
        return document(
            "ListVersionsResult",
            _head(request),
            element("KeyMarker", key_text(marker, request.encoding)),
            element("VersionIdMarker"),
            following,
            element("IsTruncated", page.next_after is not None),
            *(_contents(info, request, owner=face.owner, is_version=True) for info in page.objects),
            *_prefixes(page, request),
        )

    return Answer.xml(await face.in_thread(answer))


def _page(face: Face, request: Request, after: str) -> Listing:
    limit = request.number("max-keys", MOST_KEYS)
    return face.store.list(
        request.bucket,
        request.query.get("prefix", ""),
        delimiter=request.query.get("delimiter", ""),
        after=after,
        limit=min(limit, MOST_KEYS),
    )


def _head(request: Request) -> str:
    encoding = request.encoding
    delimiter = request.query.get("delimiter", "")
    return "".join(
        (
            element("Name", request.bucket),
            element("Prefix", key_text(request.query.get("prefix", ""), encoding)),
            element("MaxKeys", request.number("max-keys", MOST_KEYS)),
            element("Delimiter", key_text(delimiter, encoding)) if delimiter else "",
            element("EncodingType", encoding) if encoding else "",
        )
    )


def _contents(info: ObjectInfo, request: Request, *, owner: str, is_version: bool = False) -> str:
    algorithms = "".join(element("ChecksumAlgorithm", name) for name in info.checksums)
    return element(
        "Version" if is_version else "Contents",
        element("Key", key_text(info.key, request.encoding)),
        "<VersionId>null</VersionId><IsLatest>true</IsLatest>" if is_version else "",
        element("LastModified", iso_time(info.modified_at)),
        element("ETag", f"&quot;{info.etag}&quot;"),
        algorithms,
        element("ChecksumType", info.checksum_type) if algorithms else "",
        element("Size", info.size_bytes),
        owner,
        element("StorageClass", info.attributes.headers.get("x-amz-storage-class", "STANDARD")),
    )


def _prefixes(page: Listing, request: Request) -> list[str]:
    encoding = request.encoding
    return [element("CommonPrefixes", element("Prefix", key_text(each, encoding))) for each in page.prefixes]


def _token(after: str) -> str:
    return urlsafe_b64encode(after.encode()).decode()


def _after(token: str) -> str:
    try:
        return b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        raise S3Fault(
            "InvalidArgument",
            "The continuation token provided is incorrect",
            ArgumentName="continuation-token",
        ) from None
