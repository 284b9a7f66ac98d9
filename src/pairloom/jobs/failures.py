"""Why a job failed, in SageMaker's words."""

from __future__ import annotations

import signal
from pathlib import Path

from pairloom.container.folders import Folders
from pairloom.jobs.attempt_files import AttemptFiles
from pairloom.jobs.watching import Ending

__all__ = ["LONGEST_REASON", "failure_reason"]

LONGEST_REASON = 1024
KINDS = ("ClientError", "AlgorithmError", "InternalServerError")
OUT_OF_MEMORY = (
    "Please use an instance type with more memory, or reduce the size of job data processed on an instance."
)


def failure_reason(files: AttemptFiles, ending: Ending) -> str | None:
    """Return the reason, of at most 1024 characters; None where every host ended well.

    Where several hosts failed, that of the first one with a reason of its own counts.
    """
    if ending.feeding_fault is not None:
        return f"ClientError: Data download failed: {ending.feeding_fault}"[:LONGEST_REASON]
    failed = {name: code for name, code in ending.codes.items() if code}
    if failed:
        told = {name: said for name in failed if (said := _told(files.host(name)))}
        name = next(iter(told), next(iter(failed)))
        return _reason(told.get(name, ""), failed[name])
    return f"InternalServerError: {ending.fault}"[:LONGEST_REASON] if ending.fault is not None else None


def _reason(told: str, code: int) -> str:
    shown = 128 - code if code < 0 else code
    ending = f", exit code: {shown}"
    if not told and code == -signal.SIGKILL:
        return f"AlgorithmError: {OUT_OF_MEMORY}{ending}"
    if not told and code < 0:
        return f"AlgorithmError: The command was ended by {_name(-code)}{ending}"
    if not told:
        return f"AlgorithmError: Exit Code: {shown}"
    first, _, rest = told.partition("\n")
    kind, text = (first, rest.strip()) if first in KINDS else ("AlgorithmError", told)
    return f"{kind}: {text}"[: LONGEST_REASON - len(ending)] + ending


def _told(root: Path) -> str:
    """Return the beginning of ``output/failure``; what is no plain file there is nobody's reason."""
    path = Folders(root).failure
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(4 * LONGEST_REASON).decode("utf-8", "replace").strip()


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
