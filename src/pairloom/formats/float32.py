"""Numbers of any dtype as finite float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError

__all__ = ["Place", "as_float32"]

Place = Callable[[int], tuple[int, str | None]]
"""Row, counted from 0, and column of the i-th number of an array."""


def as_float32(numbers: npt.NDArray[Any], place: Place, source: str) -> npt.NDArray[np.float32]:
    """Take numbers as float32, without a copy if they are contiguous float32 already.

    Raises
    ------
    DataError
        For other things than numbers, and with its place, for a number that is not finite as float32.
    """
    if numbers.dtype.kind not in "fiub":
        got = "Complex data not supported" if numbers.dtype.kind == "c" else f"dtype {numbers.dtype}"
        action = "Encode ids and categories with FeatureEncoder, or convert with astype('float32')"
        raise DataError("numbers", got=got, action=action, source=source)
    with np.errstate(over="ignore", invalid="ignore"):  # a signalling NaN is refused below, with its place
        converted = np.ascontiguousarray(numbers, np.float32)
    if numbers.dtype.kind == "f" and not np.isfinite(converted).all():
        at = int(np.argmin(np.isfinite(converted)))
        row, column = place(at)
        got = "NaN" if np.isnan(numbers[at]) else f"{numbers[at]:g}"
        expected = "a finite number that fits float32"
        raise DataError(expected, got=got, source=source, row=row + 1, field=column)
    return converted
