"""Interactions of users with items, from any table: who took what, how much, when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pairloom.encoding.column_views import as_numbers, as_times
from pairloom.encoding.inputs import open_input
from pairloom.encoding.place import Place
from pairloom.errors import UserError
from pairloom.kernels.related_items import Baskets
from pairloom.recommenders.ids import Ids

__all__ = ["USUAL_COLUMNS", "Columns", "Duplicates", "Events", "Histories", "read_events"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Duplicates = Literal["sum", "last", "largest"]
DUPLICATES = ("sum", "last", "largest")


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns that interactions stand in.

    Parameters
    ----------
    user, item : str
    weight : str, optional
        How much an interaction counts, 0 or more. Default: 1 each.
    time : str, optional
        When it happened: times, ISO 8601 text, or seconds since 1970.
    """

    user: str = "user"
    item: str = "item"
    weight: str | None = None
    time: str | None = None


USUAL_COLUMNS = Columns()


@dataclass(frozen=True, slots=True)
class Events:
    """Interactions by number of user and item, in the order of their table.

    Parameters
    ----------
    users, items : ndarray of shape (n_events,), int32
    weights : ndarray of shape (n_events,), float32
    times : ndarray of shape (n_events,), int64, optional
        Microseconds since 1970.
    contexts : mapping of str to ndarray of shape (n_events,), int32
        By column: number of the value, -1 for none.
    """

    users: Int32Array
    items: Int32Array
    weights: Float32Array
    times: Int64Array | None = None
    contexts: Mapping[str, Int32Array] = field(default_factory=dict[str, Int32Array])

    def __len__(self) -> int:
        return len(self.users)

    def part(self, chosen: npt.NDArray[Any]) -> Events:
        """Return some of them, by places or a mask."""
        times = None if self.times is None else self.times[chosen]
        contexts = {name: numbers[chosen] for name, numbers in self.contexts.items()}
        return Events(self.users[chosen], self.items[chosen], self.weights[chosen], times, contexts)


def read_events(
    data: Any, columns: Columns, users: Ids, items: Ids, contexts: Mapping[str, Ids] | None = None
) -> Events:
    """Read interactions and number their users and items.

    A row with a weight of 0 is an interaction that does not count, and is left out. Times are only compared, so one
    in the future is as good as any.

    Parameters
    ----------
    data : data frame (pandas, polars, Arrow), mapping of columns, records or tables of `pairloom.formats.read_tables`
    columns : Columns
    users, items : Ids
        They grow.
    contexts : mapping of str to Ids, optional
        Further columns to read, whose values are numbered; they grow.

    Raises
    ------
    DataError
        For a missing id, or a weight that is missing, negative or not a number, with its row.
    UserError
        For a column that is not there.
    """
    source = open_input(data, lambda width: ["user", "item", "weight", "time"][:width])
    contexts = contexts or {}
    named = (columns.user, columns.item, columns.weight, columns.time, *contexts)
    wanted = list(dict.fromkeys(name for name in named if name is not None))
    for name in wanted:
        if name not in source.names:
            raise UserError(
                f"Interactions: column {name!r} must be there. Got {', '.join(source.names)}. "
                "Name the columns: Columns(user=..., item=...)."
            )
    parts: list[Events] = []
    for table in source.tables(wanted):
        found = table.columns
        numbers = users.add(found[columns.user], Place(columns.user, table.first_row))
        items_of = items.add(found[columns.item], Place(columns.item, table.first_row))
        weights = np.ones(table.n_rows, np.float32)
        if columns.weight is not None:
            weights = _weights(found[columns.weight], Place(columns.weight, table.first_row))
        times = None
        if columns.time is not None:
            times = _times(found[columns.time], Place(columns.time, table.first_row))
        of_contexts = {
            name: ids.add_some(found[name], Place(name, table.first_row)) for name, ids in contexts.items()
        }
        parts.append(Events(numbers, items_of, weights, times, of_contexts))
    whole = Events(
        np.concatenate([part.users for part in parts]),
        np.concatenate([part.items for part in parts]),
        np.concatenate([part.weights for part in parts]),
        None
        if columns.time is None
        else np.concatenate([part.times for part in parts if part.times is not None]),
        {name: np.concatenate([part.contexts[name] for part in parts]) for name in contexts},
    )
    counted = whole.weights > 0
    return whole if counted.all() else whole.part(counted)


