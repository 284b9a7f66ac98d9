"""The learning curve as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pairloom.errors import MissingExtraError

__all__ = ["draw_learning_curve"]


def draw_learning_curve(
    curves: Mapping[str, Sequence[float]],
    levels: Mapping[str, float],
    targets: Sequence[Path],
    *,
    title: str,
    quantity: str,
) -> None:
    """Draw one line per curve over the epochs, and a dashed line at each level.

    Parameters
    ----------
    curves : mapping of str to sequence of float
        One value per epoch, by the name in the legend.
    levels : mapping of str to float
        Values to compare with, by name.
    targets : sequence of Path
        Files to write; the ending tells the format: ``.png``, ``.svg``, ``.pdf``.
    title, quantity : str

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise MissingExtraError("Drawing the learning curve", "plot") from error
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, values in curves.items():
        axes.plot(range(1, len(values) + 1), values, label=name, marker=".")
    for number, (name, level) in enumerate(levels.items()):
        axes.axhline(level, color=f"C{len(curves) + number}", linestyle="--", label=f"{name} ({level:.4f})")
    axes.set(title=title, xlabel="epoch", ylabel=quantity)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    for target in targets:
        figure.savefig(target, dpi=120)
