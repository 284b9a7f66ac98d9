"""Refusals as S3 words them: code, status, XML."""

from __future__ import annotations

from xml.sax.saxutils import escape

from pairloom.object_storage.errors import InvalidRangeError, NoSuchBucketError, NoSuchKeyError, StorageError

__all__ = ["S3Fault", "error_xml", "fault_of"]

STATUSES = {
    "AccessControlListNotSupported": 400,
    "AccessDenied": 403,
    "BadDigest": 400,
    "BucketAlreadyOwnedByYou": 409,
    "BucketNotEmpty": 409,
    "EntityTooLarge": 400,
    "EntityTooSmall": 400,
    "IncompleteBody": 400,
    "InsufficientStorage": 507,
    "InternalError": 500,
    "InvalidArgument": 400,
    "InvalidBucketName": 400,
    "InvalidDigest": 400,
    "InvalidPart": 400,
    "InvalidPartOrder": 400,
    "InvalidRange": 416,
    "InvalidRequest": 400,
    "InvalidStorageClass": 400,
    "InvalidTag": 400,
    "InvalidURI": 400,
    "KeyTooLongError": 400,
    "MalformedXML": 400,
    "MetadataTooLarge": 400,
    "MethodNotAllowed": 405,
    "MissingContentLength": 411,
    "NoSuchBucket": 404,
    "NoSuchBucketPolicy": 404,
    "NoSuchCORSConfiguration": 404,
    "NoSuchConfiguration": 404,
    "NoSuchKey": 404,
    "NoSuchLifecycleConfiguration": 404,
    "NoSuchObjectLockConfiguration": 404,
    "NoSuchPublicAccessBlockConfiguration": 404,
    "NoSuchTagSet": 404,
    "NoSuchUpload": 404,
    "NoSuchVersion": 404,
    "NoSuchWebsiteConfiguration": 404,
    "NotImplemented": 501,
    "NotModified": 304,
    "ObjectLockConfigurationNotFoundError": 404,
    "OwnershipControlsNotFoundError": 404,
    "PreconditionFailed": 412,
    "ReplicationConfigurationNotFoundError": 404,
    "ServerSideEncryptionConfigurationNotFoundError": 404,
}


class S3Fault(Exception):  # noqa: N818 - an answer like others
    """A request that is refused.

    Parameters
    ----------
    code : str
        What clients match; a key of `STATUSES`.
    message : str
    **fields : str
        Further elements of the error.
    """

    def __init__(self, code: str, message: str, **fields: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.fields = code, message, STATUSES[code], fields


def fault_of(error: StorageError) -> S3Fault:
    """Return what the store refused as S3's refusal."""
    fields: dict[str, str] = {}
    if isinstance(error, NoSuchBucketError):
        fields["BucketName"] = error.bucket
    elif isinstance(error, NoSuchKeyError):
        fields["Key"] = error.key
    elif isinstance(error, InvalidRangeError):
        fields["ActualObjectSize"] = str(error.size_bytes)
    return S3Fault(error.code, str(error), **fields)


def error_xml(fault: S3Fault, resource: str, request_id: str) -> bytes:
    """Return the body of a refusal."""
    fields = {
        "Code": fault.code,
        "Message": fault.message,
        **fault.fields,
        "Resource": resource,
        "RequestId": request_id,
    }
    text = "".join(f"<{name}>{escape(printable(value))}</{name}>" for name, value in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{text}</Error>'.encode()


def printable(text: str) -> str:
    """Return text without what XML cannot hold."""
    return "".join(c if c in "\t\n\r" or " " <= c < "\ufffe" or c > "\uffff" else "\ufffd" for c in text)
