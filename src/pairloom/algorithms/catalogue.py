"""The one table of algorithms. Built-ins and plug-ins enter by the same door, entry points.

A distribution offers an algorithm with an entry point in the group ``pairloom.algorithms`` that names a class
which keeps to `pairloom.algorithms.contract`. The built-in ones are repeated here, so that a source tree
works uninstalled.
"""

from __future__ import annotations

import difflib
import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from pairloom.algorithms.contract import Algorithm
from pairloom.errors import UserError

__all__ = ["GROUP", "algorithm", "algorithm_names"]

GROUP = "pairloom.algorithms"
BUILT_IN = {
    "factorization-machines": "pairloom.algorithms.factorization_machines:FactorizationMachines",
    "kmeans": "pairloom.algorithms.kmeans:KMeans",
    "linear-learner": "pairloom.algorithms.linear_learner:LinearLearner",
    "pca": "pairloom.algorithms.pca:PCA",
    "xgboost": "pairloom.algorithms.xgboost:XGBoost",
}


def algorithm_names() -> tuple[str, ...]:
    """Names of every algorithm that can be asked for, in order."""
    return tuple(sorted(_offers()))


def algorithm(name: str) -> type[Algorithm]:
    """Return the class of an algorithm.

    Raises
    ------
    UserError
        If nothing has that name, two distributions offer it, or it cannot be imported.
    """
    offers = _offers()
    if name not in offers:
        nearest = difflib.get_close_matches(name, list(offers), n=1)
        hint = f"Did you mean '{nearest[0]}'?" if nearest else "Install the distribution that brings it."
        known = ", ".join(f"'{known}'" for known in sorted(offers))
        raise UserError(f"Algorithm must be one of {known}. Got {name!r}. {hint}")
    candidates = sorted(offers[name])
    if len(candidates) > 1:
        raise UserError(
            f"Algorithm '{name}' must be offered once. Got {' and '.join(candidates)}. "
            "Uninstall the distribution that is not wanted."
        )
    try:
        return cast(type[Algorithm], EntryPoint(name, candidates[0], GROUP).load())
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"Algorithm '{name}' must be importable from {candidates[0]}. Got: {error}. "
            "Reinstall or update the distribution that offers it."
        ) from error


def _offers() -> dict[str, set[str]]:
    offers = {name: {value} for name, value in BUILT_IN.items()}
    for entry_point in _installed(tuple(sys.path)):
        offers.setdefault(entry_point.name, set()).add(entry_point.value)
    return offers


@lru_cache(maxsize=8)
def _installed(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Return what the distributions on a path offer; looking takes milliseconds, so it is done once."""
    return tuple(entry_points(group=GROUP))
