"""Step sizes and penalties that need no tuning to be good, by solver and task."""

from __future__ import annotations

from dataclasses import dataclass

from pairloom.fm.settings import InteractionName, SolverName, Task

__all__ = ["Defaults", "defaults_for"]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an estimator's open parameters become.

    Parameters
    ----------
    learning_rate : float
        Of linear weights and factors; the bias takes a tenth.
    linear_decay, factors_decay : float
        Paid at every touch; of "ftrl" once for the whole training, which makes its numbers so much larger.
    epochs : int
    """

    learning_rate: float
    linear_decay: float
    factors_decay: float
    epochs: int = 30


# From a grid over validation parts of MovieLens-100K, MovieLens latest-small, Frappe, abalone, Criteo and a9a
# (benchmarks/defaults.py): good on all of them rather than best on one.
DEFAULTS: dict[tuple[SolverName, Task], Defaults] = {
    ("sgd", "regression"): Defaults(0.025, 0.01, 0.07),
    ("sgd", "classification"): Defaults(0.03, 0.015, 0.055),
    ("adagrad", "regression"): Defaults(0.5, 3e-4, 0.09),
    ("adagrad", "classification"): Defaults(0.05, 3e-4, 5e-4),
    ("adam", "regression"): Defaults(0.012, 3e-4, 3e-4),
    ("adam", "classification"): Defaults(0.008, 1e-4, 3e-3, 15),
    ("ftrl", "regression"): Defaults(0.07, 20.0, 300.0),
    ("ftrl", "classification"): Defaults(0.1, 50.0, 2500.0),
    ("als", "regression"): Defaults(0.0, 5.0, 12.0, 50),
    ("als", "classification"): Defaults(0.0, 5.0, 15.0, 50),
    ("mcmc", "regression"): Defaults(0.0, 0.0, 0.0, 512),
    ("mcmc", "classification"): Defaults(0.0, 0.0, 0.0, 512),
}


# Of AdaGrad with a sum of squared gradients for each parameter; from validation rows of Criteo (clicks) and of
# MovieLens-100K (ratings and likes): good on each rather than best on one, clicks wanting shorter steps, likes longer
# ones. Epochs are few, as such machines overfit soon.
OF_INTERACTIONS: dict[Task, Defaults] = {
    "classification": Defaults(0.06, 3e-3, 1e-2, 8),
    "regression": Defaults(0.1, 0.05, 0.05, 10),
}


def defaults_for(solver: SolverName, task: Task, interactions: InteractionName = "pairwise") -> Defaults:
    """Return the defaults of a solver for a task."""
    if interactions != "pairwise" and solver == "adagrad":
        return OF_INTERACTIONS[task]
    return DEFAULTS[solver, task]
