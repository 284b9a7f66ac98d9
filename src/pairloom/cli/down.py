"""``pairloom down``: the end of a service."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from pairloom.errors import PlatformError, UserError

__all__ = ["down"]

STEP_S = 0.05


def down(*, data: Path = Path("~/.pairloom"), timeout_s: float = 150.0) -> int:
    """End the service of a data folder, and wait until it has ended.

    Requests under way are finished; jobs are told to stop, and go on from their checkpoints at the next start.

    For example:

        pairloom down
        pairloom down --data work

    Parameters
    ----------
    data
        Folder of the service.
    timeout_s
        Seconds that it has to end. Jobs have 120 of them to stop.
    """
    from pairloom.control_plane.supervisor import holder_of

    folder = data.expanduser().absolute()
    pid = holder_of(folder)
    if pid is None:
        raise UserError(f"pairloom down: a service must run on the data folder {folder}. Got none.")
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass  # it ended by itself just now
    except PermissionError as error:
        raise UserError(f"pairloom down: the service with process id {pid} is another user's.") from error
    deadline = time.monotonic() + timeout_s
    while holder_of(folder) == pid:
        if time.monotonic() > deadline:
            raise PlatformError(
                f"pairloom down: the service with process id {pid} must end within {timeout_s:g} s. It has not. "
                f"Look at its log, or end it with: kill -9 {pid}."
            )
        time.sleep(STEP_S)
    return 0
