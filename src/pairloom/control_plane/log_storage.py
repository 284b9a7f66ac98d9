"""Where the logs of jobs and endpoints are."""

from __future__ import annotations

from pairloom.control_plane.service import Service
from pairloom.jobs.log_streams import LogFolder

__all__ = ["log_folder"]


def log_folder(service: Service) -> LogFolder:
    """Return the logs of the service; `pairloom.jobs.log_writer` writes into their paths."""
    return LogFolder(service.data / "logs")
