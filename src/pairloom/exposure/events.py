"""What is logged: the list that a request was shown, and what came of one of its items."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from pairloom.errors import DataError

__all__ = ["CLICK", "PURCHASE", "Event", "Feedback", "Impressions", "now_us"]

Id = int | str
CLICK, PURCHASE = "click", "purchase"
MOST_ITEMS, MOST_CHARACTERS = 10_000, 512
DAY_US = 86_400_000_000
LAST_US = 253_402_300_799_000_000
"""The end of the year 9999."""


def now_us() -> int:
    """Return the time in microseconds since 1970, UTC."""
    return time.time_ns() // 1000


class Impressions(msgspec.Struct, frozen=True, tag_field="event", tag="impressions", omit_defaults=True):
    """The items that one request was shown, from the top.

    Parameters
    ----------
    request : str
        Id of the request, new for every list: what feedback names.
    items : list of int or str
        No item twice.
    user : int or str, optional
    propensities : list of float, optional
        The probability, by the policy that made the list, that each item stands at its position: 1 for a policy
        without chance. Without it the list cannot be used to evaluate other policies.
    list_propensity : float, optional
        The probability of the whole list.
    model : str
        Version of what made the list.
    time : int
        Microseconds since 1970, UTC; 0 is filled in with now.
    context : mapping of str to str, int, float, bool or None
    first_position : int
        Position of the first item: more than 1 where a list goes on with a further page.
    """

    request: str
    items: Sequence[Id]
    user: Id | None = None
    propensities: Sequence[float] | None = None
    list_propensity: float | None = None
    model: str = ""
    time: int = 0
    context: Mapping[str, Any] = {}
    first_position: int = 1


class Feedback(msgspec.Struct, frozen=True, tag_field="event", tag="feedback", omit_defaults=True):
    """What came of one item of a list.

    Parameters
    ----------
    request : str
        As in `Impressions`.
    item : int or str
    kind : str
        "click", "purchase" or a word of your own.
    value : float
        What it is worth, as the price of a purchase.
    time : int
        Microseconds since 1970, UTC; 0 is filled in with now.
    id : str
        Id of the event. Two events with one id are one event that came twice; empty for one of its own.
    """

    request: str
    item: Id
    kind: str = CLICK
    value: float = 0.0
    time: int = 0
    id: str = ""


Event = Impressions | Feedback
WIDEST = 1 << 63


def checked_impressions(event: Impressions, now: int) -> Impressions:
    """Return an event of plain Python values with its time; DataError for one that cannot be joined or evaluated."""
    items = _plain_items(event.items)
    propensities = event.propensities
    if propensities is not None:
        propensities = _plain_numbers(propensities, event.request)
        _check_propensities(propensities, items, event.request)
    whole = event.list_propensity
    if whole is not None and not 0.0 < (whole := _plain_numbers((whole,), event.request)[0]) <= 1.0:
        raise _wrong(event.request, "a list_propensity above 0 and at most 1", repr(whole))
    _check_request(event.request)
    if len(set(map(str, items))) != len(items):
        raise _wrong(event.request, "no item twice", repr(_first_repeat(items)))
    if not (type(event.first_position) is int and 1 <= event.first_position <= MOST_ITEMS):
        raise _wrong(event.request, f"a first_position from 1 to {MOST_ITEMS}", repr(event.first_position))
    _check_words(event.model, "model", event.request)
    if not isinstance(event.context, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _wrong(event.request, "a context of names and values", repr(event.context)[:80])
    return Impressions(
        event.request,
        items,
        None if event.user is None else _plain_id(event.user, "user"),
        propensities,
        whole,
        event.model,
        checked_time(event.time, now, event.request),
        event.context,
        event.first_position,
    )


def checked_feedback(event: Feedback, now: int) -> Feedback:
    """Return an event of plain Python values with its time; DataError for one that cannot be joined."""
    _check_request(event.request)
    _check_words(event.kind, "kind", event.request)
    _check_words(event.id, "id", event.request)
    value = _plain_numbers((event.value,), event.request)[0]
    if not math.isfinite(value):
        raise _wrong(event.request, "a finite value", repr(event.value))
    if not (event.kind.isidentifier() and len(event.kind) <= 64):
        raise _wrong(event.request, "a kind of letters, digits and _ such as click", repr(event.kind))
    item = _plain_id(event.item, "item")
    return Feedback(
        event.request, item, event.kind, value, checked_time(event.time, now, event.request), event.id
    )


def checked_time(at: int, now: int, request: str) -> int:
    """Return a time in microseconds, or now for 0; DataError for one that lies in the future or before 1970."""
    if not at:
        return now
    if type(at) is not int:
        try:
            at = int(at)
        except (TypeError, ValueError, OverflowError):
            raise _wrong(request, "a time in microseconds since 1970", repr(at)[:80]) from None
    if not 0 < at <= min(now + DAY_US, LAST_US):
        raise _wrong(request, "a time in microseconds since 1970, at most a day ahead", repr(at))
    return at


def _plain_numbers(numbers: Sequence[Any], request: str) -> list[float]:
    try:
        if isinstance(numbers, np.ndarray):
            return numbers.ravel().astype(np.float64).tolist()
        return [float(number) for number in numbers]
    except (TypeError, ValueError, OverflowError):
        raise _wrong(request, "numbers", repr(numbers)[:80]) from None


def _check_words(text: Any, what: str, request: str) -> None:
    if type(text) is not str or len(text) > MOST_CHARACTERS:
        raise _wrong(request, f"{what!r} of at most {MOST_CHARACTERS} characters", repr(text)[:80])


def _check_request(request: str) -> None:
    if type(request) is not str or not 0 < len(request) <= MOST_CHARACTERS:
        raise DataError(
            f"a request id of 1 to {MOST_CHARACTERS} characters",
            source="exposure log",
            got=repr(request)[:80],
        )


def _check_propensities(propensities: list[float], items: list[Id], request: str) -> None:
    if len(propensities) != len(items):
        raise _wrong(request, f"{len(items)} propensities, one an item", str(len(propensities)))
    for position, propensity in enumerate(propensities, 1):
        if not 0.0 < propensity <= 1.0:
            raise DataError(
                "a propensity above 0 and at most 1", got=repr(propensity), row=position,
                source=f"exposure log, request {request!r}",
                action="Log the probability with which the policy put this item at this position",
            )  # fmt: skip


def _plain_items(items: Sequence[Id]) -> list[Id]:
    plain: list[Id] = items.tolist() if isinstance(items, np.ndarray) else list(items)
    if not 0 < len(plain) <= MOST_ITEMS:
        raise DataError(f"1 to {MOST_ITEMS} items", source="exposure log", got=str(len(plain)))
    for place, item in enumerate(plain):
        if type(item) is not int or not -WIDEST <= item < WIDEST:
            plain[place] = _plain_id(item, "item")
    return plain


def _plain_id(value: Any, what: str) -> Id:
    value = value.item() if isinstance(value, np.generic) else value
    if (type(value) is int and -WIDEST <= value < WIDEST) or (
        isinstance(value, str) and 0 < len(value) <= MOST_CHARACTERS
    ):
        return value
    raise DataError(
        f"an integer or a string of 1 to {MOST_CHARACTERS} characters, integers in 64 bits",
        source="exposure log",
        field=what,
        got=repr(value)[:80],
    )  # fmt: skip


def _first_repeat(items: list[Id]) -> Id:
    seen: set[str] = set()
    for item in items:
        if str(item) in seen:
            return item
        seen.add(str(item))
    return items[0]


def _wrong(request: str, expected: str, got: str) -> DataError:
    return DataError(expected, source=f"exposure log, request {str(request)[:80]!r}", got=got)
