"""Which files are transformed, and where the answers go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pairloom.errors import UserError

__all__ = ["ENDING", "InputFile", "list_files"]

ENDING = ".out"


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to transform.

    Parameters
    ----------
    path : Path
    key : str
        Its path below the folder or prefix, with slashes.
    target : Path
        Where its answers go.
    size_bytes, mtime_ns : int
    """

    path: Path
    key: str
    target: Path
    size_bytes: int
    mtime_ns: int


def list_files(source: str, output: Path) -> list[InputFile]:
    """List the files that a source names, in order of their keys.

    Parameters
    ----------
    source : str
        A file, a folder with all below it, or a prefix of paths. Hidden files are left out.
    output : Path
        Folder of the answers: a file ``a/b.csv`` of the source goes to ``a/b.csv.out`` in it.

    Raises
    ------
    UserError
        If nothing is there, or the output would be part of the input.
    """
    path = Path(source)
    if path.is_dir():
        root = path
        found = _below(path)
    elif path.is_file():
        root, found = path.parent, iter([path])
    else:
        root = path if source.endswith(("/", "\\")) else path.parent
        start = "" if root == path else path.name
        found = (each for each in _below(root) if str(each.relative_to(root)).startswith(start))
    files = sorted(found)
    if not files:
        raise UserError(
            f"Transform: there must be a file, a folder or a prefix of files at {source}. Got none."
        )
    if path.is_dir() and output.resolve().is_relative_to(path.resolve()):
        raise UserError(f"Transform: the output must not be inside the input {source}. Got {output}.")
    return [_input_file(each, each.relative_to(root).as_posix(), output) for each in files]


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _input_file(path: Path, key: str, output: Path) -> InputFile:
    about = path.stat()
    return InputFile(path, key, output / f"{key}{ENDING}", about.st_size, about.st_mtime_ns)
