"""Parts of times."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.encoding.specs import CyclicPart, DatePart

__all__ = ["FIRST", "NAMES", "SIZES", "part_of", "phase_of"]

Int64Array = npt.NDArray[np.int64]

SIZES: dict[CyclicPart, int] = {
    "quarter": 4, "month": 12, "day": 31, "dayofyear": 366, "weekday": 7, "hour": 24, "minute": 60,
}  # fmt: skip
"""How many values a part has."""

FIRST: dict[CyclicPart, int] = {
    "quarter": 1, "month": 1, "day": 1, "dayofyear": 1, "weekday": 0, "hour": 0, "minute": 0,
}  # fmt: skip
"""The least of them."""

NAMES = {"weekday": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}

DAY = 86_400_000_000


def part_of(microseconds: Int64Array, part: DatePart) -> Int64Array:
    """Return a part of UTC times, as people count it; Monday is 0."""
    if part in ("hour", "minute"):
        minutes = microseconds % DAY // 60_000_000
        return minutes // 60 if part == "hour" else minutes % 60
    days = microseconds // DAY
    if part == "weekday":
        return (days + 3) % 7  # 1970 began on a Thursday
    dates = days.astype("datetime64[D]")
    months, years = dates.astype("datetime64[M]"), dates.astype("datetime64[Y]")
    if part == "year":
        return years.astype(np.int64) + 1970
    if part in ("day", "dayofyear"):
        return (dates - (months if part == "day" else years)).astype(np.int64) + 1
    month = (months - years).astype(np.int64)
    return month + 1 if part == "month" else month // 3 + 1


def phase_of(microseconds: Int64Array, part: CyclicPart) -> npt.NDArray[np.float64]:
    """Return how far a time is through a part's period, in radians; an hour moves on with its minutes."""
    if part == "hour":
        share = microseconds % DAY / DAY
    elif part == "minute":
        share = microseconds % 3_600_000_000 / 3_600_000_000
    else:
        share = (part_of(microseconds, part) - FIRST[part]) / SIZES[part]
    return 2 * np.pi * share
