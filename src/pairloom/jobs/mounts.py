"""``/opt/ml`` for programs that have the path written out: a view of the file system that one process tree has alone.

Linux lets a process have mounts of its own, root or not. Where it does not, programs are told by variables where their
folder is, and a line of the log says that the path is not there.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

__all__ = ["leave_network", "show_as_opt_ml"]

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
OPT, NAME = Path("/opt"), "ml"


def show_as_opt_ml(root: Path, work: Path) -> None:
    """Let this process, which has one thread and is about to become another program, see a folder as ``/opt/ml``.

    Nothing is made on the disk but an empty folder: where there is no ``/opt/ml`` to cover, ``/opt`` is covered by a
    small file system in memory that shows what was there and ``ml`` beside it.

    Parameters
    ----------
    root : path
    work : path
        A folder to put that file system together in.

    Raises
    ------
    OSError
        If the system does not allow it.
    """
    if sys.platform != "linux":
        raise OSError("only Linux lets a process have mounts of its own")
    _leave(CLONE_NEWNS)
    _mount(None, Path("/"), MS_REC | MS_PRIVATE)
    if (OPT / NAME).is_dir():
        _mount(root, OPT / NAME, MS_BIND | MS_REC)
        return
    work.mkdir(parents=True, exist_ok=True)
    _mount(Path("tmpfs"), work, 0, kind=b"tmpfs", options=b"size=1m,mode=755")
    for entry in sorted(os.scandir(OPT), key=lambda entry: entry.name):
        _show_again(Path(entry.path), work / entry.name)
    (work / NAME).mkdir()
    _mount(root, work / NAME, MS_BIND | MS_REC)
    _mount(work, OPT, MS_BIND | MS_REC)


def _show_again(there: Path, here: Path) -> None:
    if there.is_symlink():
        here.symlink_to(there.readlink())
        return
    if there.is_dir():
        here.mkdir()
    else:
        here.touch()
    _mount(there, here, MS_BIND | MS_REC)


def leave_network() -> None:
    """Leave this process, which is about to become another program, without any network.

    Raises
    ------
    OSError
        If the system does not allow it.
    """
    if sys.platform != "linux":
        raise OSError("only Linux lets a process be without a network")
    _leave(CLONE_NEWNET)


def _leave(what: int) -> None:
    """Take leave of what others see, as root or in a user namespace where we may do so."""
    user, group = os.geteuid(), os.getegid()
    if _call("unshare", what) == 0:
        return
    if _call("unshare", what | CLONE_NEWUSER) != 0:
        _fail("a process may not have mounts or a network of its own here")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _mount(
    source: Path | None, target: Path, flags: int, *, kind: bytes | None = None, options: bytes | None = None
) -> None:
    what = None if source is None else os.fsencode(source)
    if _call("mount", what, os.fsencode(target), kind, ctypes.c_ulong(flags), options) != 0:
        _fail(f"{target} cannot be mounted on")


def _call(name: str, *arguments: object) -> int:
    return getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments)


def _fail(what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, f"{what} ({os.strerror(number)})")
