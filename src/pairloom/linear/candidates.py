"""The grid of step sizes, penalties and class weights that is trained side by side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from pairloom.linear.settings import LinearSettings

__all__ = ["Candidate", "candidates"]

DENSE_RATES = (0.03, 0.01, 0.1, 0.003)
SPARSE_RATES = (0.2, 0.1, 0.4)
DENSE_L2 = (0.0, 1e-4, 1e-3, 1e-2)
SPARSE_L2 = (0.0, 1e-6)
L1 = (0.0, 1e-4)
LARGEST_COLUMNS = 1024
LARGEST_FLOATS = 1 << 28


@dataclass(frozen=True, slots=True)
class Candidate:
    """What sets one model apart from those beside it."""

    rate: float
    l2: float
    l1: float
    positive_weight: float


def candidates(
    settings: LinearSettings, *, n_features: int, dense: bool, balance: float
) -> tuple[Candidate, ...]:
    """Return the candidates: as many as asked for, or the whole grid as far as memory allows.

    Parameters
    ----------
    settings : LinearSettings
    n_features : int
    dense : bool
    balance : float
        Weight of positive rows that makes both classes weigh the same.
    """
    weights = {"auto": (1.0, balance), "balanced": (balance,)}.get(
        str(settings.positive_weight), (settings.positive_weight,)
    )
    rates = DENSE_RATES if dense else SPARSE_RATES
    l2 = DENSE_L2 if dense else SPARSE_L2
    l1 = L1 if dense else (0.0,)
    grid = [
        Candidate(rate, l2, l1, float(weight))
        for weight, l1, l2, rate in product(
            weights,
            l1 if settings.l1 is None else (settings.l1,),
            l2 if settings.l2 is None else (settings.l2,),
            rates if settings.rate is None else (settings.rate,),
        )
    ]
    n_models = settings.n_models
    if n_models is None:
        n_columns = min(LARGEST_COLUMNS, LARGEST_FLOATS // max(1, 2 * n_features))
        n_models = min(len(grid), max(1, n_columns // settings.n_outputs))
    return tuple(grid[number % len(grid)] for number in range(n_models))
