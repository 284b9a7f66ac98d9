"""What an S3 answers when it refuses, as the errors of object stores."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pairloom.errors import PlatformError
from pairloom.object_storage.errors import (
    BadBucketNameError,
    BadDigestError,
    BucketExistsError,
    BucketNotEmptyError,
    InvalidPartError,
    InvalidPartOrderError,
    InvalidRangeError,
    KeyTooLongError,
    NoSuchBucketError,
    NoSuchKeyError,
    NoSuchUploadError,
    PartTooSmallError,
    PreconditionFailedError,
    StorageError,
)

__all__ = ["asking", "code_of"]

WORDED: dict[str, type[StorageError]] = {
    "EntityTooSmall": PartTooSmallError,
    "InvalidBucketName": BadBucketNameError,
    "InvalidPart": InvalidPartError,
    "InvalidPartOrder": InvalidPartOrderError,
    "KeyTooLongError": KeyTooLongError,
}
"""Errors that keep the words of the server."""
ABSENT = ("404", "NoSuchKey", "NotFound")
FAILED = ("304", "412", "PreconditionFailed", "ConditionalRequestConflict")


def code_of(error: ClientError) -> str:
    """Return S3's name of a fault."""
    found: dict[str, Any] = error.response.get("Error", {})  # pyright: ignore
    return str(found.get("Code", ""))


@contextmanager
def asking(
    bucket: str, key: str = "", *, upload_id: str = "", condition: str = "If-Match"
) -> Generator[None]:
    """Turn what botocore raises within the block into errors of object stores.

    Parameters
    ----------
    bucket, key, upload_id : str
        What is asked for, in the store's own names.
    condition : str
        The condition that the request had.

    Raises
    ------
    StorageError
    PlatformError
        If the server cannot be reached, lets nobody in, or fails.
    """
    try:
        yield
    except ClientError as error:
        raise _named(error, bucket, key, upload_id, condition) from error
    except BotoCoreError as error:
        raise PlatformError(
            f"Object store: its S3 must answer. Got '{error}'. Check the address, the network and the credentials."
        ) from error


def _named(error: ClientError, bucket: str, key: str, upload_id: str, condition: str) -> Exception:  # noqa: PLR0911
    code = code_of(error)
    fields: dict[str, Any] = error.response.get("Error", {})  # pyright: ignore
    if code == "NoSuchBucket" or (code in ABSENT and not key):
        return NoSuchBucketError(bucket)
    if code in ABSENT:
        return NoSuchKeyError(bucket, key)
    if code == "NoSuchUpload":
        return NoSuchUploadError(upload_id)
    if code in FAILED:
        return PreconditionFailedError(condition)
    if code in ("416", "InvalidRange"):
        return InvalidRangeError(0, int(fields.get("ActualObjectSize", 0)))
    if code in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
        return BucketExistsError(bucket)
    if code == "BucketNotEmpty":
        return BucketNotEmptyError(bucket)
    if code == "BadDigest":
        return BadDigestError("checksum", expected="that of the request", got="another")
    if code in WORDED:
        return WORDED[code](str(fields.get("Message", code)))
    return PlatformError(f"Object store: its S3 must do what is asked. Got '{error}'.")
