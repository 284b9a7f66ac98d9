"""Tags of objects and buckets."""

from __future__ import annotations

from collections.abc import Mapping

from pairloom.object_storage.s3_face.attributes import checked_tags
from pairloom.object_storage.s3_face.bodies import read_document
from pairloom.object_storage.s3_face.face import Face
from pairloom.object_storage.s3_face.faults import S3Fault
from pairloom.object_storage.s3_face.reading import check_version
from pairloom.object_storage.s3_face.requests import Answer, Request
from pairloom.object_storage.s3_face.xml import children, document, element, key_text, one_text, read_xml

__all__ = ["delete_tags", "get_tags", "put_tags"]

MOST_BUCKET_TAGS = 50


async def get_tags(face: Face, request: Request) -> Answer:
    """GetObjectTagging, GetBucketTagging."""
    check_version(request)
    if request.key:
        tags = (await face.in_thread(face.store.head, request.bucket, request.key)).attributes.tags
    else:
        tags = (await face.in_thread(face.store.head_bucket, request.bucket)).tags
        if not tags:
            raise S3Fault("NoSuchTagSet", "The TagSet does not exist", BucketName=request.bucket)
    rows = [
        element("Tag", element("Key", key_text(name, None)), element("Value", key_text(value, None)))
        for name, value in tags.items()
    ]
    return Answer.xml(document("Tagging", element("TagSet", *rows)))


async def put_tags(face: Face, request: Request) -> Answer:
    """PutObjectTagging, PutBucketTagging."""
    check_version(request)
    root = read_xml(await read_document(request), "Tagging")
    pairs = [
        (one_text(tag, "Key") or "", one_text(tag, "Value") or "")
        for tag_set in children(root, "TagSet")
        for tag in children(tag_set, "Tag")
    ]
    if request.key:
        await _tag(face, request, checked_tags(pairs))
        return Answer(200)
    await _tag(face, request, checked_tags(pairs, MOST_BUCKET_TAGS))
    return Answer(204)


async def delete_tags(face: Face, request: Request) -> Answer:
    """DeleteObjectTagging, DeleteBucketTagging."""
    check_version(request)
    await _tag(face, request, {})
    return Answer(204)


async def _tag(face: Face, request: Request, tags: Mapping[str, str]) -> None:
    if request.key:
        await face.in_thread(face.store.tag, request.bucket, request.key, tags)
    else:
        await face.in_thread(face.store.tag_bucket, request.bucket, tags)
