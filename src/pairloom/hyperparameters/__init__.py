"""Hyperparameters declared once: parsing, checking, error text, help and the published description follow."""

from pairloom.hyperparameters.declaration import Hyperparameters
from pairloom.hyperparameters.description import default_text, describe, requirement
from pairloom.hyperparameters.parameter import Parameter, Tunable, Value, param

__all__ = [
    "Hyperparameters",
    "Parameter",
    "Tunable",
    "Value",
    "default_text",
    "describe",
    "param",
    "requirement",
]
