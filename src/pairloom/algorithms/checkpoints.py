"""What an algorithm sees of the place where unfinished training is kept.

An algorithm asks for the latest state before it begins, goes on from there if there is one, and keeps a state
after every pass. Where it is kept, and that a state is either whole or absent, is the implementation's part.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

__all__ = ["NO_CHECKPOINTS", "Checkpoints"]


class Checkpoints(Protocol):
    """Keeps the states of one training job."""

    def latest(self) -> Path | None:
        """Return the folder of the newest whole state of this same job, or None."""
        ...

    def save(self, step: int, write: Callable[[Path], None]) -> None:
        """Keep a state in one step.

        Parameters
        ----------
        step : int
            Grows from state to state: passes done.
        write : callable
            Writes the state as plain data files into the empty folder it is given. May not be called, when
            nothing is to be kept.
        """
        ...


class NoCheckpoints:
    """Keeps nothing."""

    def latest(self) -> Path | None:
        """Return None."""
        return None

    def save(self, step: int, write: Callable[[Path], None]) -> None:
        """Do nothing."""


NO_CHECKPOINTS: Checkpoints = NoCheckpoints()