def _weights(column: Any, place: Place) -> Float32Array:
    weights = as_numbers(column, place)
    wrong = ~(weights >= 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        got = "none" if np.isnan(weights[row]) else f"{weights[row]:g}"
        raise place.error(row, "a weight of 0 or more", got, "Mend the row or remove it")
    with np.errstate(over="ignore"):
        narrow = weights.astype(np.float32)
    if not np.isfinite(narrow).all():
        row = int(np.argmin(np.isfinite(narrow)))
        raise place.error(row, "a weight that float32 holds", f"{weights[row]:g}", "Scale the weights")
    return narrow


def _times(column: Any, place: Place) -> Int64Array:
    times = as_times(column, "s", None, place)
    if not times.valid.all():
        raise place.error(int(np.argmin(times.valid)), "a time", "none", "Mend the row or remove it")
    return times.microseconds


@dataclass(frozen=True, slots=True)
class Histories:
    """The items of each user, as sparse rows: ascending, without repeats.

    Parameters
    ----------
    offsets : ndarray of shape (n_users + 1,), int64
    items : ndarray of shape (n_pairs,), int32
    weights : ndarray of shape (n_pairs,), float32
    n_items : int
    """

    offsets: Int64Array
    items: Int32Array
    weights: Float32Array
    n_items: int

    @property
    def n_users(self) -> int:
        """Number of users."""
        return len(self.offsets) - 1

    @classmethod
    def of_events(
        cls, events: Events, n_users: int, n_items: int, duplicates: Duplicates = "sum"
    ) -> Histories:
        """Gather events by user; `duplicates` says what several events of a user with one item weigh together.

        "sum" adds them up; "last" takes the latest by time, or the last of the table where there are no times;
        "largest" takes the largest.
        """
        if duplicates not in DUPLICATES:
            raise UserError(
                f"Interactions: 'duplicates' must be one of {', '.join(DUPLICATES)}. Got {duplicates!r}."
            )
        if duplicates == "last" and events.times is not None:
            events = events.part(np.argsort(events.times, kind="stable"))
        return cls._of_pairs(events.users, events.items, events.weights, (n_users, n_items), duplicates)

    @classmethod
    def _of_pairs(
        cls,
        users: Int32Array,
        items: Int32Array,
        weights: Float32Array,
        shape: tuple[int, int],
        duplicates: Duplicates,
    ) -> Histories:
        """Sort pairs and make one of those that are the same, the later after the earlier."""
        n_users, n_items = shape
        width = max(1, n_items)
        keys = users.astype(np.int64) * width + items
        order = np.argsort(keys, kind="stable")
        keys, weights = keys[order], weights[order]
        begins = np.flatnonzero(np.diff(keys, prepend=-1))
        if duplicates == "last":
            weights = weights[np.append(begins[1:], len(keys)) - 1] if len(keys) else weights
        elif len(begins) < len(keys):
            weights = (np.add if duplicates == "sum" else np.maximum).reduceat(weights, begins)
        keys = keys[begins]
        offsets = np.zeros(n_users + 1, np.int64)
        np.cumsum(np.bincount(keys // width, minlength=n_users), out=offsets[1:])
        return cls(offsets, (keys % width).astype(np.int32), weights, n_items)

    def merged(self, later: Histories, duplicates: Duplicates) -> Histories:
        """Return these with later ones of the same users and items; only the rows of those are sorted anew."""
        changed = np.flatnonzero(np.diff(later.offsets))
        before, after = self.take(changed), later.take(changed)
        users = np.concatenate((before.owners(), after.owners()))
        items = np.concatenate((before.items, after.items))
        weights = np.concatenate((before.weights, after.weights))
        shape = len(changed), self.n_items
        return self._replaced(changed, self._of_pairs(users, items, weights, shape, duplicates))

    def _replaced(self, users: Int64Array, rows: Histories) -> Histories:
        """Return them with other rows for some users, who ascend."""
        lengths = np.diff(self.offsets)
        lengths[users] = np.diff(rows.offsets)
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        items, weights = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.float32)
        begin = 0
        for place, user in enumerate(np.append(users, self.n_users).tolist()):
            old = slice(int(self.offsets[begin]), int(self.offsets[user]))
            new = slice(int(offsets[begin]), int(offsets[user]))
            items[new], weights[new] = self.items[old], self.weights[old]
            if user < self.n_users:
                row = slice(int(offsets[user]), int(offsets[user + 1]))
                items[row], weights[row] = rows.of(place)
            begin = user + 1
        return Histories(offsets, items, weights, self.n_items)

    @classmethod
    def single(cls, items: Int32Array, weights: Float32Array, n_items: int) -> Histories:
        """One user's."""
        order = np.argsort(items, kind="stable")
        return cls(np.array([0, len(items)], np.int64), items[order], weights[order], n_items)

    def of(self, user: int) -> tuple[Int32Array, Float32Array]:
        """Return items and weights of one user."""
        part = slice(int(self.offsets[user]), int(self.offsets[user + 1]))
        return self.items[part], self.weights[part]

    def take(self, users: npt.NDArray[np.integer]) -> Histories:
        """Return those of some users, in this order; a number below 0 stands for nobody, who has nothing."""
        lengths = np.where(users < 0, 0, self.offsets[users + 1] - self.offsets[users])
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)))
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[users] - offsets[:-1], lengths)
        return Histories(offsets, self.items[places], self.weights[places], self.n_items)

    def widened(self, n_users: int, n_items: int) -> Histories:
        """Return them with room for more users, who have nothing yet, and more items."""
        more = np.full(n_users - self.n_users, self.offsets[-1], np.int64)
        return Histories(np.concatenate((self.offsets, more)), self.items, self.weights, n_items)

    def owners(self) -> Int32Array:
        """User of each pair, of shape (n_pairs,)."""
        return np.repeat(np.arange(self.n_users, dtype=np.int32), np.diff(self.offsets))

    def by_item(self) -> Histories:
        """Return the users of each item, as if users were items."""
        order = np.argsort(self.items, kind="stable")
        offsets = np.zeros(self.n_items + 1, np.int64)
        np.cumsum(np.bincount(self.items, minlength=self.n_items), out=offsets[1:])
        return Histories(offsets, self.owners()[order], self.weights[order], self.n_users)

    def baskets(self) -> Baskets:
        """Return both sides, for the kernels."""
        return self.baskets_with(self.by_item())

    def baskets_with(self, turned: Histories) -> Baskets:
        """Return both sides, given what `by_item` returned."""
        return Baskets(self.offsets, self.items, turned.offsets, turned.items)
