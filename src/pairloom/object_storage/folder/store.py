"""Objects as immutable files beside one SQLite index."""

from __future__ import annotations

import io
import sqlite3
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from pairloom.errors import PlatformError
from pairloom.faults import fault_point
from pairloom.object_storage.errors import (
    BucketExistsError,
    BucketNotEmptyError,
    InvalidRangeError,
    NoSuchBucketError,
    NoSuchKeyError,
    PreconditionFailedError,
    StorageFullError,
)
from pairloom.object_storage.folder.blobs import (
    FULL,
    GENERATION_SHIFT,
    READ_ONLY,
    BlobFiles,
    full_disk,
    sync_folder,
)
from pairloom.object_storage.folder.index import Index
from pairloom.object_storage.folder.listing import list_keys
from pairloom.object_storage.folder.lock import own_folder
from pairloom.object_storage.folder.rows import OBJECT_COLUMNS, Details, object_of, pack, runs, tags_of
from pairloom.object_storage.folder.uploads import Uploads
from pairloom.object_storage.interface import PLAIN, CompletedPart, Source, Staged
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
from pairloom.object_storage.sources import pour
from pairloom.object_storage.staging import StagedFile

__all__ = ["FolderStore"]

_OBJECT = f"select {OBJECT_COLUMNS} from object where bucket = ? and key = ?"  # noqa: S608


