"""Contents on their way between this machine and an S3."""

from __future__ import annotations

import io
import os
from collections.abc import Collection
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING, Any

from pairloom.errors import PlatformError
from pairloom.object_storage.folder.blobs import FULL, full_disk
from pairloom.object_storage.staging import StagedFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Streamed", "spooled"]


def spooled(folder: Path, algorithms: Collection[str], limit: int | None = None) -> StagedFile:
    """Begin to take in a content as a file of this machine, until its length and checksums are known."""
    descriptor, name = mkstemp(prefix="pairloom-", dir=folder)
    os.close(descriptor)
    path = Path(name)
    return StagedFile(
        path,
        0,
        algorithms,
        drop=lambda: path.unlink(missing_ok=True),
        full=lambda error: full_disk(error, folder) if error.errno in FULL else None,
        limit=limit,
        taken=lambda: path.unlink(missing_ok=True),
    )


class Streamed(io.RawIOBase):
    """The body of an answer as a file that is read once."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self._body = body

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer` with what comes next."""
        room = memoryview(buffer).cast("B")
        try:
            data: bytes = self._body.read(len(room))
        except Exception as error:
            raise PlatformError(
                f"Object store: its S3 must send an object to its end. Got '{error}'."
            ) from error
        room[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """End the answer."""
        self._body.close()
        super().close()
