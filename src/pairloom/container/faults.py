"""What went wrong, as SageMaker reads it: class of fault, sentence, exit code."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Literal

from pairloom.container.folders import Folders
from pairloom.errors import PairloomError, PlatformError, UserError

__all__ = ["EXIT_CODES", "Fault", "fault_of", "write_failure"]

Kind = Literal["ClientError", "AlgorithmError", "InternalServerError"]
USER_EXIT_CODE, OTHER_EXIT_CODE, INTERRUPTED = 2, 1, 130
EXIT_CODES = {
    0: "Done; or stopped by SIGTERM, with the model so far.",
    USER_EXIT_CODE: "`ClientError`: the caller can fix it.",
    OTHER_EXIT_CODE: "`AlgorithmError`, a fault of ours; or `InternalServerError`, the machine or a service failed.",
    INTERRUPTED: "Interrupted from the keyboard.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a job failed.

    Parameters
    ----------
    kind : "ClientError", "AlgorithmError" or "InternalServerError"
        The caller can fix it; it is ours; the machine or a service failed.
    message : str
    exit_code : int
    """

    kind: Kind
    message: str
    exit_code: int


def fault_of(error: BaseException) -> Fault:
    """Say whose fault an error is."""
    if isinstance(error, UserError):
        return Fault("ClientError", str(error), USER_EXIT_CODE)
    if isinstance(error, PlatformError):
        return Fault("InternalServerError", str(error), OTHER_EXIT_CODE)
    if isinstance(error, MemoryError):
        message = "The machine has too little memory. Use a larger one, or a smaller model."
        return Fault("InternalServerError", message, OTHER_EXIT_CODE)
    if isinstance(error, OSError):
        return Fault("InternalServerError", f"The machine failed: {error}.", OTHER_EXIT_CODE)
    if isinstance(error, PairloomError):
        return Fault("AlgorithmError", str(error), OTHER_EXIT_CODE)
    where = traceback.extract_tb(error.__traceback__)
    place = f" at {where[-1].filename}:{where[-1].lineno}" if where else ""
    message = f"Unexpected {type(error).__name__}{place}: {error}. Please report it with the log."
    return Fault("AlgorithmError", message, OTHER_EXIT_CODE)


def write_failure(fault: Fault, folders: Folders) -> None:
    """Write ``output/failure``: the class of fault on a line of its own, then the sentence."""
    folders.failure.parent.mkdir(parents=True, exist_ok=True)
    folders.failure.write_text(f"{fault.kind}\n{fault.message}\n", encoding="utf-8")
