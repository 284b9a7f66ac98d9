"""What can be put: bytes, a file, an open file."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from pairloom.object_storage.interface import Source, Staged

__all__ = ["STEP_BYTES", "pour"]

STEP_BYTES = 4 << 20


def pour(source: Source, staged: Staged) -> None:
    """Write all of a source to where it is taken in."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            _pour_file(file, staged)
    elif isinstance(source, bytes):
        staged.write(source)
    else:
        _pour_file(source, staged)


def _pour_file(file: BinaryIO, staged: Staged) -> None:
    while step := file.read(STEP_BYTES):
        staged.write(step)
