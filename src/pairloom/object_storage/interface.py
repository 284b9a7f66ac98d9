"""The one interface of the two object stores: a folder, and any S3 through its client."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from pairloom.object_storage.objects import (
    NO_CONDITION,
    Attributes,
    BucketInfo,
    ChecksumType,
    Condition,
    Listing,
    ObjectInfo,
    PartInfo,
    UploadInfo,
)

__all__ = ["PLAIN", "CompletedPart", "ObjectStore", "Source", "Staged"]

Source = Path | bytes | BinaryIO
CompletedPart = tuple[int, str, Mapping[str, str]]
"""Number, ETag and checksums of a part, as its sender names it when he completes an upload."""
PLAIN = Attributes()


class Staged(Protocol):
    """Bytes that are being taken in and belong to no key yet. Leaving its ``with`` block drops what was not used."""

    @property
    def size_bytes(self) -> int:
        """How many were written."""
        ...

    @property
    def etag(self) -> str:
        """MD5 of what was written, in hexadecimal."""
        ...

    @property
    def checksums(self) -> dict[str, str]:
        """Base64 by algorithm, for those that were asked for."""
        ...

    def write(self, *pieces: bytes | bytearray | memoryview) -> None:
        """Append them in order; raises StorageFullError."""
        ...

    def __enter__(self) -> Staged:
        """Return itself."""
        ...

    def __exit__(self, *_: object) -> None:
        """Drop what was not used."""
        ...


class ObjectStore(Protocol):
    """Buckets of objects, as S3 has them. All calls block and may be made from any thread.

    A write is either done as a whole and for good when the call returns, or not at all: after a crash at any moment
    a key holds what it held before or what was written, and never a part. A call on a bucket that is not there
    raises NoSuchBucketError. Keys are any Unicode text of 1 to 1024 bytes in UTF-8, and have no further meaning:
    ``dir`` and ``dir/x`` are two objects.
    """

    def create_bucket(self, bucket: str) -> BucketInfo:
        """Raise BucketExistsError, BadBucketNameError."""
        ...

    def delete_bucket(self, bucket: str) -> None:
        """Raise BucketNotEmptyError."""
        ...

    def head_bucket(self, bucket: str) -> BucketInfo:
        """Return what is known of a bucket."""
        ...

    def buckets(self) -> list[BucketInfo]:
        """Return all of them by name."""
        ...

    def tag_bucket(self, bucket: str, tags: Mapping[str, str]) -> None:
        """Replace the bucket's tags."""
        ...

    def put(
        self,
        bucket: str,
        key: str,
        source: Source,
        *,
        attributes: Attributes = PLAIN,
        condition: Condition = NO_CONDITION,
    ) -> ObjectInfo:
        """Keep bytes, a file or what an open file has left. Raise PreconditionFailedError, StorageFullError."""
        ...

    def head(self, bucket: str, key: str) -> ObjectInfo:
        """Raise NoSuchKeyError."""
        ...

    def open(
        self, bucket: str, key: str, start: int = 0, end: int | None = None, *, etag: str | None = None
    ) -> BinaryIO:
        """Open the bytes ``[start, end)``; `end` behind the last byte is the last.

        What is opened stays readable and the same while the key is written or deleted.

        Raises
        ------
        NoSuchKeyError
        InvalidRangeError
            If `start` is behind the last byte; 0 never is.
        PreconditionFailedError
            If the key does not hold `etag` any more.
        """
        ...

    def list(
        self,
        bucket: str,
        prefix: str = "",
        *,
        delimiter: str = "",
        after: str = "",
        limit: int = 1000,
    ) -> Listing:
        """Return the keys behind `after`, in the order of their UTF-8 bytes, at most `limit` with the prefixes.

        An `after` that is one of the common prefixes leaves out all keys that begin with it.
        """
        ...

    def copy(
        self,
        source: tuple[str, str],
        bucket: str,
        key: str,
        *,
        attributes: Attributes | None = None,
        source_etag: str | None = None,
        condition: Condition = NO_CONDITION,
    ) -> ObjectInfo:
        """Copy within the store; `attributes` replace those of the source. Raise NoSuchKeyError for the source."""
        ...

    def delete(self, bucket: str, key: str, *, condition: Condition = NO_CONDITION) -> None:
        """Delete an object; there may be none."""
        ...

    def tag(self, bucket: str, key: str, tags: Mapping[str, str]) -> None:
        """Replace an object's tags."""
        ...

    def link(self, bucket: str, key: str, target: Path) -> None:
        """Make `target`, which must not be there, a file with the object's bytes: no copy where the disk allows it.

        The file may share its bytes with the store, so it is to be read only.
        """
        ...

    def stage(self, algorithms: Collection[str] = ()) -> Staged:
        """Begin to take in bytes whose key or checksums are judged later, and compute their checksums."""
        ...

    def keep(
        self,
        bucket: str,
        key: str,
        staged: Staged,
        *,
        attributes: Attributes = PLAIN,
        condition: Condition = NO_CONDITION,
    ) -> ObjectInfo:
        """Give staged bytes their key; the second half of `put`."""
        ...

    def create_upload(
        self,
        bucket: str,
        key: str,
        *,
        attributes: Attributes = PLAIN,
        checksum_algorithm: str | None = None,
        checksum_type: ChecksumType = "COMPOSITE",
    ) -> UploadInfo:
        """Begin an object that comes in parts, in any order."""
        ...

    def upload(self, bucket: str, key: str, upload_id: str) -> UploadInfo:
        """Raise NoSuchUploadError."""
        ...

    def uploads(
        self, bucket: str, prefix: str = "", *, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[UploadInfo]:
        """Return uploads behind ``(key, upload_id)``, ordered by these."""
        ...

    def stage_part(
        self, upload: UploadInfo, number: int, algorithms: Collection[str] = (), size_bytes: int | None = None
    ) -> Staged:
        """Begin to take in part `number`, in [1, 10000]; `size_bytes` is how long it is going to be, if known."""
        ...

    def keep_part(self, upload: UploadInfo, number: int, staged: Staged) -> PartInfo:
        """Make staged bytes the part of that number, in place of one that came before."""
        ...

    def parts(self, upload: UploadInfo, *, after: int = 0, limit: int = 1000) -> list[PartInfo]:
        """Return parts whose number is above `after`, by number."""
        ...

    def complete_upload(
        self,
        upload: UploadInfo,
        parts: Sequence[CompletedPart],
        *,
        condition: Condition = NO_CONDITION,
        checksum: str | None = None,
    ) -> ObjectInfo:
        """Make the object of these parts; others are dropped.

        Parameters
        ----------
        upload : UploadInfo
        parts : sequence of (number, etag, checksums)
            By ascending number; every one but the last has at least 5 MiB.
        condition : Condition
        checksum : str, optional
            Base64 of the whole object by the upload's algorithm, to be checked.

        Raises
        ------
        NoSuchUploadError, InvalidPartError, InvalidPartOrderError, PartTooSmallError, PreconditionFailedError
        BadDigestError
            If `checksum` is another.
        """
        ...

    def abort_upload(self, upload: UploadInfo) -> None:
        """Drop an upload and its parts."""
        ...

    def close(self) -> None:
        """Give back what is held; no call may follow."""
        ...
