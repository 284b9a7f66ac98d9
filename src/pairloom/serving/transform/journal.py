"""What a transform has finished, kept beside its output so that a killed one goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pairloom.errors import PlatformError, UserError
from pairloom.serving.transform.inputs import InputFile

__all__ = ["FILE_NAME", "Journal", "model_digest"]

FILE_NAME = ".pairloom-transform.jsonl"
_BLOCK_BYTES = 1 << 20


class Journal:
    """Lines of JSON, one for each finished output; the last one counts, and one that is cut off is none.

    Parameters
    ----------
    output : Path
        Folder of the answers.
    identity : str
        Of the model and the settings; with another one nothing is finished.
    """

    def __init__(self, output: Path, identity: str) -> None:
        self._path, self._identity = output / FILE_NAME, identity
        self._entries: dict[str, dict[str, Any]] = {}

    @contextmanager
    def opened(self) -> Generator[None]:
        """Hold the journal for this process alone.

        Raises
        ------
        UserError
            If another transform writes to the same folder.
        PlatformError
            If the folder cannot be written to.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b")
        except OSError as error:
            raise PlatformError(
                f"Transform: {self._path.parent} must be a folder that can be written to. Got: {error.strerror}."
            ) from error
        with self._file:
            _lock(self._file.fileno(), self._path.parent)
            self._file.seek(0)
            for line in self._file:
                self._take(line)
            self._file.seek(0, os.SEEK_END)
            if self._file.tell() and not self._ends_with_line():
                self._file.write(b"\n")
            yield

    def is_finished(self, file: InputFile) -> bool:
        """Say whether a file's answers are there, whole, and of this file, model and settings."""
        entry = self._entries.get(file.key, {})
        made_of = (self._identity, file.size_bytes, file.mtime_ns)
        if (entry.get("identity"), entry.get("size"), entry.get("mtime_ns")) != made_of:
            return False
        try:
            return file.target.stat().st_size == entry.get("output_size")
        except OSError:
            return False

    def finish(self, file: InputFile, output_size: int) -> None:
        """Note that a file's answers are in place."""
        entry = {
            "key": file.key,
            "identity": self._identity,
            "size": file.size_bytes,
            "mtime_ns": file.mtime_ns,
            "output_size": output_size,
        }
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._entries[file.key] = entry

    def _take(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if isinstance(entry, dict) and isinstance(entry.get("key"), str):
            self._entries[entry["key"]] = entry

    def _ends_with_line(self) -> bool:
        self._file.seek(-1, os.SEEK_END)
        return self._file.read(1) == b"\n"


def model_digest(path: Path) -> str:
    """Return the SHA-256 of a model: of its archive, or of the names and contents of a folder."""
    digest = hashlib.sha256()
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    for file in files:
        digest.update(b"" if file == path else file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()


def _lock(descriptor: int, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:
        return  # Windows: two at once are the caller's to avoid
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UserError(
            f"Transform: one transform at a time must write to {folder}. Got a second one. Wait, or name another."
        ) from None
