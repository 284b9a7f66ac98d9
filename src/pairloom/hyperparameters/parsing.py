"""One value, as a string or as a Python object, read as SageMaker reads it.

Integers are whole decimal numbers: ``5.0`` is refused, as SageMaker's schemas do. Numbers are decimal, finite
and without separators. Booleans are ``true``, ``false``, ``1`` and ``0`` in any case. An empty string leaves
an optional hyperparameter open.
"""

from __future__ import annotations

import difflib
import math
import operator
import re

from pairloom.hyperparameters.description import requirement
from pairloom.hyperparameters.parameter import Parameter, Value

__all__ = ["Misfit", "did_you_mean", "parse_value"]

INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
LONGEST_SHOWN = 80


class Misfit(Exception):  # noqa: N818 - never leaves the package
    """A value that a hyperparameter cannot take; its text completes ``'name' ``."""


def parse_value(parameter: Parameter, value: object) -> Value:
    """Read and check `value`.

    Raises
    ------
    Misfit
        If `parameter` cannot take it.
    """
    if isinstance(value, str) and value == "" and parameter.optional:
        return None
    if isinstance(value, str) and value in parameter.choices:
        return value
    if parameter.kind == "choice":
        raise _misfit(parameter, value, did_you_mean(str(value), parameter.choices))
    if parameter.kind == "text":
        if isinstance(value, str):
            return value
        raise _misfit(parameter, value)
    if parameter.kind == "boolean":
        return _boolean(parameter, value)
    number = _integer(parameter, value) if parameter.kind == "integer" else _float(parameter, value)
    too_low = (parameter.ge is not None and number < parameter.ge) or (
        parameter.gt is not None and number <= parameter.gt
    )
    too_high = (parameter.le is not None and number > parameter.le) or (
        parameter.lt is not None and number >= parameter.lt
    )
    if too_low or too_high:
        raise _misfit(parameter, number)
    return number


def did_you_mean(word: str, known: tuple[str, ...]) -> str:
    """Name the word that was probably meant, as a sentence, or nothing."""
    by_lower_case = {name.lower(): name for name in known}
    nearest = difflib.get_close_matches(word.lower(), list(by_lower_case), n=1)
    return f"Did you mean '{by_lower_case[nearest[0]]}'?" if nearest else ""


def _integer(parameter: Parameter, value: object) -> int:
    if isinstance(value, str):
        if INTEGER.fullmatch(value):
            return int(value)
        number = float(value) if NUMBER.fullmatch(value) else math.nan
    elif isinstance(value, bool):
        raise _misfit(parameter, value)
    else:
        try:
            return operator.index(value)  # pyright: ignore[reportArgumentType]
        except TypeError:
            number = value if isinstance(value, float) else math.nan
    whole = math.isfinite(number) and number == int(number)
    raise _misfit(parameter, value, f"Write {int(number)}." if whole and abs(number) < 1e15 else "")


def _float(parameter: Parameter, value: object) -> float:
    if isinstance(value, str):
        number = float(value) if NUMBER.fullmatch(value) else math.nan
    elif isinstance(value, bool) or not hasattr(value, "__float__"):
        raise _misfit(parameter, value)
    else:
        try:
            number = float(value)  # pyright: ignore[reportArgumentType]
        except (TypeError, OverflowError):
            raise _misfit(parameter, value) from None
    if not math.isfinite(number):
        raise _misfit(parameter, value)
    return number


def _boolean(parameter: Parameter, value: object) -> bool:
    truth = BOOLEANS.get(str(value).lower())
    if truth is None:
        raise _misfit(parameter, value)
    return truth


def _misfit(parameter: Parameter, value: object, action: str = "") -> Misfit:
    got = repr(value)
    if len(got) > LONGEST_SHOWN:
        got = f"{got[:LONGEST_SHOWN]}... ({len(got)} characters)"
    return Misfit(f"must be {requirement(parameter)}. Got {got}. {action}".rstrip())
