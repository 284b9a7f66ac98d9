"""What a saved model is, told by the names of its files, without what reading it takes."""

from __future__ import annotations

from pathlib import Path

from pairloom.formats.model_archive import read_members

__all__ = ["RECOMMENDER_FILES", "is_recommender"]

RECOMMENDER_FILES = ("recommender.json", "recommender.safetensors")


def is_recommender(path: Path) -> bool:
    """Whether a folder or archive holds a recommender.

    Raises
    ------
    DataError
        For a file that is no archive.
    """
    if path.is_dir():
        return (path / RECOMMENDER_FILES[0]).is_file()
    with path.open("rb", buffering=0) as stream:
        first = next(iter(read_members(stream, str(path))), None)
        return first is not None and first.name in RECOMMENDER_FILES
