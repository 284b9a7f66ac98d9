"""One process owns a folder store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from pairloom.errors import PlatformError

__all__ = ["own_folder"]


def own_folder(folder: Path) -> IO[str]:
    """Return an open file that holds the folder until it is closed or the process ends.

    Raises
    ------
    PlatformError
        If another process holds it; names that one.
    """
    file = (folder / "owner").open("a+")
    try:
        _lock(file)
    except OSError:
        file.seek(0)
        owner = file.read(20).strip() or "unknown"
        file.close()
        raise PlatformError(
            f"Object store: {folder} must belong to one process. Process {owner} has it open. End that one first."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _lock(file: IO[str]) -> None:
    if os.name == "nt":
        import msvcrt

        file.seek(1 << 20)  # behind the text, which the others are to read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
