"""Operations on buckets."""

from __future__ import annotations

from pairloom.object_storage.errors import BucketExistsError
from pairloom.object_storage.s3_face.attributes import OWN_ACLS
from pairloom.object_storage.s3_face.bodies import read_document
from pairloom.object_storage.s3_face.face import Face
from pairloom.object_storage.s3_face.faults import S3Fault
from pairloom.object_storage.s3_face.requests import Answer, Request
from pairloom.object_storage.s3_face.xml import (
    children,
    document,
    element,
    iso_time,
    key_text,
    one_text,
    read_xml,
)

__all__ = ["create_bucket", "delete_bucket", "head_bucket", "list_buckets", "location"]

FIRST_REGION = "us-east-1"
"""The region whose name is the empty one, and where creating a bucket again is no error."""


async def list_buckets(face: Face, request: Request) -> Answer:
    """ListBuckets."""
    prefix, after = request.query.get("prefix", ""), request.query.get("continuation-token", "")
    most = request.number("max-buckets", 10_000, 1, 10_000)
    found = [
        bucket
        for bucket in await face.in_thread(face.store.buckets)
        if bucket.name.startswith(prefix) and bucket.name > after
    ]
    rows = [
        element(
            "Bucket",
            element("Name", bucket.name),
            element("CreationDate", iso_time(bucket.created_at)),
            element("BucketRegion", face.region),
        )
        for bucket in found[:most]
    ]
    following = element("ContinuationToken", found[most - 1].name) if len(found) > most else ""
    named = element("Prefix", key_text(prefix, None)) if prefix else ""
    return Answer.xml(
        document("ListAllMyBucketsResult", face.owner, element("Buckets", *rows), following, named)
    )


async def create_bucket(face: Face, request: Request) -> Answer:
    """CreateBucket; every bucket is in the region of the service, whatever region is asked for."""
    if (request.headers.get("x-amz-acl") or "private") not in OWN_ACLS:
        raise S3Fault("AccessControlListNotSupported", "The bucket does not allow ACLs")
    if request.headers.get("x-amz-bucket-object-lock-enabled", "false").lower() == "true":
        raise S3Fault("NotImplemented", "Buckets have no object lock here. Leave the header out.")
    body = await read_document(request)
    tags: dict[str, str] = {}
    if body:
        configuration = read_xml(body, "CreateBucketConfiguration")
        for tag_set in children(configuration, "Tags"):
            tags = {
                one_text(tag, "Key") or "": one_text(tag, "Value") or "" for tag in children(tag_set, "Tag")
            }
    try:
        await face.in_thread(face.store.create_bucket, request.bucket)
        if tags:
            await face.in_thread(face.store.tag_bucket, request.bucket, tags)
    except BucketExistsError:
        if request.context.region != FIRST_REGION:
            raise
    return Answer(200, {"location": f"/{request.bucket}"})


async def head_bucket(face: Face, request: Request) -> Answer:
    """HeadBucket."""
    await face.in_thread(face.store.head_bucket, request.bucket)
    return Answer(200, {"x-amz-bucket-region": face.region, "content-type": "application/xml"})


async def delete_bucket(face: Face, request: Request) -> Answer:
    """DeleteBucket."""
    await face.in_thread(face.store.delete_bucket, request.bucket)
    return Answer(204)


async def location(face: Face, request: Request) -> Answer:
    """GetBucketLocation."""
    await face.in_thread(face.store.head_bucket, request.bucket)
    return Answer.xml(document("LocationConstraint", "" if face.region == FIRST_REGION else face.region))
