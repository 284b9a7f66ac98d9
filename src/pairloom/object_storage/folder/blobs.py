"""Files of bytes that never change once they are in use: ``blobs/<generation>/<thousands>/<number>``."""

from __future__ import annotations

import errno
import io
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pairloom.object_storage.errors import StorageFullError, StorageLostError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "FULL",
    "GENERATION_SHIFT",
    "READ_ONLY",
    "BlobFiles",
    "Window",
    "full_disk",
    "sync_file",
    "sync_folder",
]

GENERATION_SHIFT = 40
IN_ONE_FOLDER = 4096
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
READ_ONLY = 0o444


def full_disk(error: OSError, path: Path) -> StorageFullError:
    """Return what is raised for one of `FULL`."""
    free = shutil.disk_usage(path).free
    return StorageFullError(
        f"Object store: the disk of {path} must have room for the object. Got '{error.strerror}' with {free} bytes "
        "left. Free some of it; what was stored before is untouched."
    )


class BlobFiles:
    """Numbers files and finds them again.

    Parameters
    ----------
    folder : Path
    generation : int
        Rises each time the store is opened, so that files of an earlier one that no row names are known as left over.
    """

    def __init__(self, folder: Path, generation: int) -> None:
        self.folder, self.generation = folder, generation
        self._lock = threading.Lock()
        self._next = generation << GENERATION_SHIFT
        self._made: set[Path] = set()
        self.has_left_over = False
        """Whether a file could not be deleted, or may be in use or not: the next start looks."""

    def path(self, blob: int) -> Path:
        """Return the file of a number."""
        generation, number = divmod(blob, 1 << GENERATION_SHIFT)
        return (
            self.folder / f"{generation:x}" / f"{number // IN_ONE_FOLDER:x}" / f"{number % IN_ONE_FOLDER:03x}"
        )

    def new(self) -> int:
        """Return a number that no file had before; its folder is there and durable."""
        with self._lock:
            blob, self._next = self._next, self._next + 1
            shelf = self.path(blob).parent
            if shelf not in self._made:
                shelf.mkdir(parents=True, exist_ok=True)
                sync_folder(shelf.parent)
                sync_folder(self.folder)
                self._made.add(shelf)
        return blob

    def drop(self, blob: int) -> None:
        """Delete a file that no row names any more. One that cannot be now is left to the next start."""
        try:
            self.path(blob).unlink(missing_ok=True)
        except OSError:
            self.has_left_over = True

    def open(self, blob: int, start: int, n_bytes: int) -> io.RawIOBase:
        """Open `n_bytes` from `start`."""
        try:
            file = self.path(blob).open("rb", buffering=0)
        except FileNotFoundError as error:
            raise StorageLostError(
                f"Object store: the bytes of an object must be in {error.filename}, where they were put. "
                "The file is gone. Put the object again."
            ) from error
        return Window(file, start, n_bytes)

    def share(self, blob: int) -> int:
        """Return a second blob of the same bytes: a hard link, or a copy where there are none."""
        other = self.new()
        target = self.path(other)
        try:
            self.link(blob, target)
            sync_folder(target.parent)
        except BaseException:
            self.drop(other)
            raise
        return other

    def link(self, blob: int, target: Path) -> None:
        """Make `target` a file of the blob's bytes: a hard link, or a copy where the disk has none."""
        source = self.path(blob)
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError as refused:
            if refused.errno in (errno.EEXIST, *FULL):
                raise
            with source.open("rb") as reading, target.open("xb") as writing:
                shutil.copyfileobj(reading, writing, 1 << 20)
                os.fsync(writing.fileno())

    def left_over(self, is_used: Callable[[int], bool]) -> Iterator[int]:
        """Yield numbers of files of earlier generations that are not in use."""
        for generation in sorted(self.folder.iterdir()):
            if int(generation.name, 16) >= self.generation:
                continue
            for shelf in sorted(generation.iterdir()):
                for file in shelf.iterdir():
                    blob = int(generation.name, 16) << GENERATION_SHIFT
                    blob += int(shelf.name, 16) * IN_ONE_FOLDER + int(file.name, 16)
                    if not is_used(blob):
                        yield blob


class Window(io.RawIOBase):
    """A part of a file as a file of its own."""

    def __init__(self, file: io.FileIO, start: int, n_bytes: int) -> None:
        super().__init__()
        self._file, self._start, self._n_bytes, self._at = file, start, n_bytes, 0
        file.seek(start)

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def seekable(self) -> bool:
        """Return that it is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move within the window."""
        self._at = max(
            0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._n_bytes}[whence]
        )
        self._file.seek(self._start + self._at)
        return self._at

    def tell(self) -> int:
        """Return the place within the window."""
        return self._at

    def fileno(self) -> int:
        """Return the descriptor of the whole file."""
        return self._file.fileno()

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer` from where the window is read."""
        room = memoryview(buffer).cast("B")
        wanted = max(0, min(len(room), self._n_bytes - self._at))
        n_read = self._file.readinto(room[:wanted])
        if n_read == 0 and wanted:
            raise StorageLostError("Object store: a file of it must be as long as it was. It was cut short.")
        self._at += n_read
        return n_read

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def sync_file(path: Path) -> None:
    """Bring a file's bytes to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
