"""What is known of the keys of rows: tables that are joined, histories, and the days since a key was first met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, cast

import msgspec

from pairloom.encoding.specs import Spec, is_number
from pairloom.errors import UserError

__all__ = ["DaysSinceFirst", "History", "Joined", "Related", "checked_histories", "checked_relations"]

SINCE_DAYS = (0.01, 0.1, 1.0, 3.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0)
UNITS = ("s", "ms", "us", "ns", "D")


@dataclass(frozen=True, slots=True, eq=False)
class Related:
    """A table with a row for every value of a key column, such as one of all users.

    Its columns become fields ``<on>.<column>`` of every row with that key. The table is read, and encoded, once, in the
    first `fit` or `partial_fit`; a saved encoder holds it encoded.

    Parameters
    ----------
    table : as `FeatureEncoder.fit` takes it
        One row for every key, with a column of the key's name.
    on : str
        The key column.
    columns : sequence of str, or mapping of str to spec, optional
        Columns of the table to encode, as of `FeatureEncoder`. Default: all but the key.
    unlisted : {"refuse", "missing"}
        What becomes of a key of a training row that the table has no row for: an error that names both, or missing
        values. In prediction, such a key has missing values.
    """

    table: Any = field(repr=False)
    on: str
    columns: Sequence[str] | Mapping[str, Spec] | None = None
    unlisted: Literal["refuse", "missing"] = "refuse"


class History(msgspec.Struct, frozen=True, tag="history"):
    """The set of values that one key column had in the rows of `fit` with a value of another: a user's items.

    It becomes a field ``<of> of <by>`` of every row: of n values, each has a column of its own, apart from the column
    that the value has as an id, holding one over the root of n. A key that `fit` did not meet has an empty set: no
    column at all. A training row's own value is in the set; no label is.

    Parameters
    ----------
    of : str
        Whose values: ``item``.
    by : str
        The key that they belong to: ``user``.
    normalize : bool
        Give values one over the root of n, as SVD++ does, instead of one.

    References
    ----------
    Koren, "Factorization meets the neighborhood", KDD 2008, section 4.2.

    Examples
    --------
    >>> History(of="item", by="user")
    History(of='item', by='user', normalize=True)
    """

    of: str
    by: str
    normalize: bool = True

    def __post_init__(self) -> None:
        _require_names(self, of=self.of, by=self.by)
        _require(self.of != self.by, "History", "of", "another column than 'by'", self.of)


class DaysSinceFirst(msgspec.Struct, frozen=True, tag="days_since_first"):
    """The days from the first row of `fit` with a row's key to the row, in intervals: how long a user has been rating.

    It becomes a field ``days of <by>``, its first column for missing times. A key that `fit` did not meet is met first
    now, and a row before the first counts as the first.

    Parameters
    ----------
    by : str
        The key column.
    time : str
        The column of times: numbers since 1970, or text in ISO 8601.
    edges : sequence of float
        Cut the days here.
    unit : {"s", "ms", "us", "ns", "D"}
        Unit of numbers.
    format : str, optional
        How text is written, as for `datetime.strptime`.
    """

    by: str
    time: str
    edges: tuple[float, ...] = SINCE_DAYS
    unit: Literal["s", "ms", "us", "ns", "D"] = "s"
    format: str | None = None

    def __post_init__(self) -> None:
        _require_names(self, by=self.by, time=self.time)
        edges = cast(Any, self.edges)
        fits = isinstance(edges, tuple | list) and len(cast(Any, edges)) > 0 and all(map(is_number, edges))
        rising = fits and all(a < b for a, b in pairwise(edges))
        _require(rising, "DaysSinceFirst", "edges", "rising finite numbers", edges)
        msgspec.structs.force_setattr(self, "edges", tuple(map(float, edges)))
        _require(self.unit in UNITS, "DaysSinceFirst", "unit", f"one of {', '.join(UNITS)}", self.unit)


Joined = History | DaysSinceFirst


def checked_relations(relations: Any) -> list[Related]:
    """Return the relations; UserError for what cannot be one."""
    expected = "a list of Related(table, on='user')"
    _require(
        isinstance(relations, Sequence) and not isinstance(relations, str | bytes),
        "FeatureEncoder", "relations", expected, type(relations).__name__,
    )  # fmt: skip
    for relation in cast(Sequence[Any], relations):
        _require(isinstance(relation, Related), "FeatureEncoder", "relations", expected, relation)
        _require_names(relation, on=relation.on)
        choices = "'refuse' or 'missing'"
        _require(
            relation.unlisted in ("refuse", "missing"), "Related", "unlisted", choices, relation.unlisted
        )
    return list(cast(Sequence[Related], relations))


def checked_histories(histories: Any) -> list[Joined]:
    """Return the histories; UserError for what cannot be one."""
    expected = "a list of History(of='item', by='user') and DaysSinceFirst(by='user', time='timestamp')"
    listed = isinstance(histories, Sequence) and not isinstance(histories, str | bytes)
    _require(listed, "FeatureEncoder", "histories", expected, type(histories).__name__)
    for history in cast(Sequence[Any], histories):
        _require(isinstance(history, Joined), "FeatureEncoder", "histories", expected, history)
    return list(cast(Sequence[Joined], histories))


def _require_names(spec: object, **names: Any) -> None:
    for parameter, name in names.items():
        fits = isinstance(name, str) and name != ""
        _require(fits, type(spec).__name__, parameter, "the name of a column", name)


def _require(fits: bool, owner: str, name: str, expected: str, got: object) -> None:
    if not fits:
        raise UserError(f"{owner}: '{name}' must be {expected}. Got {got!r}.")
