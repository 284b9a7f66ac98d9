"""Sums of numbers by what they belong to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["summed"]


def summed(
    keys: npt.NDArray[np.integer[Any]], numbers: npt.NDArray[Any], n_keys: int = 0
) -> npt.NDArray[np.float64]:
    """Return the sum of the numbers of each key, of shape (max(n_keys, largest key + 1),)."""
    return np.bincount(keys, numbers, n_keys).astype(np.float64, copy=False)
