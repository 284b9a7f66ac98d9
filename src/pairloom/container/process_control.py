"""What Linux does for a process that must not outlive another."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

__all__ = ["adopt_orphans", "ending_with_parent"]

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
KILLED = 137


def adopt_orphans() -> None:
    """Become the parent of what this process's children leave behind, where the system can."""
    control = _prctl()
    if control is not None:
        control(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def ending_with_parent() -> Callable[[], None]:
    """Return what a child calls before it becomes another program, to be killed when this process ends."""
    control, parent = _prctl(), os.getpid()

    def settle() -> None:
        if control is not None:
            control(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:  # it has ended already
                os._exit(KILLED)

    return settle


def _prctl() -> Callable[..., int] | None:
    return ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None
