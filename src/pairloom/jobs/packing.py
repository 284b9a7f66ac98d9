"""Folders that a job has filled, packed as ``.tar.gz``."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["members", "pack"]


def pack(folders: Sequence[Path], target: Path, tell: Callable[[str], None], *, level: int = 1) -> bool:
    """Pack the files of folders side by side; of files with one name, that of the first folder counts.

    Links that stay inside their folder are packed as what they lead to. Links that lead out of it, devices, sockets
    and FIFOs are left out: a model holds what the job wrote and nothing else of the machine.

    Parameters
    ----------
    folders : sequence of path
        Missing ones are passed over.
    target : path
        Takes its name when it is whole and on disk.
    tell : callable
        Takes a sentence for each thing that was left out.
    level : int
        Of gzip.

    Returns
    -------
    bool
        False where there was nothing to pack: then there is no archive.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        for name, path in members(folder, tell):
            found.setdefault(name, path)
    if not found:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    with unfinished.open("wb") as file:
        with tarfile.open(
            fileobj=file, mode="w:gz", compresslevel=level, format=tarfile.PAX_FORMAT
        ) as archive:
            for name in sorted(found):
                _add(archive, name, found[name])
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(target)
    return True


def members(folder: Path, tell: Callable[[str], None]) -> list[tuple[str, Path]]:
    """List the files of a folder that may leave it, by their names in it."""
    if not folder.is_dir():
        return []
    home = folder.resolve()
    found: list[tuple[str, Path]] = []
    for at, folders, files in os.walk(home):
        for name in (*folders, *files):
            path = Path(at) / name
            inside = str(path.relative_to(home))
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                real = Path(os.path.realpath(path))
                if not real.is_relative_to(home) or not real.is_file():
                    tell(f"{folder.name}/{inside} is left out: a link must lead to a file of its folder.")
                    continue
                found.append((inside, real))
            elif stat.S_ISREG(mode):
                found.append((inside, path))
            elif not stat.S_ISDIR(mode):
                tell(f"{folder.name}/{inside} is left out: it must be a plain file.")
    return found


def _add(archive: tarfile.TarFile, name: str, path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        member = tarfile.TarInfo(name)
        member.size, member.mtime = status.st_size, int(status.st_mtime)
        member.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        archive.addfile(member, file)