class FolderStore:
    """An `ObjectStore` in a folder of this machine.

    A write goes to a new file, is brought to the disk, and is then named by the index in one transaction; files that
    no row names are left over from a crash and are deleted after the next start.

    Parameters
    ----------
    folder : Path
        Made if it is not there. One process at a time may have it open.
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._clock = folder, clock
        self._owner = own_folder(folder)
        try:
            self._index = Index(folder / "index.sqlite3")
            generation, in_order = self._index.write(_open_generation)
        except BaseException:
            self._owner.close()
            raise
        (folder / "blobs").mkdir(exist_ok=True)
        sync_folder(folder)
        self.blobs = BlobFiles(folder / "blobs", generation)
        self._uploads = Uploads(self._index, self.blobs, clock)
        self._closing = threading.Event()
        self._sweep: threading.Thread | None = None
        self._is_swept = bool(in_order)
        if not in_order:
            self._sweep = threading.Thread(target=self._drop_left_over, name="pairloom-sweep", daemon=True)
            self._sweep.start()

    def create_bucket(self, bucket: str) -> BucketInfo:
        """Raise BucketExistsError, BadBucketNameError."""
        check_bucket(bucket)
        made = BucketInfo(bucket, self._clock())

        def change(writer: sqlite3.Connection) -> None:
            try:
                writer.execute("insert into bucket values (?, ?, ?)", (bucket, made.created_at, pack({})))
            except sqlite3.IntegrityError:
                raise BucketExistsError(bucket) from None

        self._index.write(change)
        return made

    def delete_bucket(self, bucket: str) -> None:
        """Raise BucketNotEmptyError."""

        def change(writer: sqlite3.Connection) -> None:
            for table in ("object", "upload"):
                if writer.execute(f"select 1 from {table} where bucket = ? limit 1", (bucket,)).fetchone():  # noqa: S608
                    raise BucketNotEmptyError(bucket)
            if writer.execute("delete from bucket where name = ?", (bucket,)).rowcount == 0:
                raise NoSuchBucketError(bucket)

        self._index.write(change)

    def head_bucket(self, bucket: str) -> BucketInfo:
        """Return what is known of a bucket."""
        found = self._index.one("select * from bucket where name = ?", (bucket,))
        if found is None:
            raise NoSuchBucketError(bucket)
        return BucketInfo(found[0], found[1], tags_of(found[2]))

    def buckets(self) -> list[BucketInfo]:
        """Return all of them by name."""
        rows = self._index.all("select * from bucket order by name")
        return [BucketInfo(name, created_at, tags_of(tags)) for name, created_at, tags in rows]

    def tag_bucket(self, bucket: str, tags: Mapping[str, str]) -> None:
        """Replace the bucket's tags."""

        def change(writer: sqlite3.Connection) -> None:
            row = (pack(dict(tags)), bucket)
            if writer.execute("update bucket set tags = ? where name = ?", row).rowcount == 0:
                raise NoSuchBucketError(bucket)

        self._index.write(change)

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
        self.head_bucket(bucket)
        with self.stage() as staged:
            pour(source, staged)
            return self.keep(bucket, key, staged, attributes=attributes, condition=condition)

    def stage(self, algorithms: Collection[str] = ()) -> StagedFile:
        """Begin to take in bytes."""
        blob = self.blobs.new()
        path = self.blobs.path(blob)
        return StagedFile(
            path, 0, algorithms, drop=lambda: self.blobs.drop(blob), full=self._full, token=blob
        )

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
        file = cast(StagedFile, staged)
        file.settle(READ_ONLY)
        sync_folder(file.path.parent)
        fault_point("object.written")
        info = ObjectInfo(bucket, key, file.size_bytes, file.etag, self._clock(), attributes, file.checksums)
        try:
            self._name(info, file.token, condition)
        except StorageFullError:
            raise
        except PlatformError:  # the row may be on the disk or not
            file.take()
            self.blobs.has_left_over = True
            raise
        file.take()
        return info

    def head(self, bucket: str, key: str) -> ObjectInfo:
        """Raise NoSuchKeyError."""
        return self._find(bucket, key)[0]

    def open(
        self, bucket: str, key: str, start: int = 0, end: int | None = None, *, etag: str | None = None
    ) -> BinaryIO:
        """Open the bytes ``[start, end)``."""
        while True:
            info, blob = self._find(bucket, key)
            if etag is not None and info.etag != etag:
                raise PreconditionFailedError("If-Match")
            if start >= info.size_bytes and start > 0:
                raise InvalidRangeError(start, info.size_bytes)
            stop = info.size_bytes if end is None else min(end, info.size_bytes)
            try:
                return io.BufferedReader(self.blobs.open(blob, start, max(0, stop - start)), 1 << 18)  # pyright: ignore[reportReturnType]
            except PlatformError:
                if self._found(bucket, key, blob):
                    raise

    def list(
        self, bucket: str, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 1000
    ) -> Listing:
        """Return a page of keys."""
        self.head_bucket(bucket)
        with self._index.reading() as reader:
            return list_keys(reader, bucket, prefix, delimiter=delimiter, after=after, limit=limit)

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
        """Copy without moving a byte where the disk has hard links."""
        check_key(key)
        while True:
            info, blob = self._find(*source)
            if source_etag is not None and info.etag != source_etag:
                raise PreconditionFailedError("x-amz-copy-source-if-match")
            try:
                shared = self.blobs.share(blob)
                break
            except FileNotFoundError:
                if self._found(*source, blob):
                    raise
            except OSError as error:
                raise self._full(error) or error from error
        changed = msgspec.structs.replace(
            info,
            bucket=bucket,
            key=key,
            modified_at=self._clock(),
            attributes=info.attributes if attributes is None else attributes,
        )
        try:
            self._name(changed, shared, condition)
        except BaseException:
            self.blobs.drop(shared)
            raise
        return changed

    def delete(self, bucket: str, key: str, *, condition: Condition = NO_CONDITION) -> None:
        """Delete an object; there may be none."""
        encoded = check_key(key)

        def change(writer: sqlite3.Connection) -> int | None:
            held = self._held(writer, bucket, encoded, condition)
            writer.execute("delete from object where bucket = ? and key = ?", (bucket, encoded))
            return held

        self._drop(self._index.write(change))

    def tag(self, bucket: str, key: str, tags: Mapping[str, str]) -> None:
        """Replace an object's tags."""

        def change(writer: sqlite3.Connection) -> None:
            info, _ = self._find(bucket, key, writer)
            attributes = msgspec.structs.replace(info.attributes, tags=dict(tags))
            packed = pack(_details(msgspec.structs.replace(info, attributes=attributes)))
            row = (packed, bucket, key.encode())
            writer.execute("update object set details = ? where bucket = ? and key = ?", row)

        self._index.write(change)

    def link(self, bucket: str, key: str, target: Path) -> None:
        """Make `target` a hard link of the object's file, or a copy."""
        while True:
            _, blob = self._find(bucket, key)
            try:
                return self.blobs.link(blob, target)
            except FileNotFoundError:
                if self._found(bucket, key, blob):
                    raise
            except OSError as error:
                raise self._full(error) or error from error

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
        self.head_bucket(bucket)
        return self._uploads.create(bucket, key, attributes, checksum_algorithm, checksum_type)

    def upload(self, bucket: str, key: str, upload_id: str) -> UploadInfo:
        """Raise NoSuchUploadError."""
        self.head_bucket(bucket)
        return self._uploads.find(bucket, key, upload_id)

    def uploads(
        self, bucket: str, prefix: str = "", *, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[UploadInfo]:
        """Return uploads by key and id."""
        self.head_bucket(bucket)
        return self._uploads.list(bucket, prefix, after, limit)

    def stage_part(
        self, upload: UploadInfo, number: int, algorithms: Collection[str] = (), size_bytes: int | None = None
    ) -> StagedFile:
        """Begin to take in a part."""
        return self._uploads.stage(upload, number, algorithms, size_bytes, self._full)

    def keep_part(self, upload: UploadInfo, number: int, staged: Staged) -> PartInfo:
        """Make staged bytes a part."""
        return self._uploads.keep(upload, number, cast(StagedFile, staged))

    def parts(self, upload: UploadInfo, *, after: int = 0, limit: int = 1000) -> list[PartInfo]:
        """Return parts by number."""
        return self._uploads.parts(upload, after, limit)

    def complete_upload(
        self,
        upload: UploadInfo,
        parts: Sequence[CompletedPart],
        *,
        condition: Condition = NO_CONDITION,
        checksum: str | None = None,
    ) -> ObjectInfo:
        """Make the object of its parts."""
        with self._uploads.assembled(upload, parts, checksum, self._full) as (info, blob, forget):
            fault_point("upload.joined")
            self._name(info, blob, condition, also=forget)
        return info

    def abort_upload(self, upload: UploadInfo) -> None:
        """Drop an upload and its parts."""
        self._uploads.abort(upload)

    def close(self) -> None:
        """End in order, so that the next start need not look for what was left over."""
        self._closing.set()
        if self._sweep is not None:
            self._sweep.join()
        in_order = self._is_swept and not self.blobs.has_left_over
        self._index.write(lambda writer: _set_state(writer, "in_order", int(in_order)))
        self._index.close()
        self._owner.close()

    def _find(
        self, bucket: str, key: str, reader: sqlite3.Connection | None = None
    ) -> tuple[ObjectInfo, int]:
        encoded = check_key(key)
        at = (bucket, encoded)
        row = self._index.one(_OBJECT, at) if reader is None else reader.execute(_OBJECT, at).fetchone()
        if row is None:
            self.head_bucket(bucket)
            raise NoSuchKeyError(bucket, key)
        return object_of(row), row[-1]

    def _found(self, bucket: str, key: str, blob: int) -> bool:
        """Return whether a key still names a blob: a file that is gone was replaced meanwhile, unless it does."""
        return self._find(bucket, key)[1] == blob

    def _held(self, writer: sqlite3.Connection, bucket: str, key: bytes, condition: Condition) -> int | None:
        """Return the blob that a key has now, if the condition on it holds."""
        if writer.execute("select 1 from bucket where name = ?", (bucket,)).fetchone() is None:
            raise NoSuchBucketError(bucket)
        row = writer.execute(
            "select blob, etag from object where bucket = ? and key = ?", (bucket, key)
        ).fetchone()
        if condition.if_none_match and row is not None:
            raise PreconditionFailedError("If-None-Match")
        if condition.if_match is not None:
            if row is None:
                raise NoSuchKeyError(bucket, key.decode())
            if condition.if_match not in ("*", row[1]):
                raise PreconditionFailedError("If-Match")
        return None if row is None else row[0]

    def _name(
        self,
        info: ObjectInfo,
        blob: int,
        condition: Condition,
        also: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        """Give a blob its key; the one that had it before is deleted."""
        key = check_key(info.key)

        def change(writer: sqlite3.Connection) -> int | None:
            if also is not None:
                also(writer)
            held = self._held(writer, info.bucket, key, condition)
            packed = pack(_details(info))
            row = (info.bucket, key, blob, info.size_bytes, info.etag, info.modified_at, packed)
            writer.execute("insert or replace into object values (?, ?, ?, ?, ?, ?, ?)", row)
            return held

        held = self._index.write(change)
        fault_point("object.named")
        self._drop(held)

    def _drop(self, blob: int | None) -> None:
        if blob is not None:
            self.blobs.drop(blob)

    def _full(self, error: OSError) -> StorageFullError | None:
        return full_disk(error, self.folder) if error.errno in FULL else None

    def _drop_left_over(self) -> None:
        """Delete the files that a crash left: no row names them, and none will."""
        first = self.blobs.generation << GENERATION_SHIFT
        used = array("q")
        with self._index.reading() as reader:
            statement = (
                "select blob from object where blob < ? union all select blob from part where blob < ?"
            )
            used.extend(blob for (blob,) in reader.execute(statement, (first, first)))
        used = array("q", sorted(used))

        def is_used(blob: int) -> bool:
            at = bisect_left(used, blob)
            return at < len(used) and used[at] == blob

        for blob in self.blobs.left_over(is_used):
            if self._closing.is_set():
                return
            self.blobs.drop(blob)
        self._is_swept = True


def _open_generation(writer: sqlite3.Connection) -> tuple[int, int]:
    """Begin a generation of files; return its number and whether the last one ended in order."""
    in_order: int = writer.execute("select value from state where name = 'in_order'").fetchone()[0]
    generation: int = writer.execute("select value from state where name = 'generation'").fetchone()[0] + 1
    _set_state(writer, "generation", generation)
    _set_state(writer, "in_order", 0)
    return generation, in_order


def _set_state(writer: sqlite3.Connection, name: str, value: int) -> None:
    writer.execute("update state set value = ? where name = ?", (value, name))


def _details(info: ObjectInfo) -> Details:
    return Details(info.attributes, info.checksums, info.checksum_type, runs(list(info.part_sizes)))
