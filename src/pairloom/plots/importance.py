"""What moves a model's scores, as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pairloom.fm.importance import GlobalImportance
from pairloom.plots.figure import new_figure, save_figure

__all__ = ["draw_importance"]


def draw_importance(found: GlobalImportance, *targets: str | Path, top: int = 12) -> None:
    """Draw the strongest fields and pairs of fields as bars, and all pairs as a map.

    Parameters
    ----------
    found : GlobalImportance
    *targets : path
        Files to write: ``.png``, ``.svg``, ``.pdf``.
    top : int
        Bars, and fields of the map, at most.
    """
    terms = found.terms()[:top]
    figure = new_figure((11, 1.2 + 0.35 * max(4, len(terms))))
    bars, pairs = figure.subplots(1, 2, width_ratios=[3, 2])
    names, strengths = [term.name for term in terms][::-1], [term.strength for term in terms][::-1]
    bars.barh(names, strengths, color=["C1" if " x " in name else "C0" for name in names])
    bars.set(title="How far each term moves the score", xlabel="standard deviation over the rows")
    order = np.argsort(-found.strength_of_fields())[:top]
    matrix = found.pair_matrix()[np.ix_(order, order)]
    image = pairs.imshow(matrix, cmap="viridis")
    shown = [found.field_names[place] for place in order]
    pairs.set_xticks(range(len(shown)), shown, rotation=60, ha="right")
    pairs.set_yticks(range(len(shown)), shown)
    pairs.set(title="Pairs of fields")
    figure.colorbar(image, ax=pairs, shrink=0.8)
    save_figure(figure, targets)
