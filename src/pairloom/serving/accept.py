"""From the header ``Accept`` to the content type of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from pairloom.formats.answers import ANSWER_TYPES
from pairloom.formats.registry import FORMATS
from pairloom.serving.refused import Refused

__all__ = ["answer_types", "negotiated"]

_SAME = {name: known.content_types[0] for known in FORMATS for name in known.content_types}
"""Every spelling of a content type, by the one that we write."""


def answer_types(declared: Sequence[str]) -> tuple[str, ...]:
    """List the content types of answers: those that an algorithm declares, then what can be written besides."""
    first = [known for name in declared if (known := _SAME.get(name)) in ANSWER_TYPES]
    return tuple(dict.fromkeys([*first, *ANSWER_TYPES]))


@lru_cache(maxsize=1024)
def negotiated(accept: str, offered: tuple[str, ...]) -> str:
    """Choose a content type.

    Parameters
    ----------
    accept : str
        Media ranges with weights; parameters such as ``verbose=true`` are of no effect. Empty takes anything.
    offered : tuple of str
        What can be written, in order of preference.

    Raises
    ------
    Refused
        With 406, if nothing offered is acceptable.

    Examples
    --------
    >>> negotiated("text/html, application/*;q=0.5", ("text/csv", "application/json"))
    'application/json'
    """
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    if not ranges:
        return offered[0]
    refused = {name for name, weight in ranges if weight <= 0}
    for name, weight in sorted(ranges, key=lambda each: -each[1]):
        if weight <= 0:
            continue
        for known in offered:
            if known not in refused and _matches(name, known):
                return known
    raise Refused(406, f"Accept must allow one of {', '.join(offered)}. Got '{accept[:200]}'.")


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (word.strip().lower() for word in part.split(";"))
    weight = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                raise Refused(406, f"Accept must give weights as q=0 to q=1. Got '{part[:200]}'.") from None
            if not 0 <= weight <= 1:
                raise Refused(406, f"Accept must give weights as q=0 to q=1. Got '{part[:200]}'.")
    return _SAME.get(name, name), weight


def _matches(wanted: str, known: str) -> bool:
    kind, _, subtype = wanted.partition("/")
    return wanted in (known, "*/*", "*") or (subtype == "*" and known.startswith(f"{kind}/"))
