"""Step sizes and penalties that need no tuning to be good, by solver and task."""

from __future__ import annotations

from dataclasses import dataclass

from pairloom.fm.settings import SolverName, Task

__all__ = ["Defaults", "defaults_for"]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an estimator's open parameters become.

    Parameters
    ----------
    learning_rate : float
        Of linear weights and factors; the bias takes a tenth.
    linear_decay, factors_decay : float
    """

    learning_rate: float
    linear_decay: float
    factors_decay: float


# Chosen on validation parts of MovieLens-100K, MovieLens latest-small, Frappe, Criteo and a9a: benchmarks/defaults.py.
DEFAULTS: dict[tuple[SolverName, Task], Defaults] = {
    ("sgd", "regression"): Defaults(0.02, 0.04, 0.07),
    ("sgd", "classification"): Defaults(0.05, 0.01, 0.03),
    ("adagrad", "regression"): Defaults(0.1, 0.01, 0.03),
    ("adagrad", "classification"): Defaults(0.1, 0.001, 0.005),
    ("adam", "regression"): Defaults(0.003, 1e-4, 1e-3),
    ("adam", "classification"): Defaults(0.003, 1e-5, 1e-4),
    ("ftrl", "regression"): Defaults(0.1, 0.1, 1.0),
    ("ftrl", "classification"): Defaults(0.1, 0.1, 1.0),
}


def defaults_for(solver: SolverName, task: Task) -> Defaults:
    """Return the defaults of a solver for a task."""
    return DEFAULTS[solver, task]
