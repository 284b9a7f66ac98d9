"""PutObject, DeleteObject, DeleteObjects, and parts of uploads: contents that come in, objects that go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import TypeVar

from pairloom.object_storage.errors import NoSuchKeyError, StorageError
from pairloom.object_storage.interface import Staged
from pairloom.object_storage.names import check_key
from pairloom.object_storage.objects import NO_CONDITION, Condition, ObjectInfo, PartInfo
from pairloom.object_storage.s3_face.attributes import attributes_of, checksum_headers
from pairloom.object_storage.s3_face.bodies import Declared, Incoming, declared_of, read_document
from pairloom.object_storage.s3_face.conditions import write_condition
from pairloom.object_storage.s3_face.face import Face
from pairloom.object_storage.s3_face.faults import S3Fault, fault_of
from pairloom.object_storage.s3_face.reading import check_version
from pairloom.object_storage.s3_face.requests import Answer, Request
from pairloom.object_storage.s3_face.xml import (
    children,
    document,
    element,
    key_text,
    malformed,
    one_text,
    read_xml,
)

__all__ = ["delete_object", "delete_objects", "put_object", "upload_part"]

Kept = TypeVar("Kept")
DEFAULT_CHECKSUM = "CRC64NVME"
"""What an object gets whose writer declared none, as in S3."""
MOST_DELETED = 1000


async def put_object(face: Face, request: Request) -> Answer:
    """PutObject."""
    check_key(request.key)
    declared = declared_of(request)
    attributes = attributes_of(request)
    condition = write_condition(request.headers)
    await face.in_thread(face.store.head_bucket, request.bucket)

    def keep(staged: Staged) -> ObjectInfo:
        return face.store.keep(
            request.bucket, request.key, staged, attributes=attributes, condition=condition
        )

    info = await _received(face, request, declared, face.store.stage, keep)
    headers = {"etag": f'"{info.etag}"', **checksum_headers(info)}
    if encryption := attributes.headers.get("x-amz-server-side-encryption"):
        headers["x-amz-server-side-encryption"] = encryption
    return Answer(200, headers)


async def upload_part(face: Face, request: Request) -> Answer:
    """UploadPart."""
    declared = declared_of(request)
    number = request.number("partNumber", 0)
    upload = await face.in_thread(face.store.upload, request.bucket, request.key, request.query["uploadId"])

    def stage(algorithms: Collection[str]) -> Staged:
        also = {upload.checksum_algorithm} - {None}
        return face.store.stage_part(upload, number, {*algorithms, *also}, declared.n_bytes)  # pyright: ignore

    def keep(staged: Staged) -> PartInfo:
        return face.store.keep_part(upload, number, staged)

    part = await _received(face, request, declared, stage, keep)
    headers = {f"x-amz-checksum-{name.lower()}": value for name, value in part.checksums.items()}
    return Answer(200, {"etag": f'"{part.etag}"', **headers})


async def _received(
    face: Face,
    request: Request,
    declared: Declared,
    stage: Callable[[Collection[str]], Staged],
    keep: Callable[[Staged], Kept],
) -> Kept:
    """Take a content in, check it, keep it; one step is hashed and written while the next one comes."""
    algorithms = {declared.algorithm or DEFAULT_CHECKSUM}
    incoming = Incoming(request, declared.n_bytes)
    step = await incoming.step()

    def finish(staged: Staged, last: list[bytes]) -> Kept:
        with staged:
            staged.write(*last)
            declared.check(staged, request.context.trailers)
            return keep(staged)

    if incoming.is_last:
        return await face.in_thread(lambda: finish(stage(algorithms), step))
    staged = await face.in_thread(stage, algorithms)
    try:
        while not incoming.is_last:
            writing = asyncio.ensure_future(face.in_thread(staged.write, *step))
            try:
                step = await incoming.step()
            finally:
                await asyncio.wait([writing])
            writing.result()
        return await face.in_thread(finish, staged, step)
    finally:
        await face.in_thread(staged.__exit__)


async def delete_object(face: Face, request: Request) -> Answer:
    """DeleteObject."""
    check_version(request)
    condition = write_condition(request.headers)
    try:
        await face.in_thread(lambda: face.store.delete(request.bucket, request.key, condition=condition))
    except NoSuchKeyError:
        if condition.if_match is None:
            raise
        raise S3Fault(
            "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"
        ) from None
    return Answer(204)


async def delete_objects(face: Face, request: Request) -> Answer:
    """DeleteObjects: what cannot be deleted is told key by key."""
    root = read_xml(await read_document(request), "Delete")
    quiet = (one_text(root, "Quiet") or "").strip().lower() == "true"
    wanted = [
        (one_text(each, "Key") or "", one_text(each, "ETag"), one_text(each, "VersionId"))
        for each in children(root, "Object")
    ]
    if not 1 <= len(wanted) <= MOST_DELETED:
        raise malformed()
    await face.in_thread(face.store.head_bucket, request.bucket)

    def delete(key: str, etag: str | None, version: str | None) -> str:
        named = element("Key", key_text(key, None))
        try:
            if version not in (None, "", "null"):
                raise S3Fault("NoSuchVersion", "The specified version does not exist.")
            condition = Condition(if_match=etag.strip('"')) if etag else NO_CONDITION
            face.store.delete(request.bucket, key, condition=condition)
        except (StorageError, S3Fault) as error:
            fault = fault_of(error) if isinstance(error, StorageError) else error
            code = element("Code", fault.code) + element("Message", key_text(fault.message, None))
            return element("Error", named, code)
        return "" if quiet else element("Deleted", named)

    rows = await asyncio.gather(*(face.in_thread(delete, *each) for each in wanted))
    return Answer.xml(document("DeleteResult", *rows))
