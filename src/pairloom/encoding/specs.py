"""How one raw column becomes columns of the matrix."""

from __future__ import annotations

import math
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal, cast

import msgspec

from pairloom.errors import UserError

__all__ = ["Bucket", "Date", "DatePart", "Id", "Multi", "Spec", "Standard", "Text", "is_number"]

MAX_HASH_DIM = 2**31 - 2

DatePart = Literal["year", "quarter", "month", "day", "dayofyear", "weekday", "hour", "minute"]
CyclicPart = Literal["quarter", "month", "day", "dayofyear", "weekday", "hour", "minute"]


class Id(msgspec.Struct, frozen=True, tag="id"):
    """An id or category: one column for each, one for unseen ids, one for missing values.

    Parameters
    ----------
    min_count : int
        Ids met fewer times share the column of unseen ids.
    hash_dim : int, optional
        Hash ids to this many columns instead of learning them; there is no column for unseen ids then.

    Examples
    --------
    >>> Id(min_count=2)
    Id(min_count=2, hash_dim=None)
    """

    min_count: int = 1
    hash_dim: int | None = None

    def __post_init__(self) -> None:
        _check_vocabulary(self, self.min_count, self.hash_dim)


class Multi(msgspec.Struct, frozen=True, tag="multi"):
    """Several categories at once: ``Adventure|Comedy``, or a list in each row.

    A row without any is missing.

    Parameters
    ----------
    sep : str
        What stands between the categories of a string; blanks around them are dropped.
    min_count : int
        Categories met fewer times share the column of unseen ones.
    hash_dim : int, optional
        Hash categories to this many columns instead of learning them.
    normalize : bool
        Give each of a row's n categories the value 1/n instead of 1.
    """

    sep: str = "|"
    min_count: int = 1
    hash_dim: int | None = None
    normalize: bool = False

    def __post_init__(self) -> None:
        _check_vocabulary(self, self.min_count, self.hash_dim)
        sep = cast(object, self.sep)
        _require(isinstance(sep, str) and sep != "", self, "sep", "a string, not empty", sep)


class Bucket(msgspec.Struct, frozen=True, tag="bucket"):
    """A number as one of several intervals, each a column; one more column for missing values.

    Give one of the four ways to cut; without any, there are ten quantiles. The first and the last interval
    are open, so that every number has one.

    Parameters
    ----------
    quantiles : int, optional
        About as many rows in each of this many intervals. Exact for up to 131,072 rows, a uniform sample of
        that many beyond.
    width : float, optional
        Intervals of this width, cut at its multiples, over the range of the data.
    log : float, optional
        Intervals that grow by this factor: cut at 0, 1, log, log**2, ... and likewise below zero.
    edges : sequence of float, optional
        Cut here.
    """

    quantiles: int | None = None
    width: float | None = None
    log: float | None = None
    edges: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        given = [name for name in self.__struct_fields__ if getattr(self, name) is not None]
        _require(
            len(given) <= 1, self, "quantiles, width, log, edges", "given one at a time", ", ".join(given)
        )
        if not given:
            msgspec.structs.force_setattr(self, "quantiles", 10)
        if self.quantiles is not None:
            _require(
                _is_int(self.quantiles, 2, 65536),
                self,
                "quantiles",
                "an integer in [2, 65536]",
                self.quantiles,
            )
        if self.width is not None:
            _require(is_number(self.width) and self.width > 0, self, "width", "a number above 0", self.width)
        if self.log is not None:
            _require(is_number(self.log) and self.log > 1, self, "log", "a number above 1", self.log)
        if self.edges is not None:
            edges = _tuple(self, "edges", self.edges, "rising finite numbers")
            rising = all(map(is_number, edges)) and all(a < b for a, b in pairwise(edges))
            _require(len(edges) > 0 and rising, self, "edges", "rising finite numbers", edges)
            msgspec.structs.force_setattr(self, "edges", tuple(map(float, edges)))


class Standard(msgspec.Struct, frozen=True, tag="standard"):
    """A number less its mean, divided by its standard deviation: one column; one more for missing values."""


