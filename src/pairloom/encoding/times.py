"""Numbers and strings to times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.encoding.place import Place
from pairloom.encoding.raw_columns import TimeColumn

__all__ = ["EARLIEST", "EPOCH", "LATEST", "checked_times", "scaled_times", "time_parser"]

BoolArray = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999  # microseconds of the years 1 to 9999
MICROSECONDS_PER = {"D": 86_400_000_000, "s": 1_000_000, "ms": 1_000, "us": 1, "ns": 0.001}


def scaled_times(numbers: Numbers, valid: BoolArray, unit: str, place: Place) -> TimeColumn:
    """Take numbers that count a unit since 1970."""
    factor = MICROSECONDS_PER[unit]
    _check(numbers, valid, factor, f"{unit} since 1970", place)
    present = np.where(valid, numbers, 0)
    microseconds = present // 1000 if unit == "ns" else present * int(factor)
    return TimeColumn(microseconds.astype(np.int64), valid)


def checked_times(times: TimeColumn, place: Place) -> TimeColumn:
    """Check that times lie in the years 1 to 9999."""
    _check(times.microseconds, times.valid, 1, "microseconds since 1970", place)
    return TimeColumn(np.where(times.valid, times.microseconds, 0), times.valid)


def time_parser(unit: str, format: str | None) -> Callable[[str], int]:  # noqa: A002
    """Return a function from text to microseconds since 1970.

    Without a format, text that spells an integer counts units, for such a column may come as integers as
    well.
    """

    def parse(text: str) -> int:
        if format is None and text.removeprefix("-").isdecimal():
            microseconds = int(text) // 1000 if unit == "ns" else int(text) * int(MICROSECONDS_PER[unit])
            if not EARLIEST <= microseconds <= LATEST:
                raise ValueError(text)
            return microseconds
        time = datetime.fromisoformat(text) if format is None else datetime.strptime(text, format)
        aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        since = aware - EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

    return parse


def _check(numbers: npt.NDArray[Any], valid: BoolArray, factor: float, unit: str, place: Place) -> None:
    outside = valid & ((numbers < EARLIEST / factor) | (numbers > LATEST / factor))
    if outside.any():
        row = int(np.argmax(outside))
        got = f"{numbers[row]} {unit}"
        raise place.error(row, "a time in the years 1 to 9999", got, "Is it another unit? See Date")
