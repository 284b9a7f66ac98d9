"""The code of script mode: ``sourcedir.tar.gz``, unpacked into a folder that nothing of it leaves."""

from __future__ import annotations

import lzma
import posixpath
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from pairloom.errors import UserError

__all__ = ["unpack"]

MOST_MEMBERS = 100_000
LARGEST_BYTES = 8 << 30
OWNER = "Script mode"


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar archive of files, folders and links among them.

    Parameters
    ----------
    archive : path
    folder : path
        Empty or absent.

    Raises
    ------
    UserError
        For whatever is no such archive, names something outside of it, or is larger than 8 GiB.
    """
    links: list[tuple[Path, str]] = []
    n_bytes = 0
    try:
        with tarfile.open(archive, "r:*") as members:
            for number, member in enumerate(members):
                n_bytes += member.size
                if number >= MOST_MEMBERS or n_bytes > LARGEST_BYTES:
                    raise _refusal(
                        f"at most {MOST_MEMBERS:,} members of {LARGEST_BYTES:,} bytes in all", "more"
                    )
                name = _inside(member.name, member.name)
                if name is None:
                    continue
                if member.issym():
                    links.append((folder / name, _leading_inside(name, member)))
                else:
                    _make(members, member, folder, name)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise _refusal("an archive that can be read", str(error)) from error
    for target, leads_to in links:  # last, so that nothing is ever written through one
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() and not target.is_symlink():
            target.symlink_to(leads_to)
    _check_links(folder, links)


def _make(members: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, name: str) -> None:
    target = folder / name
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
    elif member.isreg():
        _write(members, member, target)
    elif member.islnk():
        _copy(folder, member, target)
    else:
        raise _refusal("files, folders and links", f"something else by the name of {member.name!r}")


def _leading_inside(name: str, member: tarfile.TarInfo) -> str:
    leads_to = member.linkname
    inside = posixpath.join(posixpath.dirname(name), leads_to)
    if leads_to.startswith("/") or _inside(inside, member.name) is None:
        raise _refusal("links within it", f"{member.name!r} to {leads_to!r}")
    return leads_to


def _inside(name: str, shown: str) -> str | None:
    """Return a name as a path in the folder, None for the folder itself."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or "\0" in name:
        raise _refusal("relative names", repr(shown))
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            raise _refusal("names within it", repr(shown))
    normal = posixpath.normpath(name)
    return None if normal == "." else normal


def _write(members: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = members.extractfile(member)
    if source is None:
        raise _refusal("files that can be read", repr(member.name))
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _copy(folder: Path, member: tarfile.TarInfo, target: Path) -> None:
    """Make a hard link of the archive a file of its own."""
    name = _inside(member.linkname, member.name)
    if name is None or not (folder / name).is_file():
        raise _refusal("links to files before them", f"{member.name!r} to {member.linkname!r}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / name, target)


def _check_links(folder: Path, links: list[tuple[Path, str]]) -> None:
    home = folder.resolve()
    for target, leads_to in links:
        try:
            is_inside = target.resolve().is_relative_to(home)
        except (OSError, RuntimeError):  # a loop
            is_inside = False
        if not is_inside:
            target.unlink(missing_ok=True)
            raise _refusal("links within it", f"{str(target.relative_to(folder))!r} to {leads_to!r}")


def _refusal(expected: str, got: str) -> UserError:
    return UserError(
        f"{OWNER}: sagemaker_submit_directory must be an archive with {expected}. Got {got[:300]}. Pack it again."
    )
