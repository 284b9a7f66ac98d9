"""Measuring a booster on matrices, by the library's metrics and ours."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pairloom.metrics import MEASURED_HERE, base_name, measure, metric_of

__all__ = ["Scores", "evaluated", "is_better"]

Scores = dict[str, dict[str, float]]
"""By channel, by metric."""
MAXIMIZED = "maximize"


def evaluated(booster: Any, matrices: dict[str, Any], asked: list[str], iteration: int) -> Scores:
    """Measure a booster.

    Parameters
    ----------
    booster : xgboost.Booster
    matrices : dict of str to DMatrix
        By channel.
    asked : list of str
        Metrics in the order they were asked for; empty for that of the objective.
    iteration : int
        Rounds before this one; only names the line that the library returns.
    """
    found: Scores = {channel: {} for channel in matrices}
    text: str = booster.eval_set([(matrix, channel) for channel, matrix in matrices.items()], iteration)
    for word in text.split("\t")[1:]:
        name, _, value = word.rpartition(":")
        channel, _, metric = name.partition("-")
        found[channel][metric] = float(value)
    ours = [name for name in asked if name in MEASURED_HERE]
    for channel, matrix in matrices.items() if ours else ():
        predictions = booster.predict(matrix)
        labels, weights = matrix.get_label(), matrix.get_weight()
        finite = np.isfinite(predictions).all()
        for name in ours:
            found[channel][name] = (
                measure(name, labels, predictions, weights if len(weights) else None) if finite else math.nan
            )
    if asked:
        return {channel: _in_order(values, asked) for channel, values in found.items()}
    return found


def is_better(name: str, value: float, other: float) -> bool:
    """Whether a value of a metric beats another; NaN beats nothing."""
    return metric_of(name).better(value, other) or (math.isnan(other) and not math.isnan(value))


def _in_order(values: dict[str, float], asked: list[str]) -> dict[str, float]:
    """Put metrics in the order they were asked for; the library may spell one otherwise: ``ndcg@5``, ``error@0.70``."""
    left = dict(values)
    found: dict[str, float] = {}
    for name in asked:
        spelt = name if name in left else next((n for n in left if base_name(n) == base_name(name)), None)
        if spelt is not None:
            found[name] = left.pop(spelt)
    return found
