"""How many processes run at once; the rest wait in order of creation, and none overtakes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from pairloom.database import Resource

Key = tuple[str, str]


def n_cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@dataclass(frozen=True, slots=True, order=True)
class _Waiting:
    created_at: float
    key: Key
    n_slots: int


class Slots:
    """Hands out slots; for the event loop's thread only.

    Parameters
    ----------
    n_slots : int
        Slots in all. A resource that wants more gets all of them.
    wake : callable
        Called with (kind, name) of a resource that waited and has its slots now.
    """

    def __init__(self, n_slots: int, wake: Callable[[str, str], None]) -> None:
        self.n_slots, self._wake = n_slots, wake
        self._held: dict[Key, int] = {}
        self._waiting: dict[Key, _Waiting] = {}

    @property
    def n_free(self) -> int:
        """Slots that nobody holds; negative when more was adopted than there are."""
        return self.n_slots - sum(self._held.values())

    def take(self, resource: Resource, n_slots: int = 1) -> bool:
        """Whether a resource holds its slots, taken now if it is its turn; if not, it waits and is woken."""
        key = resource.kind, resource.name
        if key in self._held:
            return True
        self._waiting.setdefault(key, _Waiting(resource.created_at, key, min(n_slots, self.n_slots)))
        self._hand_out(but=key)
        return key in self._held

    def adopt(self, resource: Resource, n_slots: int = 1) -> None:
        """Give slots to what runs already, though none may be free."""
        key = resource.kind, resource.name
        self._waiting.pop(key, None)
        self._held[key] = n_slots

    def release(self, kind: str, name: str) -> None:
        """Take back the slots of a resource, or its place among those who wait, and wake who is next."""
        self._waiting.pop((kind, name), None)
        self._held.pop((kind, name), None)
        self._hand_out()

    def _hand_out(self, *, but: Key | None = None) -> None:
        free = self.n_free
        for waiting in sorted(self._waiting.values()) if free > 0 else ():
            if waiting.n_slots > free:
                return
            free -= waiting.n_slots
            del self._waiting[waiting.key]
            self._held[waiting.key] = waiting.n_slots
            if waiting.key != but:
                self._wake(*waiting.key)