class Date(msgspec.Struct, frozen=True, tag="date"):
    """A date or time, in UTC: its parts as categories or on a circle, its age in intervals.

    Strings are ISO 8601 unless `format` says otherwise, numbers count units since 1970. A time with an
    offset is taken to UTC, one without is UTC.

    Parameters
    ----------
    parts : sequence of {"year", "quarter", "month", "day", "dayofyear", "weekday", "hour", "minute"}
        One column for each value of each part. Years are those met in training; others count as the nearest.
    cyclic : sequence of the same but "year"
        Two columns for each, the sine and cosine of its place in its period.
    age_days : sequence of float
        Cut the age here, in days; empty for no age.
    age_at : str, optional
        ISO 8601 time at which the age is taken. Default: the latest time met in training.
    bins : int, optional
        About as many rows of training in each of this many intervals of time; later times count as the latest.
    unit : {"s", "ms", "us", "ns", "D"}
        Unit of numbers.
    format : str, optional
        How strings are written, as for `datetime.strptime`.
    """

    parts: tuple[DatePart, ...] = ("year", "month", "weekday")
    cyclic: tuple[CyclicPart, ...] = ()
    age_days: tuple[float, ...] = ()
    age_at: str | None = None
    bins: int | None = None
    unit: Literal["s", "ms", "us", "ns", "D"] = "s"
    format: str | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("parts", DatePart), ("cyclic", CyclicPart)):
            known: tuple[str, ...] = allowed.__args__
            chosen = _tuple(self, name, getattr(self, name), f"some of {', '.join(known)}")
            fits = all(part in known for part in chosen) and len(set(chosen)) == len(chosen)
            _require(fits, self, name, f"some of {', '.join(known)}, each once", chosen)
            msgspec.structs.force_setattr(self, name, chosen)
        edges = _tuple(self, "age_days", self.age_days, "rising finite numbers")
        rising = all(map(is_number, edges)) and all(a < b for a, b in pairwise(edges))
        _require(rising, self, "age_days", "rising finite numbers", edges)
        msgspec.structs.force_setattr(self, "age_days", tuple(map(float, edges)))
        given = self.parts or self.cyclic or self.age_days or self.bins is not None
        _require(bool(given), self, "parts, cyclic, age_days, bins", "not all empty", "()")
        fits = self.bins is None or _is_int(self.bins, 2, 65536)
        _require(fits, self, "bins", "an integer in [2, 65536]", self.bins)
        if self.age_at is not None:
            _require(
                _is_iso(self.age_at), self, "age_at", "an ISO 8601 time such as '2026-05-01'", self.age_at
            )
        units = ("s", "ms", "us", "ns", "D")
        _require(self.unit in units, self, "unit", f"one of {', '.join(units)}", self.unit)


class Text(msgspec.Struct, frozen=True, tag="text"):
    """Free text, its n-grams hashed to a fixed number of columns; one more column for missing text.

    A word is a run of letters, digits and underscores; every character beyond ASCII counts as a letter. Text
    without a word is missing.

    Parameters
    ----------
    hash_dim : int
        Number of columns.
    words : pair of int, optional
        Smallest and largest word n-gram; None for no words.
    characters : pair of int, optional
        Smallest and largest n-gram of characters within a word, which is marked ``<word>``.
    lowercase : bool
        Take capital letters as small ones.
    normalize : bool
        Give each of a row's n n-grams the value 1/n instead of 1.
    """

    hash_dim: int = 2**16
    words: tuple[int, int] | None = (1, 1)
    characters: tuple[int, int] | None = None
    lowercase: bool = True
    normalize: bool = True

    def __post_init__(self) -> None:
        _require(
            _is_int(self.hash_dim, 1, MAX_HASH_DIM),
            self,
            "hash_dim",
            f"in [1, {MAX_HASH_DIM}]",
            self.hash_dim,
        )
        for name in ("words", "characters"):
            if getattr(self, name) is None:
                continue
            sizes = _tuple(self, name, getattr(self, name), "a pair of sizes in [1, 16]")
            fits = len(sizes) == 2 and all(_is_int(n, 1, 16) for n in sizes) and sizes[0] <= sizes[1]
            _require(fits, self, name, "a pair of rising sizes in [1, 16]", sizes)
            msgspec.structs.force_setattr(self, name, sizes)
        nothing = self.words is None and self.characters is None
        _require(not nothing, self, "words, characters", "not both None", None)


Spec = Id | Multi | Bucket | Standard | Date | Text


def _check_vocabulary(spec: Id | Multi, min_count: int, hash_dim: int | None) -> None:
    _require(_is_int(min_count, 1, 2**62), spec, "min_count", "an integer of at least 1", min_count)
    if hash_dim is not None:
        _require(_is_int(hash_dim, 1, MAX_HASH_DIM), spec, "hash_dim", f"in [1, {MAX_HASH_DIM}]", hash_dim)
        _require(min_count == 1, spec, "min_count", "left out beside hash_dim", min_count)


def _require(fits: bool, spec: object, name: str, expected: str, got: object) -> None:
    if not fits:
        raise UserError(f"{type(spec).__name__}: '{name}' must be {expected}. Got {got!r}.")


def _tuple(spec: object, name: str, value: Any, expected: str) -> tuple[Any, ...]:
    _require(isinstance(value, tuple | list), spec, name, expected, value)
    return tuple(value)


def _is_int(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_iso(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True
