"""Numbers and switches in environment variables."""

from __future__ import annotations

from collections.abc import Mapping

from pairloom.errors import UserError

__all__ = ["number", "switch", "whole_number"]

SWITCHES = {"": False, "0": False, "false": False, "1": True, "true": True}


def whole_number(environment: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    """Return an integer in [1, most]; `default` where the variable is missing or empty."""
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        raise UserError(
            f"{name}: must be an integer in [1, {most}]. Got {text!r}. Correct it, or leave it out."
        )
    return int(text)


def number(environment: Mapping[str, str], name: str, default: float) -> float:
    """Return a finite number above 0; `default` where the variable is missing or empty."""
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UserError(f"{name}: must be a finite number > 0. Got {text!r}. Correct it, or leave it out.")
    return value


def switch(environment: Mapping[str, str], name: str) -> bool:
    """Return whether a variable is 1 or true; missing, empty, 0 and false are no."""
    text = environment.get(name, "").strip()
    if text.lower() not in SWITCHES:
        raise UserError(f"{name}: must be 1 or 0. Got {text!r}. Correct it, or leave it out.")
    return SWITCHES[text.lower()]
