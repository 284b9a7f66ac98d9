"""Hyperparameters that are lists: metrics, constraints, columns."""

from __future__ import annotations

import json
import re

from pairloom.errors import UserError
from pairloom.hyperparameters.parsing import did_you_mean
from pairloom.metrics import BOOSTING, base_name

__all__ = ["column_list", "interaction_groups", "metric_fault", "monotone_directions", "words"]

MONOTONE = re.compile(r"[(\[]\s*(-?[01](\s*,\s*-?[01])*)?\s*,?\s*[)\]]")
COLUMNS = re.compile(r"[0-9]{1,9}(\s*,\s*[0-9]{1,9})*")
THRESHOLD = re.compile(r"(0(\.[0-9]+)?|1(\.0+)?)")
PLACES = re.compile(r"[0-9]{1,9}-?|-")
POWER = re.compile(r"1\.[0-9]+")
AFTER_AT = {
    "error": (THRESHOLD, "a threshold in [0, 1]"),
    "ndcg": (PLACES, "a number of places"),
    "map": (PLACES, "a number of places"),
    "tweedie-nloglik": (POWER, "a power in (1, 2)"),
}


def words(text: str | None) -> list[str]:
    """Split at commas; brackets and quotes around, as a list is written, are passed over."""
    if not text:
        return []
    return [word for piece in text.strip("[]() ").split(",") if (word := piece.strip(" '\""))]


def metric_fault(name: str) -> str | None:
    """Say what is wrong with a metric of ``eval_metric``, as a sentence, or nothing."""
    known = [metric.name for metric in BOOSTING]
    base, at, rest = base_name(name), "@" in name, name.partition("@")[2]
    if base not in known:
        nearest = did_you_mean(base, tuple(known))
        return f"'eval_metric' must be out of {', '.join(known)}. Got {name!r}. {nearest}".rstrip()
    if not at:
        return None
    if base not in AFTER_AT:
        return f"'eval_metric' must be {base} without a number behind it. Got {name!r}."
    pattern, meaning = AFTER_AT[base]
    if pattern.fullmatch(rest):
        return None
    return f"'eval_metric' must be {base}@ and {meaning}. Got {name!r}."


def monotone_directions(text: str | None) -> list[int]:
    """Read ``(1,0,-1)``, one of -1, 0 and 1 for every column.

    Raises
    ------
    UserError
        As a fault of the hyperparameter, without the name of its owner.
    """
    if text is None:
        return []
    if not MONOTONE.fullmatch(text.strip()):
        raise UserError(
            f"'monotone_constraints' must be -1, 0 or 1 for every column, as (1,0,-1). Got {text!r}."
        )
    return [int(word) for word in words(text)]


def interaction_groups(text: str | None) -> list[list[int]]:
    """Read ``[[0,1],[2,3]]``, groups of columns; raises as `monotone_directions`."""
    if text is None:
        return []
    try:
        groups = json.loads(text.strip().replace("(", "[").replace(")", "]"))
        sound = isinstance(groups, list) and all(
            isinstance(group, list) and all(type(column) is int and 0 <= column < 2**31 for column in group)
            for group in groups
        )
    except (ValueError, RecursionError):
        sound, groups = False, []
    if not sound:
        raise UserError(
            f"'interaction_constraints' must be groups of columns, as [[0,1],[2,3]]. Got {text!r}."
        )
    return groups


def column_list(text: str | None) -> list[int]:
    """Read ``0,3,17``, columns counted from 0; raises as `monotone_directions`."""
    if text is None:
        return []
    if not COLUMNS.fullmatch(text.strip()):
        raise UserError(
            f"'pairloom_categorical_features' must be columns counted from 0, as 0,3,17. Got {text!r}."
        )
    return sorted({int(word) for word in words(text)})
