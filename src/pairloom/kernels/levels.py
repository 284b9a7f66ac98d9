"""The instruction-set level that the kernels run at."""

from __future__ import annotations

import os

from pairloom.errors import UserError
from pairloom.kernels import _native

__all__ = ["available_levels", "chosen_level"]


def available_levels() -> list[str]:
    """Levels that this build holds and this processor runs, best first."""
    return _native.available_levels()


def chosen_level() -> str:
    """Return the level in use: the best one, or the one that ``PAIRLOOM_CPU`` names.

    Raises
    ------
    UserError
        If ``PAIRLOOM_CPU`` names a level that cannot run here.
    """
    levels = available_levels()
    wanted = os.environ.get("PAIRLOOM_CPU", "")
    if wanted and wanted not in levels:
        raise UserError(f"PAIRLOOM_CPU must be one of {', '.join(levels)}. Got '{wanted}'.")
    return wanted or levels[0]
