"""The command ``pairloom-train``, which an image also calls ``train``."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

from pairloom.container.faults import INTERRUPTED, fault_of, write_failure
from pairloom.container.folders import ROOT, Folders
from pairloom.container.stopping import StopRequest
from pairloom.container.threads import job_threads, limit_libraries
from pairloom.errors import PairloomError

__all__ = ["main", "run"]

ABOUT = "Run the training job that lies under /opt/ml, or under $PAIRLOOM_ML_ROOT, by SageMaker's contract."


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
    parser.add_argument(
        "--hosts", type=int, default=1, help="run the job as so many processes of this machine, default 1"
    )
    asked = parser.parse_args(arguments)
    folders = Folders(asked.root.absolute()) if asked.root else Folders.of(environment)
    with StopRequest() as stop:
        try:
            if asked.hosts > 1:
                return _run_local_hosts(folders, asked.algorithm, asked.hosts, environment, stop)
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


def _run_local_hosts(
    folders: Folders, algorithm: str | None, n_hosts: int, environment: Mapping[str, str], stop: StopRequest
) -> int:
    from pairloom.container.local_hosts import run_local_hosts

    return run_local_hosts(
        folders, algorithm, n_hosts, environment=environment, stop=stop,
        tell=lambda line: print(line, file=sys.stderr, flush=True),
    )  # fmt: skip


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
