"""Named points at which a test can kill this process, as a crash or a cut of power would."""

from __future__ import annotations

import os
import signal

VARIABLE = "PAIRLOOM_FAULT"

_passed: dict[str, int] = {}


def fault_point(name: str) -> None:
    """Kill this process with SIGKILL if the environment variable PAIRLOOM_FAULT names this point.

    Parameters
    ----------
    name : str
        Literal, unique in the source, ``"training-job.launched"``: what has just been done. Tests find every point by
        reading the source. ``training-job.launched:3`` kills when the point is passed for the third time.
    """
    wanted, _, times = os.environ.get(VARIABLE, "").partition(":")
    if wanted == name:
        _passed[name] = _passed.get(name, 0) + 1
        if _passed[name] >= int(times or 1):
            os.kill(os.getpid(), signal.SIGKILL)
