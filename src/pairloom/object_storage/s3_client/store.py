"""An object store that is an S3, wherever it is: AWS, MinIO, Ceph, or the face of another folder store."""

from __future__ import annotations

import io
import json
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import botocore.session
import msgspec
from botocore.config import Config

from pairloom.object_storage.errors import (
    BucketExistsError,
    BucketNotEmptyError,
    InvalidRangeError,
    NoSuchBucketError,
    NoSuchKeyError,
    PreconditionFailedError,
)
from pairloom.object_storage.interface import PLAIN, CompletedPart, Source, Staged
from pairloom.object_storage.multipart import SMALLEST_PART_BYTES, check_number
from pairloom.object_storage.names import check_bucket, check_key
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
from pairloom.object_storage.s3_client.contents import Streamed, spooled
from pairloom.object_storage.s3_client.faults import asking
from pairloom.object_storage.s3_client.fields import (
    attributes_of,
    checksum_fields,
    condition_fields,
    object_of,
    part_of,
    seconds,
    write_fields,
)
from pairloom.object_storage.s3_client.places import Target
from pairloom.object_storage.sources import STEP_BYTES, pour
from pairloom.object_storage.staging import StagedFile

__all__ = ["S3Store"]

KNOWN_S = 30.0
"""How long a bucket that was seen is taken to be there."""
LARGEST_PUT_BYTES = 5 << 30
LAST = "\U0010ffff"
"""The character that sorts behind all others."""


