"""What workers say, as log streams of their endpoint."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from pairloom.jobs.log_streams import LogFolder
from pairloom.jobs.log_writer import LogWriter

__all__ = ["WorkerLogs", "log_group"]

LARGEST_LOG_BYTES = 64 << 20
MOST_OPEN = 256
LOG = logging.getLogger("pairloom.endpoints")


def log_group(endpoint: str) -> str:
    """Return the name of an endpoint's log group."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


class WorkerLogs:
    """Logs of the workers of one endpoint: a stream ``VARIANT/WORKER`` for each that says anything.

    Parameters
    ----------
    folder : LogFolder
    endpoint : str
    clock : callable
        Returns seconds since 1970.
    """

    def __init__(self, folder: LogFolder, endpoint: str, clock: Callable[[], float]) -> None:
        self._folder, self._group, self._clock = folder, log_group(endpoint), clock
        self._writers: dict[str, LogWriter] = {}

    def of(self, variant: str) -> Callable[[str, bytes], None]:
        """Return what takes lines of a variant's workers."""
        return partial(self._take, variant)

    def close(self) -> None:
        """Close all files; a line that comes later opens its own again."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _take(self, variant: str, worker: str, line: bytes) -> None:
        try:
            self._write(f"{variant}/{worker}", line)
        except OSError as error:  # a full disk ends no worker
            LOG.error("%s, %s/%s: a line is lost: %s", self._group, variant, worker, error)

    def _write(self, stream: str, line: bytes) -> None:
        if stream not in self._writers:
            if len(self._writers) >= MOST_OPEN:
                self.close()
            path = self._folder.path(self._group, stream)
            self._writers[stream] = LogWriter(path, self._clock, _unheard, largest_bytes=LARGEST_LOG_BYTES)
        self._writers[stream].take(line + b"\n")


def _unheard(line: str, at_s: float) -> None:
    """Look for nothing in a line."""
