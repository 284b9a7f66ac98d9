"""One host: every exchange returns what it was given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from pairloom.collective.protocol import Collective, Reduction

__all__ = ["ALONE", "Alone"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Alone:
    """The collective of a job with one host."""

    rank: int = 0
    size: int = 1

    def broadcast(self, array: Array, root: int = 0) -> Array:
        """Return the array."""
        return array

    def allreduce(self, array: Array, reduction: Reduction = "sum") -> Array:
        """Return the array."""
        return array

    def allgather(self, array: Array) -> list[Array]:
        """Return the array, alone in a list."""
        return [array]

    def sum_rows(self, indices: npt.NDArray[Any], rows: Array) -> tuple[npt.NDArray[Any], Array]:
        """Return what was given."""
        return indices, rows

    def close(self) -> None:
        """Leave nobody behind."""

    def abandon(self, error: BaseException) -> None:
        """Tell nobody."""


ALONE: Collective = Alone()
