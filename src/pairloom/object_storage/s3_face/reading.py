"""GetObject, HeadObject, GetObjectAttributes."""

from __future__ import annotations

import itertools
from email.utils import formatdate
from typing import BinaryIO

from pairloom.object_storage.errors import InvalidRangeError, PreconditionFailedError
from pairloom.object_storage.objects import ObjectInfo
from pairloom.object_storage.s3_face.attributes import object_headers
from pairloom.object_storage.s3_face.conditions import check_read, range_of
from pairloom.object_storage.s3_face.face import Face
from pairloom.object_storage.s3_face.faults import S3Fault
from pairloom.object_storage.s3_face.requests import Answer, Request
from pairloom.object_storage.s3_face.xml import document, element

__all__ = ["check_version", "get_object", "head_object", "object_attributes"]

INLINE_BYTES = 1 << 20
"""Objects up to this size are read in the same thread that looks them up."""


async def get_object(face: Face, request: Request) -> Answer:
    """GetObject."""
    return await face.in_thread(_read, face, request)


async def head_object(face: Face, request: Request) -> Answer:
    """HeadObject."""

    def answer() -> Answer:
        info = _found(face, request)
        window, answer = _window(info, request)
        answer.headers["content-length"] = str(window[1] - window[0])
        return answer

    return await face.in_thread(answer)


async def object_attributes(face: Face, request: Request) -> Answer:
    """GetObjectAttributes."""
    info = await face.in_thread(_found, face, request)
    wanted = {name.strip() for name in request.headers.get("x-amz-object-attributes", "").split(",")}
    checksum = "".join(element(f"Checksum{name}", value) for name, value in info.checksums.items())
    checksum += element("ChecksumType", info.checksum_type) if checksum else ""
    n_parts = len(info.part_sizes)
    storage_class = info.attributes.headers.get("x-amz-storage-class", "STANDARD")
    found = {
        "ETag": element("ETag", info.etag),
        "Checksum": element("Checksum", checksum) if checksum else "",
        "ObjectParts": element("ObjectParts", element("PartsCount", n_parts)) if n_parts else "",
        "StorageClass": element("StorageClass", storage_class),
        "ObjectSize": element("ObjectSize", info.size_bytes),
    }
    if not wanted & set(found):
        raise S3Fault(
            "InvalidArgument", "The header x-amz-object-attributes must name attributes of objects."
        )
    body = document("GetObjectAttributesResponse", *(text for name, text in found.items() if name in wanted))
    return Answer.xml(body, **{"last-modified": formatdate(info.modified_at, usegmt=True)})


def check_version(request: Request) -> None:
    """Refuse a version other than ``null``, which every object has here."""
    version = request.query.get("versionId", "null")
    if version != "null":
        raise S3Fault("NoSuchVersion", "The specified version does not exist.", VersionId=version[:100])


def _found(face: Face, request: Request) -> ObjectInfo:
    check_version(request)
    info = face.store.head(request.bucket, request.key)
    check_read(request.headers, info)
    return info


def _window(info: ObjectInfo, request: Request) -> tuple[tuple[int, int], Answer]:
    """Return first byte and the one behind the last, and the answer without its body."""
    wanted = _part_window(info, request)
    if wanted is None:
        try:
            wanted = range_of(request.headers.get("range"), info.size_bytes)
        except InvalidRangeError as error:
            raise S3Fault(
                "InvalidRange",
                "The requested range is not satisfiable",
                RangeRequested=request.headers["range"][:100],
                ActualObjectSize=str(info.size_bytes),
            ) from error
    is_whole = wanted is None
    wants_checksums = request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    headers = object_headers(info, request, with_checksums=is_whole and wants_checksums)
    start, end = wanted or (0, info.size_bytes)
    if "partNumber" in request.query:
        headers["x-amz-mp-parts-count"] = str(max(1, len(info.part_sizes)))
    if not is_whole and info.size_bytes:
        headers["content-range"] = f"bytes {start}-{end - 1}/{info.size_bytes}"
    return (start, end), Answer(200 if is_whole else 206, headers, n_bytes=end - start)


def _part_window(info: ObjectInfo, request: Request) -> tuple[int, int] | None:
    if "partNumber" not in request.query:
        return None
    number = request.number("partNumber", 1, 1, 10_000)
    if "range" in request.headers:
        raise S3Fault("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
    sizes = info.part_sizes or (info.size_bytes,)
    if number > len(sizes):
        raise S3Fault(
            "InvalidRange", "The requested partnumber is not satisfiable", ActualPartCount=str(len(sizes))
        )
    ends = list(itertools.accumulate(sizes))
    return ends[number - 1] - sizes[number - 1], ends[number - 1]


def _read(face: Face, request: Request) -> Answer:
    while True:
        info = _found(face, request)
        (start, end), answer = _window(info, request)
        try:
            file = face.store.open(request.bucket, request.key, start, end, etag=info.etag)
        except PreconditionFailedError:  # written since
            continue
        return _with_body(answer, file)


def _with_body(answer: Answer, file: BinaryIO) -> Answer:
    answer.headers["content-length"] = str(answer.n_bytes)
    if answer.n_bytes > INLINE_BYTES:
        answer.file = file
        return answer
    with file:
        answer.body = file.read(answer.n_bytes)
    return answer
