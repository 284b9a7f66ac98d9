"""What an object store refuses, under the names that S3 gives them.

StorageError                      (a UserError) `code` is S3's name of the fault
├── NoSuchBucketError, NoSuchKeyError, NoSuchUploadError
├── BucketExistsError, BucketNotEmptyError, BadBucketNameError
├── KeyTooLongError, BadKeyError
├── PreconditionFailedError       a condition on the object's ETag does not hold
├── InvalidRangeError             the first byte asked for lies behind the last there is
├── BadDigestError                bytes differ from the checksum that was sent with them
└── InvalidPartError, InvalidPartOrderError, PartTooSmallError, TooManyPartsError
StorageFullError                  (a PlatformError) no room for what is to be kept; what was there stays
StorageLostError                  (a PlatformError) the store's files are not as they were left
"""

from __future__ import annotations

from typing import ClassVar

from pairloom.errors import PlatformError, UserError

__all__ = [
    "BadBucketNameError",
    "BadDigestError",
    "BadKeyError",
    "BucketExistsError",
    "BucketNotEmptyError",
    "InvalidPartError",
    "InvalidPartOrderError",
    "InvalidRangeError",
    "KeyTooLongError",
    "NoSuchBucketError",
    "NoSuchKeyError",
    "NoSuchUploadError",
    "PartTooSmallError",
    "PreconditionFailedError",
    "StorageError",
    "StorageFullError",
    "StorageLostError",
    "TooManyPartsError",
]


class StorageError(UserError):
    """A request that the store refuses."""

    code: ClassVar[str] = "InvalidRequest"


class NoSuchBucketError(StorageError):
    """There is no bucket of that name."""

    code = "NoSuchBucket"

    def __init__(self, bucket: str) -> None:
        super().__init__(f"The specified bucket does not exist. Got '{bucket}'. Create it first.")
        self.bucket = bucket


class NoSuchKeyError(StorageError):
    """The bucket holds no object of that key."""

    code = "NoSuchKey"

    def __init__(self, bucket: str, key: str) -> None:
        super().__init__(f"The specified key does not exist. Got 's3://{bucket}/{key}'.")
        self.bucket, self.key = bucket, key


class NoSuchUploadError(StorageError):
    """The multipart upload was completed or aborted, or there never was one."""

    code = "NoSuchUpload"

    def __init__(self, upload_id: str) -> None:
        super().__init__(
            "The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have "
            f"been aborted or completed. Got '{upload_id}'."
        )


class BucketExistsError(StorageError):
    """A bucket of that name is there."""

    code = "BucketAlreadyOwnedByYou"

    def __init__(self, bucket: str) -> None:
        super().__init__(
            "Your previous request to create the named bucket succeeded and you already own it. "
            f"Got '{bucket}'."
        )
        self.bucket = bucket


class BucketNotEmptyError(StorageError):
    """A bucket can be deleted only when nothing is in it."""

    code = "BucketNotEmpty"

    def __init__(self, bucket: str) -> None:
        super().__init__(f"The bucket you tried to delete is not empty. Got '{bucket}'. Delete its objects.")


class BadBucketNameError(StorageError):
    """A bucket's name breaks S3's rules."""

    code = "InvalidBucketName"


class BadKeyError(StorageError):
    """A key is empty or not Unicode."""

    code = "InvalidURI"


class KeyTooLongError(StorageError):
    """A key is longer than S3 allows."""

    code = "KeyTooLongError"


class PreconditionFailedError(StorageError):
    """A condition on what the key holds does not hold."""

    code = "PreconditionFailed"

    def __init__(self, condition: str) -> None:
        super().__init__(
            f"At least one of the pre-conditions you specified did not hold. It was {condition}."
        )
        self.condition = condition


class InvalidRangeError(StorageError):
    """The first byte asked for lies behind the last there is."""

    code = "InvalidRange"

    def __init__(self, start: int, size_bytes: int) -> None:
        super().__init__(
            f"The requested range is not satisfiable. The object has {size_bytes} bytes. Got a start of {start}."
        )
        self.size_bytes = size_bytes


class BadDigestError(StorageError):
    """Bytes differ from the checksum that came with them."""

    code = "BadDigest"

    def __init__(self, algorithm: str, *, expected: str, got: str) -> None:
        super().__init__(
            f"The {algorithm} you specified did not match the calculated checksum. "
            f"Expected '{expected}'. Got bytes with '{got}'."
        )


class InvalidPartError(StorageError):
    """A part that completes an upload is not there, or is another."""

    code = "InvalidPart"


class InvalidPartOrderError(StorageError):
    """Parts must be named in ascending order."""

    code = "InvalidPartOrder"


class PartTooSmallError(StorageError):
    """A part that is not the last has less than 5 MiB."""

    code = "EntityTooSmall"


class TooManyPartsError(StorageError):
    """A part's number is outside of [1, 10000]."""

    code = "InvalidArgument"


class StorageFullError(PlatformError):
    """There is no room for what is to be kept; what was there stays as it was."""


class StorageLostError(PlatformError):
    """The files of the store are not as it left them."""
