"""The program that ``pairloom run`` starts: a script, a notebook or a command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pairloom.errors import UserError

__all__ = ["command_of", "run_program"]

NOTEBOOK_CELLS = Path(__file__).with_name("notebook_cells.py")
FORWARDED = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


def command_of(words: Sequence[str], python: str | None = None) -> list[str]:
    """Return the command line for what the user named.

    Parameters
    ----------
    words : sequence of str
        A script ``*.py`` or a notebook ``*.ipynb`` and its arguments, or a command.
    python : str, optional
        Interpreter of scripts and notebooks. By default that of the activated environment, else Pairloom's own.

    Raises
    ------
    UserError
        If nothing is named, the file or the command is missing, or a notebook finds no IPython.
    """
    if not words:
        raise UserError("pairloom run: a script, a notebook or a command must be named. Got nothing.")
    kind = Path(words[0]).suffix
    if kind not in {".py", ".ipynb"}:
        if shutil.which(words[0]) is None:
            raise UserError(
                f"pairloom run: a script (*.py), a notebook (*.ipynb) or a command must be named. Got {words[0]}."
            )
        return list(words)
    if not Path(words[0]).is_file():
        raise UserError(f"pairloom run: the program must be a file. Got {words[0]}.")
    interpreter = python or _activated() or sys.executable
    if shutil.which(interpreter) is None:
        raise UserError(f"pairloom run: --python must be an interpreter. Got {interpreter}.")
    if kind == ".py":
        return [interpreter, *words]
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('IPython') is None)"
    if subprocess.run([interpreter, "-c", look], check=False).returncode:  # noqa: S603
        raise UserError(
            f"pairloom run: a notebook needs IPython in the environment of {interpreter}. Got none. "
            "Install it there, or run the notebook's own server: pairloom run -- jupyter lab."
        )
    return [interpreter, str(NOTEBOOK_CELLS), *words]


def run_program(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program to its end and return its exit code; SIGTERM and SIGHUP go on to it, Ctrl-C reaches both.

    Returns
    -------
    int
        The program's; 128 and the signal's number for one that a signal ended, as a shell says it.
    """
    process = subprocess.Popen(list(command), env=dict(environment))  # noqa: S603
    handlers = {
        number: signal.signal(number, lambda got, _: process.send_signal(got)) for number in FORWARDED
    }
    handlers[signal.SIGINT] = signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # the program decides what it means
    try:
        code = process.wait()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        process.kill()
        process.wait()
    return code if code >= 0 else 128 - code


def _activated() -> str | None:
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if os.environ.get(name):
            folder = Path(os.environ[name]) / ("Scripts" if os.name == "nt" else "bin")
            return shutil.which("python", path=str(folder))
    return None
