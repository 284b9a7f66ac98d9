"""The reliability curve as a picture: what was predicted beside what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pairloom.plots.figure import new_figure, save_figure

__all__ = ["draw_reliability"]


def draw_reliability(report: Mapping[str, Any], *targets: str | Path, title: str = "Reliability") -> None:
    """Draw the curves of a calibration report beside the diagonal, and how many rows stand behind each point.

    Parameters
    ----------
    report : mapping
        As `FactorizationMachineClassifier.calibrate` keeps it.
    *targets : path
        Files to write: ``.png``, ``.svg``, ``.pdf``.
    title : str
    """
    figure = new_figure((5.5, 6))
    curves, counts = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    curves.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    for place, name in enumerate(name for name in ("before", "after") if name in report):
        found: Mapping[str, Any] = report[name]
        error = found["expected_calibration_error"]
        label = f"{name} (expected calibration error {error:.4f})"
        curves.plot(found["predicted"], found["observed"], marker="o", color=f"C{place}", label=label)
        _draw_counts(counts, found["predicted"], found["weights"], f"C{place}")
    curves.set(title=title, ylabel="share of positives", ylim=(0, 1))
    counts.set(xlabel="predicted probability", ylabel="rows", xlim=(0, 1), yscale="log")
    curves.grid(alpha=0.3)
    curves.legend()
    save_figure(figure, targets)


def _draw_counts(axes: Any, places: Sequence[float], counts: Sequence[float], color: str) -> None:
    axes.bar(places, counts, width=0.015, color=color, alpha=0.6)
