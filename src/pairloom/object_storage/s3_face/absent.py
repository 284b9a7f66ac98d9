"""What can be asked of a bucket and is not there, answered as S3 does for a bucket without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pairloom.object_storage.s3_face.face import Face
from pairloom.object_storage.s3_face.faults import S3Fault
from pairloom.object_storage.s3_face.requests import Answer, Request
from pairloom.object_storage.s3_face.xml import document

__all__ = ["BUCKET_STATES", "SUBRESOURCES", "acl", "bucket_state"]

MISSING = {
    "analytics": ("NoSuchConfiguration", "The specified configuration does not exist."),
    "cors": ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "encryption": (
        "ServerSideEncryptionConfigurationNotFoundError",
        "The server side encryption configuration was not found",
    ),
    "intelligent-tiering": ("NoSuchConfiguration", "The specified configuration does not exist."),
    "inventory": ("NoSuchConfiguration", "The specified configuration does not exist."),
    "lifecycle": ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
    "metrics": ("NoSuchConfiguration", "The specified configuration does not exist."),
    "object-lock": (
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    ),
    "ownershipControls": ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
    "policy": ("NoSuchBucketPolicy", "The bucket policy does not exist"),
    "policyStatus": ("NoSuchBucketPolicy", "The bucket policy does not exist"),
    "publicAccessBlock": (
        "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found",
    ),
    "replication": ("ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
    "website": ("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
}
"""Code and message by subresource."""
EMPTY = {
    "accelerate": ("AccelerateConfiguration", ""),
    "logging": ("BucketLoggingStatus", ""),
    "notification": ("NotificationConfiguration", ""),
    "requestPayment": ("RequestPaymentConfiguration", "<Payer>BucketOwner</Payer>"),
    "versioning": ("VersioningConfiguration", ""),
}
"""Name and content of the answer by subresource."""
BUCKET_STATES = (*MISSING, *EMPTY)
SUBRESOURCES = {
    *BUCKET_STATES,
    "abac", "acl", "annotation", "attributes", "delete", "legal-hold", "location", "metadataAnnotationTable",
    "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable", "metadataTable", "partNumber",
    "renameObject", "restore", "retention", "select", "session", "tagging", "torrent", "uploadId", "uploads",
    "versions",
}  # fmt: skip
"""Names in a query that make a request another operation."""
Operation = Callable[[Face, Request], Awaitable[Answer]]


def bucket_state(name: str) -> Operation:
    """Return the operation that answers for a subresource that no bucket has."""

    async def answer(face: Face, request: Request) -> Answer:
        await face.in_thread(face.store.head_bucket, request.bucket)
        if name in MISSING:
            code, message = MISSING[name]
            raise S3Fault(code, message, BucketName=request.bucket)
        root, content = EMPTY[name]
        return Answer.xml(document(root, content))

    return answer


async def acl(face: Face, request: Request) -> Answer:
    """GetBucketAcl, GetObjectAcl: the owner may do all, nobody else anything."""
    if request.key:
        await face.in_thread(face.store.head, request.bucket, request.key)
    else:
        await face.in_thread(face.store.head_bucket, request.bucket)
    grantee = face.owner.replace(
        "<Owner>", '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
    ).replace("</Owner>", "</Grantee>")
    grant = f"<Grant>{grantee}<Permission>FULL_CONTROL</Permission></Grant>"
    return Answer.xml(
        document("AccessControlPolicy", face.owner, f"<AccessControlList>{grant}</AccessControlList>")
    )
