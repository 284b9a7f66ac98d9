"""Which kinds can be searched, and how each is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pairloom.control_plane.service import Service
from pairloom.database import Resource

__all__ = ["Record", "Searchable", "searchable", "searchable_of"]

Record = dict[str, Any]
Tell = Callable[[Service, Resource], Record]

MEMBERS = {"ExperimentTrial": "Trial", "ExperimentTrialComponent": "TrialComponent"}
"""Of `SearchRecord`, where they are not named as the kind is."""


@dataclass(frozen=True, slots=True)
class Searchable:
    """A kind that can be searched.

    Parameters
    ----------
    name : str
        As Search names it: ``"TrainingJob"``.
    kind : str
        As the database names it: ``"training-job"``.
    tell : callable
        Takes (service, resource), returns the members of the record, times in seconds since 1970; tags are added.
    """

    name: str
    kind: str
    tell: Tell

    @property
    def member(self) -> str:
        """Member of the answer's records that holds this kind."""
        return MEMBERS.get(self.name, self.name)

    def column(self, property_name: str) -> str | None:
        """Return the column of the database that a property is kept in, or None."""
        return {
            "LastModifiedTime": "modified_at",
            "CreationTime": "created_at",
            f"{self.member}Name": "name",
            f"{self.member}Status": "status",
        }.get(property_name)


_SEARCHABLE: dict[str, Searchable] = {}


def searchable(name: str, *, kind: str) -> Callable[[Tell], Tell]:
    """Let Search find a kind.

    Examples
    --------
    >>> @searchable("TrainingJob", kind="training-job")  # doctest: +SKIP
    ... def training_job_record(service: Service, resource: Resource) -> Record:
    ...     return describe(service, resource)
    """

    def register(tell: Tell) -> Tell:
        if name in _SEARCHABLE:
            raise ValueError(f"Search: {name} is told twice.")
        _SEARCHABLE[name] = Searchable(name, kind, tell)
        return tell

    return register


def searchable_of(name: str) -> Searchable | None:
    """Return how a kind is searched, or None where there can be none of it."""
    return _SEARCHABLE.get(name)
