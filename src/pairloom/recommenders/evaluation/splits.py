"""Interactions parted into what is learned from and what is asked, without a leak from one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.recommenders.ids import Ids
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Events, read_events

__all__ = ["Split", "leave_last_out", "split_by_time", "split_by_user"]

Table = dict[str, npt.NDArray[Any]]
MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Split:
    """Two tables of interactions with the same columns.

    Parameters
    ----------
    train, test : dict of str to ndarray
        Columns ``user``, ``item``, ``weight`` and, where there are times, ``time`` (seconds since 1970), for `fit`.
    name : str
        How it was made.

    Raises
    ------
    UserError
        Where a user has an item in both: the test would ask for what was learned.
    """

    train: Table
    test: Table
    name: str

    def __post_init__(self) -> None:
        if not len(self.train["user"]) or not len(self.test["user"]):
            raise UserError(
                f"Split {self.name!r}: both parts must hold interactions. Got none in one. Take other shares."
            )
        known = set(zip(self.train["user"].tolist(), self.train["item"].tolist(), strict=True))
        both = known.intersection(zip(self.test["user"].tolist(), self.test["item"].tolist(), strict=True))
        if both:
            user, item = sorted(both, key=str)[0]
            raise UserError(
                f"Split {self.name!r}: no user must have an item in both parts. Got {len(both)} that do, such as user "
                f"{user!r} with item {item!r}. Keep one event of each pair."
            )


def split_by_user(
    interactions: Any, *, share: float = 0.2, columns: Columns = USUAL_COLUMNS, random_state: int = 0
) -> Split:
    """Hold out a share of every user's items, drawn at random; those who have one item keep it for training.

    Parameters
    ----------
    interactions : as `Recommender.fit` takes them
        Of several events of a user with one item the first is kept.
    share : float
        In (0, 1).
    columns : Columns
    random_state : int
    """
    _check_share(share)
    events, users, items = _read(interactions, columns)
    rng = np.random.default_rng(random_state)
    order = rng.permutation(len(events))
    places, counts = _places_within_users(events, order)
    held = places < np.where(counts > 1, np.maximum(1, np.round(share * counts)), 0)
    return _part(events, held, users, items, f"{share:.0%} of each user's items")


def leave_last_out(interactions: Any, *, columns: Columns = USUAL_COLUMNS) -> Split:
    """Hold out every user's latest item; without times, the last in the table."""
    events, users, items = _read(interactions, columns)
    order = np.arange(len(events)) if events.times is None else np.argsort(events.times, kind="stable")
    places, counts = _places_within_users(events, order)
    return _part(events, (places == counts - 1) & (counts > 1), users, items, "each user's last item")


def split_by_time(interactions: Any, *, share: float = 0.2, columns: Columns) -> Split:
    """Hold out the latest events of all: what is asked lies wholly after what is learned.

    Users who come only later are asked about as well, and have no history.

    Parameters
    ----------
    interactions : as `Recommender.fit` takes them
    share : float
        In (0, 1).
    columns : Columns
        Names a column of times.
    """
    _check_share(share)
    if columns.time is None:
        raise UserError("split_by_time: 'columns' must name a column of times. Got none.")
    events, users, items = _read(interactions, columns)
    assert events.times is not None
    cut = np.quantile(events.times, 1 - share, method="higher")
    return _part(events, events.times >= cut, users, items, f"the latest {share:.0%} of all events")


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise UserError(f"Split: 'share' must be in (0, 1). Got {share}.")


def _read(interactions: Any, columns: Columns) -> tuple[Events, Ids, Ids]:
    users, items = Ids(), Ids()
    events = read_events(interactions, columns, users, items)
    order = np.arange(len(events)) if events.times is None else np.argsort(events.times, kind="stable")
    keys = events.users[order].astype(np.int64) * max(1, len(items)) + events.items[order]
    _, first = np.unique(keys, return_index=True)
    return events.part(np.sort(order[first])), users, items


def _places_within_users(
    events: Events, order: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the place of each event among its user's, in this order, and how many the user has."""
    by_user = order[np.argsort(events.users[order], kind="stable")]
    counts = np.bincount(events.users)
    starts = np.cumsum(counts) - counts
    places = np.empty(len(events), np.int64)
    places[by_user] = np.arange(len(events)) - np.repeat(starts, counts)
    return places, counts[events.users]


def _part(events: Events, held: npt.NDArray[np.bool_], users: Ids, items: Ids, name: str) -> Split:
    def table(part: Events) -> Table:
        found: Table = {
            "user": users.values(part.users),
            "item": items.values(part.items),
            "weight": part.weights,
        }
        return found if part.times is None else {**found, "time": part.times / MICROSECONDS}

    return Split(table(events.part(~held)), table(events.part(held)), name)
