"""States of several hosts brought together: every host ends with the same one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.families.sketches import State
from pairloom.algorithms.families.sketches.files import from_bytes, to_bytes
from pairloom.collective import Collective

__all__ = ["any_host", "gathered", "merged", "same_everywhere"]


def merged(state: State, merge: Callable[[State, State], State], collective: Collective) -> State:
    """Return the states of all hosts merged in the order of their ranks."""
    return state if collective.size == 1 else reduce(merge, gathered(state, collective))


def gathered(arrays: Mapping[str, npt.NDArray[Any]], collective: Collective) -> list[State]:
    """Return every host's named arrays, by rank; names and shapes may differ."""
    blocks = collective.allgather(np.frombuffer(to_bytes(arrays), np.uint8))
    return [from_bytes(block.tobytes(), f"host {rank}") for rank, block in enumerate(blocks)]


def same_everywhere(array: npt.NDArray[Any], collective: Collective) -> npt.NDArray[Any]:
    """Return host 0's array: processors of different make round differently."""
    return array if collective.size == 1 else collective.broadcast(np.ascontiguousarray(array))


def any_host(value: bool, collective: Collective) -> bool:
    """Whether it is so on any host; all of them get the same answer."""
    return bool(collective.allreduce(np.array([int(value)], np.int64), "max")[0])
