"""Metrics as a table."""

from __future__ import annotations

from collections.abc import Mapping

from pairloom.cli.terminal import print_table

__all__ = ["print_metrics"]


def print_metrics(metrics: Mapping[str, Mapping[str, float]]) -> None:
    """Print metrics, a column for each channel."""
    names = list(dict.fromkeys(name for values in metrics.values() for name in values))
    rows = [
        [name, *(f"{values[name]:.4f}" if name in values else "" for values in metrics.values())]
        for name in names
    ]
    print_table(["metric", *metrics], rows, numbers=range(1, len(metrics) + 1))
