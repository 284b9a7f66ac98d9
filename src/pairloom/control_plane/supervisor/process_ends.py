"""Hears at once when a process ends, also one that is not a child (after a restart)."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable

LOOK_EVERY_S = 0.1


def on_end(pid: int, ended: Callable[[], None]) -> Callable[[], None]:
    """Call `ended` once on the event loop when process `pid` has ended (soon, if it has); return what cancels that.

    A number that another process has taken over cannot be told: check a lock that the process holds when it matters.
    """
    loop = asyncio.get_running_loop()
    if sys.platform != "linux":
        return _by_looking(loop, pid, ended)
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return loop.call_soon(ended).cancel

    def cancel() -> None:
        nonlocal handle
        if handle >= 0:
            loop.remove_reader(handle)
            os.close(handle)
            handle = -1

    def readable() -> None:
        cancel()
        ended()

    loop.add_reader(handle, readable)
    return cancel


def _by_looking(loop: asyncio.AbstractEventLoop, pid: int, ended: Callable[[], None]) -> Callable[[], None]:
    async def look() -> None:
        while _exists(pid):
            await asyncio.sleep(LOOK_EVERY_S)
        ended()

    task = loop.create_task(look())

    def cancel() -> None:
        task.cancel()

    return cancel


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
