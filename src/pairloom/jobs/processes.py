"""Processes that a shim starts, and how none of them outlives it."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pairloom.container.process_control import ending_with_parent
from pairloom.jobs.mounts import leave_network, show_as_opt_ml

__all__ = ["end_group", "end_orphans", "has_ended", "signal_process", "start"]

ROUNDS = 100
STANDARD_ERROR = 2
NOT_ISOLATED = 126
NO_ISOLATION = "EnableNetworkIsolation must leave the job without a network. Leave it out on this machine."
NO_OPT_ML = "/opt/ml must be this job's folder; it is not here, look for it in SAGEMAKER_BASE_DIR."


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path,
    output: int,
    memory_bytes: int | None = None,
    opt_ml: tuple[Path, Path] | None = None,
    is_isolated: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a command as the leader of a session of its own; the system ends it when this process ends.

    Parameters
    ----------
    command : sequence of str
    environment : mapping of str to str
        All of it.
    folder : path
        Where it starts.
    output : int
        Descriptor that takes its standard output and error.
    memory_bytes : int, optional
        Most private memory of each of its processes.
    opt_ml : (path, path), optional
        The folder that it sees as ``/opt/ml``, and one to put that together in.
    is_isolated : bool
        Whether it has no network, not even this machine's own.

    Raises
    ------
    OSError
        If there is no such command.
    """
    return subprocess.Popen(  # noqa: S603 - what the job's owner asked for
        list(command),
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=_settling(memory_bytes, opt_ml, is_isolated=is_isolated),  # noqa: PLW1509 - the shim has one thread
    )


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process has ended; it is not reaped, so that its number and its group's stay its own."""
    if process.returncode is not None:
        return True
    if not hasattr(os, "waitid"):  # macOS, before Python 3.13: reaped a moment before its group is killed
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its group, and reap it."""
    if process.returncode is None or not hasattr(os, "waitid"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def end_orphans() -> None:
    """Kill every process whose parent this one has become."""
    for _ in range(ROUNDS):
        orphans = _children()
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        if not orphans:
            return


def signal_process(process: subprocess.Popen[bytes], number: int) -> None:
    """Signal a process that may have ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _children() -> list[int]:
    own, found = os.getpid(), list[int]()
    for path in Path("/proc").glob("[0-9]*/stat") if sys.platform == "linux" else ():
        try:
            fields = path.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == own:
            found.append(int(path.parent.name))
    return found


def _settling(
    memory_bytes: int | None, opt_ml: tuple[Path, Path] | None, *, is_isolated: bool
) -> Callable[[], None]:
    end_with_parent = ending_with_parent()

    def settle() -> None:
        signal.set_wakeup_fd(-1)
        if opt_ml is not None:
            try:
                show_as_opt_ml(*opt_ml)
            except OSError as error:
                os.write(STANDARD_ERROR, f"{NO_OPT_ML} Got: {error.strerror or error}.\n".encode())
        if is_isolated:
            try:
                leave_network()
            except OSError as error:
                os.write(STANDARD_ERROR, f"{NO_ISOLATION} Got: {error.strerror or error}.\n".encode())
                os._exit(NOT_ISOLATED)
        end_with_parent()  # not before: a new namespace takes it back
        if memory_bytes is not None:
            _, most = resource.getrlimit(resource.RLIMIT_DATA)
            limit = memory_bytes if most == resource.RLIM_INFINITY else min(memory_bytes, most)
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    return settle
