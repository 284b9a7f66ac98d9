"""Names of the raw columns of an input."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pairloom.errors import UserError

__all__ = ["check_available", "name_array_columns"]


def check_available(names: Iterable[str], available: list[str]) -> None:
    """Raise `UserError` for a column that is not there, saying which are."""
    for name in names:
        if name not in available:
            more = f", ... ({len(available)} in all)" if len(available) > 20 else ""
            close = get_close_matches(name, available, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise UserError(
                f"FeatureEncoder: column {name!r} must be one of those of the input. "
                f"It has {', '.join(available[:20])}{more}.{hint}"
            )


def name_array_columns(width: int, known: list[str] | None, listed: list[str] | None) -> list[str]:
    """Name the columns of an array: as in `fit`, else as listed, else x0, x1, ..."""
    if known is not None:
        if width != len(known):
            raise UserError(
                f"X has {width} features, but FeatureEncoder is expecting {len(known)} features as input."
            )
        return known
    numbered = [f"x{i}" for i in range(width)]
    if listed is None or set(listed) <= set(numbered):
        return numbered
    if len(listed) != width:
        raise UserError(
            f"FeatureEncoder: an array must have the {len(listed)} listed columns {', '.join(listed)}. "
            f"Got {width} columns. Name them x0, x1, ... to choose by place."
        )
    return listed
