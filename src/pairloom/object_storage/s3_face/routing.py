"""Which operation a request is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pairloom.object_storage.s3_face import buckets, copying, listing, reading, tagging, uploads, writing
from pairloom.object_storage.s3_face.absent import BUCKET_STATES, SUBRESOURCES, acl, bucket_state
from pairloom.object_storage.s3_face.face import Face
from pairloom.object_storage.s3_face.faults import S3Fault
from pairloom.object_storage.s3_face.requests import Answer, Request

__all__ = ["Operation", "operation_of"]

Operation = Callable[[Face, Request], Awaitable[Answer]]

ON_BUCKETS: dict[tuple[str, str], Operation] = {
    ("GET", ""): listing.list_objects,
    ("HEAD", ""): buckets.head_bucket,
    ("PUT", ""): buckets.create_bucket,
    ("DELETE", ""): buckets.delete_bucket,
    ("GET", "location"): buckets.location,
    ("GET", "versions"): listing.list_versions,
    ("GET", "uploads"): uploads.list_uploads,
    ("POST", "delete"): writing.delete_objects,
    ("GET", "tagging"): tagging.get_tags,
    ("PUT", "tagging"): tagging.put_tags,
    ("DELETE", "tagging"): tagging.delete_tags,
    ("GET", "acl"): acl,
    **{("GET", name): bucket_state(name) for name in BUCKET_STATES},
}
ON_OBJECTS: dict[tuple[str, str], Operation] = {
    ("GET", ""): reading.get_object,
    ("HEAD", ""): reading.head_object,
    ("PUT", ""): writing.put_object,
    ("DELETE", ""): writing.delete_object,
    ("GET", "partNumber"): reading.get_object,
    ("HEAD", "partNumber"): reading.head_object,
    ("GET", "attributes"): reading.object_attributes,
    ("GET", "tagging"): tagging.get_tags,
    ("PUT", "tagging"): tagging.put_tags,
    ("DELETE", "tagging"): tagging.delete_tags,
    ("GET", "acl"): acl,
    ("POST", "uploads"): uploads.create_upload,
    ("PUT", "partNumber+uploadId"): writing.upload_part,
    ("GET", "uploadId"): uploads.list_parts,
    ("POST", "uploadId"): uploads.complete_upload,
    ("DELETE", "uploadId"): uploads.abort_upload,
}
"""By method and subresource. What is in neither table is refused by name, never taken for another operation."""
COPIES: dict[Operation, Operation] = {
    writing.put_object: copying.copy_object,
    writing.upload_part: copying.upload_part_copy,
}


def operation_of(request: Request) -> Operation:
    """Return the operation; raises S3Fault ``NotImplemented`` or ``MethodNotAllowed``."""
    if not request.bucket:
        if request.method == "GET":
            return buckets.list_buckets
        raise _not_allowed()
    subresource = "+".join(sorted(SUBRESOURCES & set(request.query)))
    table = ON_OBJECTS if request.key else ON_BUCKETS
    found = table.get((request.method, subresource))
    if found is None and subresource:
        raise S3Fault(
            "NotImplemented",
            f"A header you provided implies functionality that is not implemented: {request.method} ?{subresource} "
            f"of {'an object' if request.key else 'a bucket'}.",
        )
    if found is None:
        raise _not_allowed()
    if found is listing.list_objects and request.query.get("list-type") == "2":
        return listing.list_objects_v2
    if "x-amz-copy-source" in request.headers:
        return COPIES.get(found, found)
    return found


def _not_allowed() -> S3Fault:
    return S3Fault("MethodNotAllowed", "The specified method is not allowed against this resource.")
