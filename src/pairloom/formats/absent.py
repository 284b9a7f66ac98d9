"""What a column stands for that a row of a batch does not hold: a zero, or a missing value.

Zeros are left out of rows as a rule, and a missing value is an error. An algorithm that takes missing values has its
channels read the other way round: then dense rows keep their zeros, and what is missing (an empty field, null, NaN)
is what rows leave out. Sparse rows hold what they were given either way.
"""

from __future__ import annotations

from typing import Literal

from pairloom.errors import DataError

__all__ = ["Absent", "absent_of_word", "is_missing"]

Absent = Literal["zero", "missing"]


def is_missing(absent: str) -> bool:
    """Whether an absent column is a missing value; DataError for other words than those of `Absent`."""
    if absent not in ("zero", "missing"):
        raise DataError("absent=zero or absent=missing", got=f"absent={absent}", field="absent")
    return absent == "missing"


def absent_of_word(text: str) -> Absent:
    """Read the parameter of a content type."""
    return "missing" if is_missing(text) else "zero"
