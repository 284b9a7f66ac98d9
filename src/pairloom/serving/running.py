"""An endpoint of one's own for the time of a test, a benchmark or a notebook cell."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pairloom
from pairloom.errors import PlatformError

__all__ = ["RunningEndpoint", "running"]

END_S = 40.0


@dataclass(frozen=True, slots=True)
class RunningEndpoint:
    """A process that serves.

    Parameters
    ----------
    url : str
        ``http://127.0.0.1:PORT``.
    process : subprocess.Popen
        The supervisor of its workers.
    """

    url: str
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        """Port it listens on."""
        return int(self.url.rpartition(":")[2])

    def reload(self) -> None:
        """Load the model file again (SIGHUP); returns at once."""
        self.process.send_signal(signal.SIGHUP)


@contextmanager
def running(
    model: str | Path, *options: str, log: str | Path = os.devnull, start_s: float = 60.0
) -> Generator[RunningEndpoint]:
    """Start ``pairloom serve``, wait until it answers, and end it gently afterwards.

    Parameters
    ----------
    model : path
    *options : str
        Of the command, such as ``"--workers", "2"``. Without ``--port``, a free port is picked.
    log : path
        Where its log lines go.
    start_s : float
        Seconds it has to answer.

    Raises
    ------
    PlatformError
        If it does not answer in time, or ends; the message holds what it said.

    Examples
    --------
    >>> with running("model.tar.gz") as endpoint:  # doctest: +SKIP
    ...     urllib.request.urlopen(f"{endpoint.url}/ping").status
    200
    """
    port: Sequence[str] = () if "--port" in options else ("--port", "0")
    command = [sys.executable, "-m", "pairloom", "serve", str(model), *port, *options]
    with Path(log).open("ab") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=_environment()
        )
    try:
        yield RunningEndpoint(_url(process, log, start_s), process)
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _environment() -> dict[str, str]:
    """Let the command find this very package, even where PYTHONPATH is relative and the folder has changed."""
    given = os.environ.get("PYTHONPATH")
    package_folder = str(Path(pairloom.__file__).resolve().parents[1])
    return (
        dict(os.environ) if not given else os.environ | {"PYTHONPATH": f"{package_folder}{os.pathsep}{given}"}
    )


def _url(process: subprocess.Popen[bytes], log: str | Path, start_s: float) -> str:
    assert process.stdout is not None
    said = b""
    deadline = time.monotonic() + start_s
    while b"\n" not in said:
        left = deadline - time.monotonic()
        ready, _, _ = select.select([process.stdout], [], [], max(left, 0))
        block = os.read(process.stdout.fileno(), 4096) if ready else b""
        if not block:
            what = "nothing" if ready else f"no answer within {start_s:g} s"
            raise PlatformError(f"Endpoint: it must begin to serve. Got {what}; its log {log} may say why.")
        said += block
    line = said.split(b"\n", 1)[0].decode()
    return line.partition(" on ")[2].partition(". ")[0]
