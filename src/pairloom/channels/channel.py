"""What a job says of one of its channels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["PIPE_TIMEOUT_S", "ChannelInput", "Interrupted", "Mode"]

Mode = Literal["File", "FastFile", "Pipe"]
PIPE_TIMEOUT_S = 300.0


class Interrupted(Exception):  # noqa: N818 - never leaves the room
    """Whoever reads has been asked to stop."""


@dataclass(frozen=True, slots=True)
class ChannelInput:
    """One channel and how its data arrives.

    Parameters
    ----------
    name : str
    folder : path
        ``/opt/ml/input/data``: holds the folder ``<name>``, or the FIFOs ``<name>_0``, ``<name>_1``, ...
    mode : "File", "FastFile" or "Pipe"
    content_type : str, optional
    is_wrapped : bool
        Whether the stream or file is RecordIO whose every payload is a whole object of the content type.
    shuffle_seed : int, optional
        Files are read in another order in every pass. In Pipe mode the order is the writer's.
    shard : (rank, size), optional
        Read every size-th file from file `rank` on; None where the folder holds this host's share alone.
    timeout_s : float
        How long a FIFO may be missing, or silent.
    """

    name: str
    folder: Path
    mode: Mode = "File"
    content_type: str | None = None
    is_wrapped: bool = False
    shuffle_seed: int | None = None
    shard: tuple[int, int] | None = None
    timeout_s: float = PIPE_TIMEOUT_S

    @property
    def label(self) -> str:
        """What errors call it."""
        return f"Channel '{self.name}'"
