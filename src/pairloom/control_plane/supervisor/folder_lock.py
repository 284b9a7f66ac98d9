"""One service per data folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pairloom.errors import PlatformError, UserError


class FolderLock:
    """Holds a data folder until `release` or the end of the process, however it ends.

    The file ``service.lock`` holds the process id of the last holder; that it is locked says that the holder lives.

    Raises
    ------
    UserError
        If another service holds the folder; its process id is named.
    PlatformError
        If the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(folder / "service.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise PlatformError(
                f"Data folder {folder}: it must be a folder that can be written. Got: {error.strerror}. "
                "Name another with --data."
            ) from error
        if not _lock(self._file):
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise UserError(
                f"Data folder {folder}: one service at a time must use it. "
                f"It is used by the service with process id {holder}. Stop that one, or name another with --data."
            )
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go of the folder."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def holder_of(folder: Path) -> int | None:
    """Return the process id of the service that holds a data folder; None if none does."""
    try:
        file = os.open(folder / "service.lock", os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        return None if _lock(file) else int(os.pread(file, 32, 0) or b"0") or None
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    if sys.platform == "win32":
        raise PlatformError("The service needs file locks of Linux or macOS. Got Windows. Use WSL.")
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
