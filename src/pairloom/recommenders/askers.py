"""Who asks for items: what they took, who they are, and where they ask from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.recommenders.interactions import Histories

__all__ = ["UNKNOWN", "Askers"]

UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Askers:
    """Users and sessions that ask in one request.

    Parameters
    ----------
    histories : Histories
        One row an asker.
    users : ndarray of shape (n_askers,), int32
        Number of the user; `UNKNOWN` for a session, and for a user that training never saw.
    context : mapping of str to value
        Of the request, the same for all of them, such as a weekday or a device.
    """

    histories: Histories
    users: npt.NDArray[np.int32]
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __len__(self) -> int:
        return len(self.users)

    @classmethod
    def sessions(cls, histories: Histories, context: Mapping[str, Any] | None = None) -> Askers:
        """Askers of whom only the histories are known."""
        return cls(histories, np.full(histories.n_users, UNKNOWN, np.int32), context or {})

    def part(self, begin: int, end: int) -> Askers:
        """Return some of them, by place."""
        places = np.arange(begin, min(end, len(self)))
        return Askers(self.histories.take(places), self.users[begin:end], self.context)
