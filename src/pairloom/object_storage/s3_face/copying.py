"""CopyObject, UploadPartCopy."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec

from pairloom.object_storage.errors import NoSuchKeyError, PreconditionFailedError
from pairloom.object_storage.names import check_key
from pairloom.object_storage.objects import Attributes, ObjectInfo, PartInfo
from pairloom.object_storage.s3_face.attributes import attributes_of, tags_of
from pairloom.object_storage.s3_face.bodies import checked_algorithm
from pairloom.object_storage.s3_face.conditions import check_read, range_of, write_condition
from pairloom.object_storage.s3_face.face import Face
from pairloom.object_storage.s3_face.faults import S3Fault
from pairloom.object_storage.s3_face.requests import Answer, Request
from pairloom.object_storage.s3_face.xml import document, element, iso_time
from pairloom.object_storage.sources import STEP_BYTES, pour

__all__ = ["copy_object", "upload_part_copy"]

SOURCE = "x-amz-copy-source"
REPLACED = ("x-amz-storage-class", "x-amz-website-redirect-location", "x-amz-server-side-encryption")
"""Headers that a copy takes from its request even where the rest comes from the source."""


async def copy_object(face: Face, request: Request) -> Answer:
    """CopyObject."""
    check_key(request.key)
    source = _source(request)
    info = await face.in_thread(_copy, face, request, source)
    return Answer.xml(document("CopyObjectResult", *_result(info)))


async def upload_part_copy(face: Face, request: Request) -> Answer:
    """UploadPartCopy."""
    source = _source(request)
    number = request.number("partNumber", 0)

    def copy() -> PartInfo:
        upload = face.store.upload(request.bucket, request.key, request.query["uploadId"])
        info = _checked(face, request, source)
        start, end = _range(request, info)
        algorithms = [upload.checksum_algorithm] if upload.checksum_algorithm else []
        with (
            face.store.open(*source, start, end, etag=info.etag) as file,
            face.store.stage_part(upload, number, algorithms, end - start) as staged,
        ):
            while step := file.read(STEP_BYTES):
                staged.write(step)
            return face.store.keep_part(upload, number, staged)

    part = await face.in_thread(copy)
    return Answer.xml(document("CopyPartResult", *_result(part)))


def _source(request: Request) -> tuple[str, str]:
    named, _, version = request.headers[SOURCE].partition("?versionId=")
    try:
        bucket, _, key = unquote(named, errors="strict").removeprefix("/").partition("/")
    except UnicodeDecodeError:
        bucket = key = ""
    if not bucket or not key:
        raise S3Fault(
            "InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        )
    if version not in ("", "null"):
        raise S3Fault("NoSuchVersion", "The specified version does not exist.", VersionId=version[:100])
    return bucket, key


def _checked(face: Face, request: Request, source: tuple[str, str]) -> ObjectInfo:
    info = face.store.head(*source)
    check_read(request.headers, info, SOURCE + "-")
    return info


def _range(request: Request, info: ObjectInfo) -> tuple[int, int]:
    text = request.headers.get(SOURCE + "-range")
    if text is None:
        return 0, info.size_bytes
    wanted = range_of(text, info.size_bytes)
    if wanted is None or not text.endswith(f"-{wanted[1] - 1}"):
        raise S3Fault(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            f"zero-based offsets of the first and last bytes to copy, of {info.size_bytes}. Got '{text[:100]}'.",
        )
    return wanted


def _copy(face: Face, request: Request, source: tuple[str, str]) -> ObjectInfo:
    condition = write_condition(request.headers)
    attributes = _attributes(request)
    algorithm = request.headers.get("x-amz-checksum-algorithm", "").upper()
    if algorithm:
        checked_algorithm(algorithm)
    while True:
        info = _checked(face, request, source)
        wanted = _merged(request, info, attributes)
        if source == (request.bucket, request.key) and wanted == info.attributes and not algorithm:
            raise S3Fault(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without changing the "
                "object's metadata, storage class, website redirect location or encryption attributes.",
            )
        try:
            if not algorithm or (algorithm in info.checksums and info.checksum_type == "FULL_OBJECT"):
                return face.store.copy(
                    source,
                    request.bucket,
                    request.key,
                    attributes=wanted,
                    source_etag=info.etag,
                    condition=condition,
                )
            with face.store.open(*source, etag=info.etag) as file, face.store.stage([algorithm]) as staged:
                pour(file, staged)
                return face.store.keep(
                    request.bucket, request.key, staged, attributes=wanted, condition=condition
                )
        except PreconditionFailedError as error:
            if error.condition in ("If-Match", "If-None-Match") and (
                condition.if_match or condition.if_none_match
            ):
                raise
        except NoSuchKeyError as error:
            if (error.bucket, error.key) != source:
                raise S3Fault("NoSuchKey", str(error), Key=error.key) from error
            raise


def _attributes(request: Request) -> Attributes:
    for name in ("x-amz-metadata-directive", "x-amz-tagging-directive"):
        if request.headers.get(name, "COPY") not in ("COPY", "REPLACE"):
            raise S3Fault("InvalidArgument", f"Unknown value of {name}.", ArgumentName=name)
    return attributes_of(request)


def _merged(request: Request, info: ObjectInfo, given: Attributes) -> Attributes:
    """Return the attributes of the copy: by the directives, those of the source or those of the request."""
    replaces = request.headers.get("x-amz-metadata-directive") == "REPLACE"
    base = given if replaces else info.attributes
    headers = {name: value for name, value in base.headers.items() if name not in REPLACED}
    headers |= {name: given.headers[name] for name in REPLACED if name in given.headers}
    if (
        "x-amz-server-side-encryption" not in headers
        and "x-amz-server-side-encryption" in info.attributes.headers
    ):
        headers["x-amz-server-side-encryption"] = info.attributes.headers["x-amz-server-side-encryption"]
    replaces_tags = request.headers.get("x-amz-tagging-directive") == "REPLACE"
    tags = tags_of(request.headers.get("x-amz-tagging", "")) if replaces_tags else info.attributes.tags
    return msgspec.structs.replace(base, headers=headers, tags=tags)


def _result(info: ObjectInfo | PartInfo) -> list[str]:
    checksums = [element(f"Checksum{name}", value) for name, value in info.checksums.items()]
    if checksums and isinstance(info, ObjectInfo):
        checksums.append(element("ChecksumType", info.checksum_type))
    return [
        element("LastModified", iso_time(info.modified_at)),
        element("ETag", f"&quot;{info.etag}&quot;"),
        *checksums,
    ]
