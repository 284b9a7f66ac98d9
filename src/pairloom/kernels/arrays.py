"""Checks of the arrays that go into native code, naming the one that is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError

__all__ = ["check_vector"]


def check_vector(who: str, name: str, array: object, dtype: npt.DTypeLike, size: int | None = None) -> None:
    """Raise `UserError` unless an array is 1-D, contiguous, of this dtype and, if given, of this size."""
    if not isinstance(array, np.ndarray):
        raise UserError(f"{who}: '{name}' must be {_expected(dtype, size)}. Got {type(array).__name__}.")
    checked: npt.NDArray[Any] = array
    if (
        checked.dtype != dtype
        or checked.ndim != 1
        or not checked.flags.c_contiguous
        or (size is not None and checked.size != size)
    ):
        layout = "" if checked.flags.c_contiguous else "strided "
        raise UserError(
            f"{who}: '{name}' must be {_expected(dtype, size)}. Got {layout}{checked.dtype} of shape {checked.shape}."
        )


def _expected(dtype: npt.DTypeLike, size: int | None) -> str:
    return f"a contiguous 1-D {np.dtype(dtype)} array" + ("" if size is None else f" of {size} elements")
