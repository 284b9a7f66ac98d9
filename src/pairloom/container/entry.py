"""The command ``pairloom-train``, which an image also calls ``train``."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from pairloom.container.faults import fault_of, write_failure
from pairloom.container.folders import ROOT, Folders
from pairloom.container.stopping import StopRequest
from pairloom.container.threads import job_threads, limit_libraries
from pairloom.errors import PairloomError

__all__ = ["main", "run"]

ABOUT = "Run the training job that lies under /opt/ml, or under $PAIRLOOM_ML_ROOT, by SageMaker's contract."
INTERRUPTED = 130


def main() -> None:
    """Run the job of this process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str], environment: MutableMapping[str, str] = os.environ) -> int:
    """Run a job and return its exit code.

    Parameters
    ----------
    arguments : sequence of str
    environment : mapping of str to str
        Limits on the threads of libraries are added to it.

    Returns
    -------
    int
        0 done, or stopped with what there was; 2 the caller can fix it; 1 a fault of ours or of the machine; 130
        interrupted.
    """
    parser = argparse.ArgumentParser("pairloom-train", description=ABOUT)
    parser.add_argument("algorithm", nargs="?", help="default: $PAIRLOOM_ALGORITHM")
    parser.add_argument("--root", type=Path, help=f"default: $PAIRLOOM_ML_ROOT, else {ROOT}")
    asked = parser.parse_args(arguments)
    folders = Folders(asked.root.absolute()) if asked.root else Folders.of(environment)
    with StopRequest() as stop:
        try:
            n_threads = job_threads(environment)
            limit_libraries(n_threads, environment)
            from pairloom.container.training import train  # numpy reads the limits when it is imported

            train(
                folders,
                asked.algorithm,
                n_threads=n_threads,
                environment=environment,
                stop=stop,
                write=lambda line: print(line, flush=True),
            )
        except KeyboardInterrupt:
            print("pairloom-train: interrupted.", file=sys.stderr)
            return INTERRUPTED
        except Exception as error:
            return _failed(error, folders)
    return 0


def _failed(error: Exception, folders: Folders) -> int:
    """Say what went wrong, in ``output/failure`` and on standard error; a traceback only for our own faults."""
    fault = fault_of(error)
    if not isinstance(error, PairloomError | OSError | MemoryError):
        traceback.print_exception(error)
    print(f"{fault.kind}: {fault.message}", file=sys.stderr)
    if folders.root.is_dir():
        try:
            write_failure(fault, folders)
        except OSError as further:
            print(f"pairloom-train: {folders.failure} cannot be written: {further}.", file=sys.stderr)
    return fault.exit_code
