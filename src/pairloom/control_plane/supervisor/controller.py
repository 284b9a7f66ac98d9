"""What knows how one kind of resource becomes real."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from pairloom.database import Resource


class Controller(ABC):
    """Brings the world to the stored state of one kind; crash-only.

    Each step first commits what it is about to do, then does it, so that a step that is repeated after kill -9 finds
    in the database, and in the world, how far the last one came. A step may be cancelled at any ``await``.
    """

    kind: ClassVar[str]
    unfinished: ClassVar[frozenset[str]]
    """Statuses with something left to do or to watch; `reconcile` sees no others."""

    async def adopt(self, resource: Resource) -> None:
        """Find out, at start, what runs already for an unfinished resource; take its slot with `Slots.adopt`.

        All are adopted, the oldest first, before anything is reconciled.
        """

    @abstractmethod
    async def reconcile(self, resource: Resource) -> float | None:
        """Take the next step for a resource, which is as it was committed last.

        Never runs twice at once for one resource. Its own commits lead to the next step, so it must not commit when
        nothing changed.

        Returns
        -------
        float, optional
            Seconds until it wants to be called again, though nothing changes.

        Raises
        ------
        Exception
            Any: the step is tried again, later each time, and handed to `give_up` after five times. A ConflictError
            (somebody changed the resource meanwhile) is no failure: the step begins anew.
        """

    @abstractmethod
    async def give_up(self, resource: Resource, error: Exception) -> None:
        """Commit that the resource has failed for a fault of ours or the machine's, and end what runs for it.

        Tried again, every 30 s in the end, until the status is none of `unfinished`.
        """

    async def forget(self, name: str) -> None:
        """End what may still run for a resource that was deleted (perhaps made anew since) or is finished."""

    async def close(self) -> None:
        """The service stops in an orderly way: stop what must not outlive it."""


Made = TypeVar("Made", bound=type[Controller])
_CONTROLLERS: list[Callable[[Any], Controller]] = []


def controller(made: Made) -> Made:
    """Register a class of controllers; the service makes one of it with itself as the argument."""
    _CONTROLLERS.append(made)
    return made


def controllers() -> list[Callable[[Any], Controller]]:
    """Return what was registered."""
    return [*_CONTROLLERS]
