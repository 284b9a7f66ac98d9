"""Multipart uploads, but for the contents of their parts."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from pairloom.object_storage.checksums import ALGORITHMS, COMBINED
from pairloom.object_storage.errors import NoSuchKeyError, NoSuchUploadError
from pairloom.object_storage.interface import CompletedPart
from pairloom.object_storage.multipart import joined_etag
from pairloom.object_storage.names import check_key
from pairloom.object_storage.objects import ObjectInfo, PartInfo, UploadInfo
from pairloom.object_storage.s3_face.attributes import attributes_of
from pairloom.object_storage.s3_face.bodies import checked_algorithm, read_document
from pairloom.object_storage.s3_face.conditions import write_condition
from pairloom.object_storage.s3_face.face import Face
from pairloom.object_storage.s3_face.faults import S3Fault
from pairloom.object_storage.s3_face.requests import Answer, Request
from pairloom.object_storage.s3_face.xml import (
    children,
    document,
    element,
    iso_time,
    key_text,
    malformed,
    one_text,
    read_xml,
)

__all__ = ["abort_upload", "complete_upload", "create_upload", "list_parts", "list_uploads"]

MOST_ROWS = 1000
DEFAULT = "CRC64NVME"


async def create_upload(face: Face, request: Request) -> Answer:
    """CreateMultipartUpload."""
    check_key(request.key)
    attributes = attributes_of(request)
    named = request.headers.get("x-amz-checksum-algorithm", "").upper()
    algorithm = checked_algorithm(named) if named else DEFAULT
    kind = request.headers.get("x-amz-checksum-type", "").upper()
    if kind not in ("", "COMPOSITE", "FULL_OBJECT"):
        raise S3Fault("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
    if (kind == "FULL_OBJECT" and algorithm not in COMBINED) or (
        kind == "COMPOSITE" and algorithm == DEFAULT
    ):
        raise S3Fault(
            "InvalidRequest",
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm.",
        )
    kind = kind or ("FULL_OBJECT" if algorithm == DEFAULT else "COMPOSITE")

    def create() -> UploadInfo:
        return face.store.create_upload(
            request.bucket,
            request.key,
            attributes=attributes,
            checksum_algorithm=algorithm,
            checksum_type=kind,
        )

    upload = await face.in_thread(create)
    headers = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind} if named else {}
    if encryption := attributes.headers.get("x-amz-server-side-encryption"):
        headers["x-amz-server-side-encryption"] = encryption
    body = document(
        "InitiateMultipartUploadResult",
        element("Bucket", request.bucket),
        element("Key", key_text(request.key, None)),
        element("UploadId", upload.upload_id),
    )
    return Answer.xml(body, **headers)


async def complete_upload(face: Face, request: Request) -> Answer:
    """CompleteMultipartUpload; one that was done and whose answer was lost is answered again."""
    condition = write_condition(request.headers)
    root = read_xml(await read_document(request, has_checksum=False), "CompleteMultipartUpload")
    parts = [_completed(each) for each in children(root, "Part")]
    if not parts:
        raise malformed()
    whole = next(
        (value for name in COMBINED if (value := request.headers.get(f"x-amz-checksum-{name.lower()}"))), None
    )

    def complete() -> ObjectInfo:
        upload_id = request.query["uploadId"]
        try:
            upload = face.store.upload(request.bucket, request.key, upload_id)
            _check_size(face, upload, request.headers.get("x-amz-mp-object-size"), parts)
            return face.store.complete_upload(upload, parts, condition=condition, checksum=whole)
        except NoSuchUploadError:
            if (done := _done_before(face, request, parts)) is None:
                raise
            return done

    info = await face.in_thread(complete)
    checksums = [element(f"Checksum{name}", value) for name, value in info.checksums.items()]
    body = document(
        "CompleteMultipartUploadResult",
        element("Location", key_text(f"/{request.bucket}/{request.key}", None)),
        element("Bucket", request.bucket),
        element("Key", key_text(request.key, None)),
        element("ETag", f"&quot;{info.etag}&quot;"),
        *checksums,
        element("ChecksumType", info.checksum_type) if checksums else "",
    )
    headers = {}
    if encryption := info.attributes.headers.get("x-amz-server-side-encryption"):
        headers["x-amz-server-side-encryption"] = encryption
    return Answer.xml(body, **headers)


async def abort_upload(face: Face, request: Request) -> Answer:
    """AbortMultipartUpload."""

    def abort() -> None:
        face.store.abort_upload(face.store.upload(request.bucket, request.key, request.query["uploadId"]))

    await face.in_thread(abort)
    return Answer(204)


async def list_parts(face: Face, request: Request) -> Answer:
    """ListParts."""
    after, limit = (
        request.number("part-number-marker", 0),
        min(request.number("max-parts", MOST_ROWS), MOST_ROWS),
    )

    def answer() -> bytes:
        upload = face.store.upload(request.bucket, request.key, request.query["uploadId"])
        found = face.store.parts(upload, after=after, limit=limit + 1)
        rows = [
            element(
                "Part",
                element("PartNumber", part.number),
                element("LastModified", iso_time(part.modified_at)),
                element("ETag", f"&quot;{part.etag}&quot;"),
                element("Size", part.size_bytes),
                *(element(f"Checksum{name}", value) for name, value in part.checksums.items()),
            )
            for part in found[:limit]
        ]
        return document(
            "ListPartsResult",
            element("Bucket", request.bucket),
            element("Key", key_text(request.key, request.encoding)),
            element("UploadId", upload.upload_id),
            face.owner.replace("Owner>", "Initiator>"),
            face.owner,
            element("StorageClass", upload.attributes.headers.get("x-amz-storage-class", "STANDARD")),
            element("PartNumberMarker", after),
            element("NextPartNumberMarker", found[:limit][-1].number if found[:limit] else 0),
            element("MaxParts", limit),
            element("IsTruncated", len(found) > limit),
            element("ChecksumAlgorithm", upload.checksum_algorithm) if upload.checksum_algorithm else "",
            element("ChecksumType", upload.checksum_type) if upload.checksum_algorithm else "",
            *rows,
        )

    return Answer.xml(await face.in_thread(answer))


async def list_uploads(face: Face, request: Request) -> Answer:
    """ListMultipartUploads."""
    prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter", "")
    marker = (request.query.get("key-marker", ""), request.query.get("upload-id-marker", ""))
    limit = min(request.number("max-uploads", MOST_ROWS), MOST_ROWS)
    encoding = request.encoding
    if marker[0] and not marker[1]:
        marker = (marker[0], "\x7f")  # behind every upload of that key

    def answer() -> bytes:
        rows: list[str] = []
        prefixes: list[str] = []
        at, is_truncated = marker, False
        while found := face.store.uploads(request.bucket, prefix, after=at, limit=MOST_ROWS):
            for upload in found:
                rolled = _rolled(upload.key, prefix, delimiter)
                if rolled is not None and (rolled in prefixes or marker[0] == rolled):
                    continue
                if len(rows) + len(prefixes) >= limit:
                    is_truncated = True
                    break
                at = (upload.key, upload.upload_id) if rolled is None else (rolled, "")
                if rolled is None:
                    rows.append(_upload_row(face, upload, encoding))
                else:
                    prefixes.append(rolled)
            if is_truncated or len(found) < MOST_ROWS:
                break
            at = (found[-1].key, found[-1].upload_id)
        return document(
            "ListMultipartUploadsResult",
            element("Bucket", request.bucket),
            element("KeyMarker", key_text(request.query.get("key-marker", ""), encoding)),
            element("UploadIdMarker", key_text(request.query.get("upload-id-marker", ""), None)),
            element("NextKeyMarker", key_text(at[0], encoding)) if is_truncated else "",
            element("NextUploadIdMarker", at[1]) if is_truncated else "",
            element("Prefix", key_text(prefix, encoding)),
            element("Delimiter", key_text(delimiter, encoding)) if delimiter else "",
            element("EncodingType", encoding) if encoding else "",
            element("MaxUploads", limit),
            element("IsTruncated", is_truncated),
            *rows,
            *(element("CommonPrefixes", element("Prefix", key_text(each, encoding))) for each in prefixes),
        )

    return Answer.xml(await face.in_thread(answer))


def _upload_row(face: Face, upload: UploadInfo, encoding: str | None) -> str:
    return element(
        "Upload",
        element("Key", key_text(upload.key, encoding)),
        element("UploadId", upload.upload_id),
        face.owner.replace("Owner>", "Initiator>"),
        face.owner,
        element("StorageClass", upload.attributes.headers.get("x-amz-storage-class", "STANDARD")),
        element("Initiated", iso_time(upload.created_at)),
        element("ChecksumAlgorithm", upload.checksum_algorithm) if upload.checksum_algorithm else "",
        element("ChecksumType", upload.checksum_type) if upload.checksum_algorithm else "",
    )


def _rolled(key: str, prefix: str, delimiter: str) -> str | None:
    found = key.find(delimiter, len(prefix)) if delimiter else -1
    return None if found < 0 else key[: found + len(delimiter)]


def _completed(part: Element) -> CompletedPart:
    number = (one_text(part, "PartNumber") or "").strip()
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise malformed()
    checksums = {name: value for name in ALGORITHMS if (value := one_text(part, f"Checksum{name}"))}
    return int(number), (one_text(part, "ETag") or "").strip().strip('"'), checksums


def _check_size(face: Face, upload: UploadInfo, announced: str | None, parts: list[CompletedPart]) -> None:
    if announced is None:
        return
    sizes = {part.number: part.size_bytes for part in face.store.parts(upload, limit=10_000)}
    got = sum(sizes.get(number, 0) for number, _, _ in parts)
    if announced != str(got):
        raise S3Fault(
            "InvalidRequest",
            f"The object must have {got} bytes. x-amz-mp-object-size says '{announced[:40]}'.",
        )


def _done_before(face: Face, request: Request, parts: list[CompletedPart]) -> ObjectInfo | None:
    """Return the object if it is what these parts make."""
    try:
        info = face.store.head(request.bucket, request.key)
        named = [PartInfo(number, 0, etag, 0) for number, etag, _ in parts]
        return info if info.etag == joined_etag(named) else None
    except (NoSuchKeyError, ValueError):
        return None
