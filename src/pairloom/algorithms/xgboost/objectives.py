"""What is learned: for every objective the labels it takes and the shape of its answers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OBJECTIVES", "Objective"]


@dataclass(frozen=True, slots=True)
class Objective:
    """One row of the table.

    Parameters
    ----------
    name : str
        The library's.
    labels : str
        What a label must be, as a clause; empty where any number will do.
    low, high : float, optional
        Bounds of a label.
    above : bool
        Whether `low` itself is refused.
    classes : bool
        Whether labels are the numbers of classes.
    groups : bool
        Whether it ranks rows within groups.
    bounds : bool
        Whether the library takes a label as a lower and an upper bound.
    """

    name: str
    labels: str = ""
    low: float | None = None
    high: float | None = None
    above: bool = False
    classes: bool = False
    groups: bool = False
    bounds: bool = False


SHARE = "a label in [0, 1]"
NOT_NEGATIVE = "a label >= 0"

OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("reg:squarederror"),
        Objective("reg:squaredlogerror", "a label > -1", -1, above=True),
        Objective("reg:logistic", SHARE, 0, 1),
        Objective("reg:pseudohubererror"),
        Objective("reg:absoluteerror"),
        Objective("reg:gamma", "a label > 0", 0, above=True),
        Objective("reg:tweedie", NOT_NEGATIVE, 0),
        Objective("binary:logistic", SHARE, 0, 1),
        Objective("binary:logitraw", SHARE, 0, 1),
        Objective("binary:hinge", SHARE, 0, 1),
        Objective("count:poisson", NOT_NEGATIVE, 0),
        Objective("survival:cox"),
        Objective("survival:aft", NOT_NEGATIVE, 0, bounds=True),
        Objective("multi:softmax", classes=True),
        Objective("multi:softprob", classes=True),
        Objective("rank:pairwise", NOT_NEGATIVE, 0, groups=True),
        Objective("rank:ndcg", NOT_NEGATIVE, 0, groups=True),
        Objective("rank:map", SHARE, 0, 1, groups=True),
    )
}
