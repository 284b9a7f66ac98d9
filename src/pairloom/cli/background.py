"""A service that goes on when its command has returned."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["in_background"]

LAST_LINE = "pairloom run script.py"
"""In the last line of the greeting."""


def in_background(data: Path, options: Sequence[str], log: Path) -> int:
    """Start ``pairloom up`` on a data folder and pass its greeting on.

    Parameters
    ----------
    data : Path
    options : sequence of str
        Of the command, beside ``--data``.
    log : Path
        Takes what it writes to standard error.

    Returns
    -------
    int
        0 as soon as it answers; its exit code if it ended instead, whose reason is passed on too.
    """
    command = [sys.executable, "-P", "-m", "pairloom", "up", "--data", str(data), *options]
    with log.open("ab") as errors:
        begin = errors.tell()
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            text=True,
        )
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            print(line, end="", flush=True)
            if LAST_LINE in line:
                process.returncode = 0  # it is left to itself, which is no mistake
                return 0
    code = process.wait()
    with log.open("rb") as errors:
        errors.seek(begin)
        sys.stderr.write(errors.read().decode(errors="replace"))
    return code
