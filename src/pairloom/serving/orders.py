"""What a supervisor and its workers agree on; cheap to import."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from pairloom.serving.settings import EndpointSettings

__all__ = ["BACKLOG", "BEAT_S", "Orders"]

BEAT_S = 1.0
"""Seconds between two signs of life of a worker."""
BACKLOG = 2048
"""Connections that may wait to be taken."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a supervisor tells a worker.

    Parameters
    ----------
    model : str
        Archive or folder.
    settings : EndpointSettings
    listener, status, counters : int
        Descriptors of the socket, of the pipe to report on, and of the shared counters.
    slot : int
        Of this worker among the counters.
    algorithm : str
        That the model must be of; empty takes any.
    """

    model: str
    settings: EndpointSettings
    listener: int
    status: int
    counters: int
    slot: int
    algorithm: str = ""

    def to_line(self) -> bytes:
        """Write them."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read them."""
        found: dict[str, Any] = json.loads(line)
        settings = EndpointSettings(**found.pop("settings"))
        return cls(settings=settings, **found)
