"""An empty figure, and where it is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pairloom.errors import MissingExtraError, UserError

__all__ = ["new_figure", "save_figure"]

ENDINGS = (".png", ".svg", ".pdf")


def new_figure(size: tuple[float, float]) -> Any:
    """Return a matplotlib figure that no window shows; MissingExtraError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Drawing a picture", "plot") from error
    return Figure(figsize=size, layout="constrained")


def save_figure(figure: Any, targets: Sequence[str | Path]) -> None:
    """Write a figure; the ending tells the format."""
    for target in targets:
        if Path(target).suffix.lower() not in ENDINGS:
            raise UserError(f"A picture's name must end in {', '.join(ENDINGS)}. Got {str(target)!r}.")
        figure.savefig(target, dpi=120)
