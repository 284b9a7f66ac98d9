"""Pairloom: the recommender workbench people own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pairloom.encoding import FeatureEncoder
    from pairloom.estimators import (
        FactorizationMachineClassifier,
        FactorizationMachineRanker,
        FactorizationMachineRegressor,
    )

__all__ = [
    "FactorizationMachineClassifier",
    "FactorizationMachineRanker",
    "FactorizationMachineRegressor",
    "FeatureEncoder",
]
__version__ = "0.1.0"

# Names are imported when first used: `import pairloom` itself stays cheap.
HOMES = {
    "FactorizationMachineClassifier": "pairloom.estimators",
    "FactorizationMachineRanker": "pairloom.estimators",
    "FactorizationMachineRegressor": "pairloom.estimators",
    "FeatureEncoder": "pairloom.encoding",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'pairloom' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *HOMES])
