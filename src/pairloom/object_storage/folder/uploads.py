"""Multipart uploads: parts in files, rows that name them, and the object that becomes of them."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import uuid
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager

from pairloom.faults import fault_point
from pairloom.object_storage.errors import NoSuchUploadError, StorageFullError
from pairloom.object_storage.folder.blobs import READ_ONLY, BlobFiles, sync_file, sync_folder
from pairloom.object_storage.folder.index import Index
from pairloom.object_storage.folder.rows import (
    PART_COLUMNS,
    UPLOAD_COLUMNS,
    UploadDetails,
    pack,
    part_of,
    upload_of,
)
from pairloom.object_storage.folder.slots import Slots
from pairloom.object_storage.interface import CompletedPart
from pairloom.object_storage.multipart import check_number, chosen_parts, joined_checksums, joined_etag
from pairloom.object_storage.objects import Attributes, ChecksumType, ObjectInfo, PartInfo, UploadInfo
from pairloom.object_storage.staging import StagedFile

__all__ = ["Uploads"]

_FIND = f"select {UPLOAD_COLUMNS} from upload where id = ?"  # noqa: S608
_LIST = f"""select {UPLOAD_COLUMNS} from upload where bucket = ? and (key, id) > (?, ?) and key >= ?
order by key, id limit ?"""  # noqa: S608
_PARTS = f"select {PART_COLUMNS} from part where upload = ? and number > ? order by number limit ?"  # noqa: S608
_PLACES = f"select blob, offset, {PART_COLUMNS} from part where upload = ? order by number"  # noqa: S608
OWN_FILE = -1
"""Offset of a part that has a file of its own."""
Full = Callable[[OSError], StorageFullError | None]
Assembled = tuple[ObjectInfo, int, Callable[[sqlite3.Connection], None]]


class Uploads:
    """What a folder store has of uploads that are not complete."""

    def __init__(self, index: Index, blobs: BlobFiles, clock: Callable[[], float]) -> None:
        self._index, self._blobs, self._clock = index, blobs, clock
        self._slots: dict[str, Slots] = {}
        self._lock = threading.Lock()

    def create(
        self,
        bucket: str,
        key: str,
        attributes: Attributes,
        checksum_algorithm: str | None,
        checksum_type: ChecksumType,
    ) -> UploadInfo:
        """Begin an upload."""
        upload = UploadInfo(
            uuid.uuid4().hex, bucket, key, self._clock(), attributes, checksum_algorithm, checksum_type
        )
        details = pack(UploadDetails(attributes, checksum_algorithm, checksum_type))
        row = (upload.upload_id, bucket, key.encode(), upload.created_at, details)
        self._index.write(
            lambda writer: writer.execute("insert into upload values (?, ?, ?, ?, ?)", row) and None
        )
        return upload

    def find(self, bucket: str, key: str, upload_id: str) -> UploadInfo:
        """Raise NoSuchUploadError."""
        row = self._index.one(_FIND, (upload_id,))
        if row is None or (row[1], row[2]) != (bucket, key.encode()):
            raise NoSuchUploadError(upload_id)
        return upload_of(row)

    def list(self, bucket: str, prefix: str, after: tuple[str, str], limit: int) -> list[UploadInfo]:
        """Return uploads by key and id."""
        start = prefix.encode()
        rows = self._index.all(_LIST, (bucket, after[0].encode(), after[1], start, limit))
        return [upload_of(row) for row in rows if row[2].startswith(start)]

    def stage(
        self,
        upload: UploadInfo,
        number: int,
        algorithms: Collection[str],
        size_bytes: int | None,
        full: Full,
    ) -> StagedFile:
        """Begin a part."""
        check_number(number)
        slots = self._slots_of(upload.upload_id)
        offset = slots.claim(number, size_bytes)
        try:
            blob = self._blobs.new() if offset is None else self._shared(slots)
            token = (blob, OWN_FILE if offset is None else offset)

            def drop() -> None:
                slots.release(number, offset, is_kept=False)
                if offset is None:
                    self._blobs.drop(blob)

            return StagedFile(
                self._blobs.path(blob),
                offset or 0,
                algorithms,
                drop=drop,
                full=full,
                limit=size_bytes,
                token=token,
                taken=lambda: slots.release(number, offset, is_kept=True),
            )
        except BaseException:
            slots.release(number, offset, is_kept=False)
            raise

    def keep(self, upload: UploadInfo, number: int, file: StagedFile) -> PartInfo:
        """Make staged bytes a part."""
        file.settle()
        sync_folder(file.path.parent)
        fault_point("part.written")
        part = PartInfo(number, file.size_bytes, file.etag, self._clock(), file.checksums)
        blob, offset = file.token

        def change(writer: sqlite3.Connection) -> int | None:
            if writer.execute("select 1 from upload where id = ?", (upload.upload_id,)).fetchone() is None:
                raise NoSuchUploadError(upload.upload_id)
            at = (upload.upload_id, number)
            old = writer.execute(
                "select blob, offset from part where upload = ? and number = ?", at
            ).fetchone()
            row = (*at, blob, offset, part.size_bytes, part.etag, part.modified_at, pack(part.checksums))
            writer.execute("insert or replace into part values (?, ?, ?, ?, ?, ?, ?, ?)", row)
            return old[0] if old is not None and old[1] == OWN_FILE else None

        replaced = self._index.write(change)
        file.take()
        if replaced is not None:
            self._blobs.drop(replaced)
        return part

    def parts(self, upload: UploadInfo, after: int, limit: int) -> list[PartInfo]:
        """Return parts by number."""
        self.find(upload.bucket, upload.key, upload.upload_id)
        return [part_of(row) for row in self._index.all(_PARTS, (upload.upload_id, after, limit))]

    @contextmanager
    def assembled(
        self, upload: UploadInfo, named: Sequence[CompletedPart], checksum: str | None, full: Full
    ) -> Generator[Assembled]:
        """Make one blob of the parts; within the block the caller gives it its key.

        Yields
        ------
        info : ObjectInfo
        blob : int
        forget : callable
            Deletes the upload's rows, to be called in the transaction that names the object.
        """
        slots = self._slots_of(upload.upload_id)
        is_quiet = slots.close()
        try:
            rows = self._index.all(_PLACES, (upload.upload_id,))
            self.find(upload.bucket, upload.key, upload.upload_id)
            kept = {row[2]: part_of(row[2:]) for row in rows}
            parts = chosen_parts(named, kept)
            checksums = joined_checksums(upload, parts, checksum)
            info = ObjectInfo(
                upload.bucket,
                upload.key,
                sum(part.size_bytes for part in parts),
                joined_etag(parts),
                self._clock(),
                upload.attributes,
                checksums,
                upload.checksum_type,
                tuple(part.size_bytes for part in parts),
            )
            places = {row[2]: (row[0], row[1], part_of(row[2:]).size_bytes) for row in rows}
            chosen = [places[part.number] for part in parts]
            try:
                blob, is_new = self._joined(chosen, list(places.values()), is_quiet)
            except OSError as error:
                raise full(error) or error from error
            try:
                yield info, blob, lambda writer: _forget(writer, upload.upload_id)
            except BaseException:
                if is_new:
                    self._blobs.drop(blob)
                raise
        except BaseException:
            slots.reopen()
            raise
        self._drop_parts(upload.upload_id, {place[0] for place in places.values()}, blob)

    def abort(self, upload: UploadInfo) -> None:
        """Drop an upload."""

        def change(writer: sqlite3.Connection) -> set[int]:
            rows = writer.execute("select blob from part where upload = ?", (upload.upload_id,)).fetchall()
            _forget(writer, upload.upload_id)
            return {row[0] for row in rows}

        self._drop_parts(upload.upload_id, self._index.write(change))

    def _slots_of(self, upload_id: str) -> Slots:
        with self._lock:
            slots = self._slots.get(upload_id)
            if slots is None:
                if self._index.one(_FIND, (upload_id,)) is None:
                    raise NoSuchUploadError(upload_id)
                slots = self._slots[upload_id] = Slots(upload_id)
            return slots

    def _shared(self, slots: Slots) -> int:
        with slots.lock:
            if slots.blob is None:
                slots.blob = self._blobs.new()
            return slots.blob

    def _drop_parts(self, upload_id: str, blobs: set[int], used: int | None = None) -> None:
        """Delete the files of an upload that is no more, but for `used`, which became the object."""
        with self._lock:
            slots = self._slots.pop(upload_id, None)
        if slots is not None and slots.blob is not None:
            blobs = blobs | {slots.blob}
        for blob in blobs - {used}:
            self._blobs.drop(blob)

    def _joined(
        self, chosen: list[tuple[int, int, int]], kept: list[tuple[int, int, int]], is_quiet: bool
    ) -> tuple[int, bool]:
        """Return the blob that holds the chosen parts in order, and whether it was made for that.

        Equal parts lie in order in their shared file. Then at most some that have files of their own are copied to
        their places there, and that file is the blob; nothing that a row names is written over, so that a crash
        leaves the upload as it was.
        """
        starts = [0]
        for _, _, size in chosen:
            starts.append(starts[-1] + size)
        shared = {blob for blob, offset, _ in kept if offset != OWN_FILE}
        in_shared = sorted((offset, size) for _, offset, size in kept if offset != OWN_FILE)
        own = [(start, place) for start, place in zip(starts, chosen, strict=False) if place[1] == OWN_FILE]
        is_in_place = (
            is_quiet
            and len(shared) == 1
            and all(place[1] in (OWN_FILE, start) for start, place in zip(starts, chosen, strict=False))
            and all(offset + size <= starts[-1] for offset, size in in_shared)
            and not any(
                start < offset + size and offset < start + place[2]
                for start, place in own
                for offset, size in in_shared
            )
        )
        blob = shared.pop() if is_in_place else self._blobs.new()
        moved = own if is_in_place else list(zip(starts, chosen, strict=False))
        path = self._blobs.path(blob)
        try:
            with path.open("r+b" if is_in_place else "xb") as target:
                for start, (source, offset, size) in moved:
                    target.seek(start)
                    with self._blobs.open(source, max(0, offset), size) as reading:
                        shutil.copyfileobj(reading, target, 1 << 20)
                target.truncate(starts[-1])
            path.chmod(READ_ONLY)
            sync_file(path)
            sync_folder(path.parent)
        except BaseException:
            if not is_in_place:
                self._blobs.drop(blob)
            raise
        return blob, not is_in_place


def _forget(writer: sqlite3.Connection, upload_id: str) -> None:
    if writer.execute("delete from upload where id = ?", (upload_id,)).rowcount == 0:
        raise NoSuchUploadError(upload_id)
    writer.execute("delete from part where upload = ?", (upload_id,))