class S3Store:
    """An `ObjectStore` in an S3.

    Contents are kept on this machine until they are whole and their checksums known, then sent with these, so that
    the S3 keeps nothing half. Objects in lists come without attributes, buckets of the S3's own without times.

    Parameters
    ----------
    target : Target
    spool : Path, optional
        Folder for contents on their way; the system's for temporary files by default.
    client : optional
        Client of botocore; one made from `target` and the environment by default.
    clock : callable
        Seconds since 1970.
    """

    def __init__(
        self,
        target: Target,
        *,
        spool: Path | None = None,
        client: Any = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._places, self._clock = target.places, clock
        self._spool = spool or Path(tempfile.gettempdir())
        self._client = client or _client(target)
        self._seen: dict[str, float] = {}
        with asking(self._places.bucket):
            if self._places.is_nested:
                self._client.head_bucket(Bucket=self._places.bucket)

    def create_bucket(self, bucket: str) -> BucketInfo:
        """Raise BucketExistsError, BadBucketNameError."""
        check_bucket(bucket)
        made = BucketInfo(bucket, self._clock())
        if self._places.is_nested:
            try:
                self._mark(made, IfNoneMatch="*")
            except PreconditionFailedError:
                raise BucketExistsError(bucket) from None
            return made
        try:
            self.head_bucket(bucket)
        except NoSuchBucketError:
            region = self._client.meta.region_name
            where = {} if region in (None, "us-east-1") else {"LocationConstraint": region}
            with asking(bucket):
                self._client.create_bucket(
                    Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {})
                )
            return made
        raise BucketExistsError(bucket)

    def delete_bucket(self, bucket: str) -> None:
        """Raise BucketNotEmptyError."""
        self._seen.pop(bucket, None)
        if not self._places.is_nested:
            with asking(bucket):
                self._client.delete_bucket(Bucket=bucket)
            return
        if self.list(bucket, limit=1).objects or self.uploads(bucket, limit=1):
            raise BucketNotEmptyError(bucket)
        with asking(bucket):
            self._client.delete_object(Bucket=self._places.bucket, Key=self._places.marker(bucket))

    def head_bucket(self, bucket: str) -> BucketInfo:
        """Return what is known of a bucket."""
        if self._places.is_nested:
            return self._marked(bucket)
        with asking(bucket):
            self._client.head_bucket(Bucket=bucket)
        try:
            with asking(bucket, "tags"):
                tags = self._client.get_bucket_tagging(Bucket=bucket)["TagSet"]
        except OSError:  # NoSuchTagSet, or none who may see them
            tags = []
        return BucketInfo(bucket, 0.0, _tags(tags))

    def buckets(self) -> list[BucketInfo]:
        """Return all of them by name."""
        with asking(self._places.bucket):
            if not self._places.is_nested:
                rows = self._client.list_buckets()["Buckets"]
                return [BucketInfo(row["Name"], seconds(row["CreationDate"])) for row in rows]
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._places.bucket, Prefix=self._places.marker("")
            )
            names = [
                row["Key"].removeprefix(self._places.marker(""))
                for page in pages
                for row in page.get("Contents", [])
            ]
        return [self._marked(name) for name in names]

    def tag_bucket(self, bucket: str, tags: Mapping[str, str]) -> None:
        """Replace the bucket's tags."""
        if self._places.is_nested:
            self._mark(msgspec.structs.replace(self._marked(bucket), tags=dict(tags)))
            return
        with asking(bucket):
            self._client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": _rows(tags)})

    def put(
        self,
        bucket: str,
        key: str,
        source: Source,
        *,
        attributes: Attributes = PLAIN,
        condition: Condition = NO_CONDITION,
    ) -> ObjectInfo:
        """Keep bytes, a file or what an open file has left."""
        check_key(key)
        self._check(bucket)
        with self.stage() as staged:
            pour(source, staged)
            return self.keep(bucket, key, staged, attributes=attributes, condition=condition)

    def stage(self, algorithms: Collection[str] = ()) -> StagedFile:
        """Begin to take in bytes."""
        return spooled(self._spool, algorithms)

    def keep(
        self,
        bucket: str,
        key: str,
        staged: Staged,
        *,
        attributes: Attributes = PLAIN,
        condition: Condition = NO_CONDITION,
    ) -> ObjectInfo:
        """Give staged bytes their key."""
        check_key(key)
        self._check(bucket)
        file = cast(StagedFile, staged)
        if file.size_bytes > LARGEST_PUT_BYTES:
            return self._keep_in_parts(bucket, key, file, attributes, condition)
        named, _ = self._place(bucket, key)
        fields = write_fields(attributes, condition) | checksum_fields(file.checksums)
        with asking(bucket, key, condition=_worded(condition)), file.path.open("rb") as body:
            answer = self._client.put_object(**named, Body=body, ContentLength=file.size_bytes, **fields)
        file.take()
        etag = answer["ETag"].strip('"')
        return ObjectInfo(bucket, key, file.size_bytes, etag, self._clock(), attributes, file.checksums)

    def head(self, bucket: str, key: str) -> ObjectInfo:
        """Raise NoSuchKeyError."""
        named, _ = self._place(bucket, key)
        try:
            with asking(bucket, key):
                answer = self._client.head_object(**named, ChecksumMode="ENABLED")
                tags = self._client.get_object_tagging(**named)["TagSet"]
        except NoSuchKeyError:
            self._check(bucket)
            raise
        return object_of(bucket, key, answer, attributes_of(answer, _tags(tags)))

    def open(
        self, bucket: str, key: str, start: int = 0, end: int | None = None, *, etag: str | None = None
    ) -> BinaryIO:
        """Open the bytes ``[start, end)``."""
        named, _ = self._place(bucket, key)
        if etag is not None:
            named["IfMatch"] = etag
        if start or end is not None:
            named["Range"] = f"bytes={start}-" if end is None else f"bytes={start}-{max(start, end - 1)}"
        try:
            with asking(bucket, key):
                body: Any = self._client.get_object(**named)["Body"]
        except InvalidRangeError as error:
            if start == 0:
                return io.BytesIO()
            raise InvalidRangeError(start, error.size_bytes) from error
        except NoSuchKeyError:
            self._check(bucket)
            raise
        if end is not None and end <= start:
            body.close()
            return io.BytesIO()
        return cast(BinaryIO, io.BufferedReader(Streamed(body), 1 << 18))

    def list(
        self, bucket: str, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 1000
    ) -> Listing:
        """Return a page of keys."""
        self._check(bucket)
        where, within = self._places.of(bucket)
        if limit <= 0:
            return Listing([], [], None)
        if delimiter and after.startswith(prefix) and after.endswith(delimiter) and len(after) > len(prefix):
            after += LAST
        with asking(bucket):
            page = self._client.list_objects_v2(
                Bucket=where,
                Prefix=within + prefix,
                Delimiter=delimiter,
                StartAfter=within + after if after else "",
                MaxKeys=min(limit, 1000),
            )
        objects = [
            object_of(bucket, row["Key"].removeprefix(within), row, PLAIN) for row in page.get("Contents", [])
        ]
        prefixes = [row["Prefix"].removeprefix(within) for row in page.get("CommonPrefixes", [])]
        last = max([*(info.key for info in objects), *prefixes], key=str.encode, default=None)
        return Listing(objects, prefixes, last if page["IsTruncated"] else None)

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
        """Copy within the S3; what is larger than it copies at once goes through this machine."""
        check_key(key)
        self._check(bucket)
        info = self.head(*source)
        if source_etag is not None and info.etag != source_etag:
            raise PreconditionFailedError("x-amz-copy-source-if-match")
        wanted = info.attributes if attributes is None else attributes
        if info.size_bytes > LARGEST_PUT_BYTES:
            with self.open(*source, etag=info.etag) as file:
                return self.put(bucket, key, file, attributes=wanted, condition=condition)
        named, _ = self._place(bucket, key)
        where, what = self._places.of(*source)
        with asking(*source, condition=_worded(condition)):
            self._client.copy_object(
                **named,
                CopySource={"Bucket": where, "Key": what},
                CopySourceIfMatch=info.etag,
                MetadataDirective="REPLACE",
                TaggingDirective="REPLACE",
                **write_fields(wanted, condition),
            )
        return self.head(bucket, key)

    def delete(self, bucket: str, key: str, *, condition: Condition = NO_CONDITION) -> None:
        """Delete an object; there may be none."""
        check_key(key)
        self._check(bucket)
        named, _ = self._place(bucket, key)
        with asking(bucket, key):
            self._client.delete_object(**named, **condition_fields(condition))

    def tag(self, bucket: str, key: str, tags: Mapping[str, str]) -> None:
        """Replace an object's tags."""
        named, _ = self._place(bucket, key)
        with asking(bucket, key):
            self._client.put_object_tagging(**named, Tagging={"TagSet": _rows(tags)})

    def link(self, bucket: str, key: str, target: Path) -> None:
        """Fetch the object into a new file."""
        with self.open(bucket, key) as file, target.open("xb") as writing:
            while step := file.read(STEP_BYTES):
                writing.write(step)

    def create_upload(
        self,
        bucket: str,
        key: str,
        *,
        attributes: Attributes = PLAIN,
        checksum_algorithm: str | None = None,
        checksum_type: ChecksumType = "COMPOSITE",
    ) -> UploadInfo:
        """Begin an object that comes in parts."""
        check_key(key)
        self._check(bucket)
        named, _ = self._place(bucket, key)
        fields = write_fields(attributes, NO_CONDITION)
        if checksum_algorithm is not None:
            fields |= {"ChecksumAlgorithm": checksum_algorithm, "ChecksumType": checksum_type}
        with asking(bucket, key):
            upload_id = self._client.create_multipart_upload(**named, **fields)["UploadId"]
        return UploadInfo(
            upload_id, bucket, key, self._clock(), attributes, checksum_algorithm, checksum_type
        )

    def upload(self, bucket: str, key: str, upload_id: str) -> UploadInfo:
        """Raise NoSuchUploadError."""
        self._check(bucket)
        named, _ = self._place(bucket, key)
        with asking(bucket, key, upload_id=upload_id):
            answer = self._client.list_parts(**named, UploadId=upload_id, MaxParts=1)
        kind: ChecksumType = answer.get("ChecksumType", "COMPOSITE")
        return UploadInfo(upload_id, bucket, key, 0.0, PLAIN, answer.get("ChecksumAlgorithm"), kind)

    def uploads(
        self, bucket: str, prefix: str = "", *, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[UploadInfo]:
        """Return uploads by key and id."""
        self._check(bucket)
        where, within = self._places.of(bucket)
        markers = {"KeyMarker": within + after[0], "UploadIdMarker": after[1]} if after[0] else {}
        with asking(bucket):
            page = self._client.list_multipart_uploads(
                Bucket=where, Prefix=within + prefix, MaxUploads=min(limit, 1000), **markers
            )
        return [
            UploadInfo(
                row["UploadId"],
                bucket,
                row["Key"].removeprefix(within),
                seconds(row["Initiated"]),
                PLAIN,
                row.get("ChecksumAlgorithm"),
                row.get("ChecksumType", "COMPOSITE"),
            )
            for row in page.get("Uploads", [])
        ]

    def stage_part(
        self, upload: UploadInfo, number: int, algorithms: Collection[str] = (), size_bytes: int | None = None
    ) -> StagedFile:
        """Begin to take in a part."""
        check_number(number)
        return spooled(self._spool, algorithms, size_bytes)

    def keep_part(self, upload: UploadInfo, number: int, staged: Staged) -> PartInfo:
        """Make staged bytes a part."""
        file = cast(StagedFile, staged)
        named, _ = self._place(upload.bucket, upload.key)
        with asking(upload.bucket, upload.key, upload_id=upload.upload_id), file.path.open("rb") as body:
            answer = self._client.upload_part(
                **named,
                UploadId=upload.upload_id,
                PartNumber=number,
                Body=body,
                ContentLength=file.size_bytes,
                **checksum_fields(file.checksums),
            )
        file.take()
        etag = answer["ETag"].strip('"')
        return PartInfo(number, file.size_bytes, etag, self._clock(), file.checksums)

    def parts(self, upload: UploadInfo, *, after: int = 0, limit: int = 1000) -> list[PartInfo]:
        """Return parts by number."""
        found: list[PartInfo] = []
        named, _ = self._place(upload.bucket, upload.key)
        while len(found) < limit:
            with asking(upload.bucket, upload.key, upload_id=upload.upload_id):
                page = self._client.list_parts(
                    **named,
                    UploadId=upload.upload_id,
                    PartNumberMarker=after,
                    MaxParts=min(1000, limit - len(found)),
                )
            found += [part_of(row) for row in page.get("Parts", [])]
            if not page["IsTruncated"]:
                break
            after = page["NextPartNumberMarker"]
        return found

    def complete_upload(
        self,
        upload: UploadInfo,
        parts: Sequence[CompletedPart],
        *,
        condition: Condition = NO_CONDITION,
        checksum: str | None = None,
    ) -> ObjectInfo:
        """Make the object of its parts."""
        named, _ = self._place(upload.bucket, upload.key)
        known = {part.number: part.checksums for part in self.parts(upload, limit=10_000)}
        rows = [
            {"PartNumber": number, "ETag": etag}
            | {f"Checksum{name}": value for name, value in (known.get(number, {}) | dict(checksums)).items()}
            for number, etag, checksums in parts
        ]
        fields = condition_fields(condition)
        if checksum is not None and upload.checksum_algorithm is not None:
            fields |= {f"Checksum{upload.checksum_algorithm}": checksum, "ChecksumType": upload.checksum_type}
        where = {"upload_id": upload.upload_id, "condition": _worded(condition)}
        with asking(upload.bucket, upload.key, **where):
            self._client.complete_multipart_upload(
                **named, UploadId=upload.upload_id, MultipartUpload={"Parts": rows}, **fields
            )
        return self.head(upload.bucket, upload.key)

    def abort_upload(self, upload: UploadInfo) -> None:
        """Drop an upload and its parts."""
        named, _ = self._place(upload.bucket, upload.key)
        with asking(upload.bucket, upload.key, upload_id=upload.upload_id):
            self._client.abort_multipart_upload(**named, UploadId=upload.upload_id)

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def _place(self, bucket: str, key: str) -> tuple[dict[str, Any], str]:
        where, what = self._places.of(bucket, key)
        return {"Bucket": where, "Key": what}, where

    def _check(self, bucket: str) -> None:
        """Raise NoSuchBucketError; one that was seen a moment ago is not looked for again."""
        now = time.monotonic()
        if now - self._seen.get(bucket, -KNOWN_S) >= KNOWN_S:
            if self._places.is_nested:
                self._marked(bucket)
            else:
                with asking(bucket):
                    self._client.head_bucket(Bucket=bucket)
            self._seen[bucket] = now

    def _mark(self, bucket: BucketInfo, **condition: str) -> None:
        body = json.dumps({"created_at": bucket.created_at, "tags": bucket.tags}).encode()
        with asking(bucket.name):
            self._client.put_object(
                Bucket=self._places.bucket, Key=self._places.marker(bucket.name), Body=body, **condition
            )

    def _marked(self, bucket: str) -> BucketInfo:
        with asking(bucket):
            body = self._client.get_object(Bucket=self._places.bucket, Key=self._places.marker(bucket))[
                "Body"
            ]
            found = json.loads(body.read())
        return BucketInfo(bucket, found["created_at"], found["tags"])

    def _keep_in_parts(
        self, bucket: str, key: str, file: StagedFile, attributes: Attributes, condition: Condition
    ) -> ObjectInfo:
        upload = self.create_upload(bucket, key, attributes=attributes)
        size_bytes = max(SMALLEST_PART_BYTES, -(-file.size_bytes // 10_000), 64 << 20)
        parts: list[CompletedPart] = []
        try:
            with file.path.open("rb") as whole:
                for number in range(1, -(-file.size_bytes // size_bytes) + 1):
                    with self.stage_part(upload, number) as staged:
                        left = size_bytes
                        while left and (step := whole.read(min(STEP_BYTES, left))):
                            staged.write(step)
                            left -= len(step)
                        part = self.keep_part(upload, number, staged)
                    parts.append((number, part.etag, part.checksums))
            info = self.complete_upload(upload, parts, condition=condition)
        except BaseException:
            self.abort_upload(upload)
            raise
        file.take()
        return info


def _client(target: Target) -> Any:
    session: Any = botocore.session.Session()
    path = {"addressing_style": "path"} if target.endpoint_url else {}
    return session.create_client(
        "s3",
        endpoint_url=target.endpoint_url,
        region_name=target.region,
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 5}, max_pool_connections=32, s3=path or None
        ),
    )


def _rows(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def _tags(rows: list[dict[str, str]]) -> dict[str, str]:
    return {row["Key"]: row["Value"] for row in rows}


def _worded(condition: Condition) -> str:
    return "If-None-Match" if condition.if_none_match else "If-Match"
