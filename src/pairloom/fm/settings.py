"""Everything that decides how a factorization machine is trained, as plain numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pairloom.errors import UserError

__all__ = ["FMSettings", "InitMethod", "InteractionName", "RateSchedule", "SolverName", "Task"]

Task = Literal["regression", "classification"]
SolverName = Literal["sgd", "adagrad", "adam", "ftrl", "als", "mcmc"]
RateSchedule = Literal["constant", "linear", "inverse"]
InitMethod = Literal["normal", "uniform", "constant"]
InteractionName = Literal["pairwise", "field-aware", "field-weighted", "order-3", "order-4"]
FLOATS = (
    "bias_rate", "linear_rate", "factors_rate", "bias_decay", "linear_decay", "factors_decay", "linear_l1",
    "factors_l1", "bias_init", "linear_scale", "factors_scale", "accumulator", "final_rate", "first_moment",
    "second_moment", "epsilon", "clip", "rescale", "tolerance",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FMSettings:
    """Settings of one training run.

    Parameters
    ----------
    task : {"regression", "classification"}
        Squared loss on numbers, or logistic loss on labels 0 and 1.
    n_factors : int
    solver : {"sgd", "adagrad", "adam", "ftrl", "als", "mcmc"}
        The last two sweep over the columns of data in memory.
    epochs : int
    bias_rate, linear_rate, factors_rate : float
        Step sizes; for labels of unit variance where `scale_labels` is on.
    bias_decay, linear_decay, factors_decay : float
        L2 penalties, paid by a parameter each time a row touches it; of "ftrl" and "als" once for the whole training.
    linear_l1, factors_l1 : float
        L1 penalties (ftrl).
    bias_init : float
        Where the bias begins, on top of the labels' centre.
    linear_init, factors_init : {"normal", "uniform", "constant"}
    linear_scale, factors_scale : float
        Standard deviation, half-width or value.
    accumulator : float
        What AdaGrad's sums of squared gradients begin with.
    schedule : {"constant", "linear", "inverse"}
        How step sizes fall from epoch to epoch.
    final_rate : float
        Fraction of the step sizes that "linear" ends at.
    batch_rows, first_moment, second_moment, epsilon
        Adam's mini-batch, decay rates and guard.
    clip : float
        Largest absolute value of a gradient; 0 does not clip.
    rescale : float
        Multiplies every gradient of the loss.
    center_labels, scale_labels, scale_features : bool
        Train on labels less their mean (log-odds of the mean for a classifier), over their standard
        deviation, and on features over their largest absolute value where that exceeds four. The model gets
        it all folded back in.
    patience : int, optional
        Epochs without a better validation loss before training stops; the best parameters are kept.
    tolerance : float
        How much lower a loss must be to count as better, relative to the best.
    shuffle : bool
    random_state : int
    n_threads : int
    deterministic : bool
    memory_limit_bytes : int
        Training data larger than this is read again in every epoch instead of being kept.
    exchanges : int
        How often in an epoch several hosts merge what they learned; with Adam they do after every mini-batch.
    burn_in : int, optional
        First epochs of "mcmc" of which no sample is kept; None takes a tenth, but 20 where there are so many.
    n_samples : int
        Samples of "mcmc" that are kept, evenly spaced.
    likelihood : {"normal", "ordinal"}
        How labels of a regressor follow from scores, for "mcmc": normal around them, or as levels of a hidden number.
    n_chains : int
        Chains of "mcmc", over which `n_samples` are split.
    interactions : {"pairwise", "field-aware", "field-weighted", "order-3", "order-4"}
        How features interact; see `pairloom.fm.interactions.described.Interactions`.
    normalize_rows : bool
        Scale every row to unit length; not of "pairwise".
    """

    task: Task = "regression"
    n_factors: int = 16
    solver: SolverName = "adagrad"
    epochs: int = 10
    bias_rate: float = 0.01
    linear_rate: float = 0.1
    factors_rate: float = 0.1
    bias_decay: float = 0.0
    linear_decay: float = 0.0
    factors_decay: float = 0.0
    linear_l1: float = 0.0
    factors_l1: float = 0.0
    bias_init: float = 0.0
    linear_init: InitMethod = "constant"
    linear_scale: float = 0.0
    factors_init: InitMethod = "normal"
    factors_scale: float = 0.05
    accumulator: float = 1.0
    schedule: RateSchedule = "constant"
    final_rate: float = 0.02
    batch_rows: int = 1000
    first_moment: float = 0.9
    second_moment: float = 0.999
    epsilon: float = 1e-8
    clip: float = 0.0
    rescale: float = 1.0
    center_labels: bool = True
    scale_labels: bool = True
    scale_features: bool = True
    patience: int | None = None
    tolerance: float = 1e-5
    shuffle: bool = True
    random_state: int = 0
    n_threads: int = 1
    deterministic: bool = False
    memory_limit_bytes: int = 4 << 30
    exchanges: int = 32
    burn_in: int | None = None
    n_samples: int = 128
    likelihood: Literal["normal", "ordinal"] = "normal"
    n_chains: int = 1
    interactions: InteractionName = "pairwise"
    normalize_rows: bool = False

    def __post_init__(self) -> None:
        for name in ("n_factors", "epochs", "batch_rows", "n_threads", "exchanges", "n_samples", "n_chains"):
            if getattr(self, name) < 1:
                raise UserError(f"FMSettings: '{name}' must be 1 or more. Got {getattr(self, name)}.")
        for name in FLOATS:
            if not math.isfinite(getattr(self, name)):
                raise UserError(f"FMSettings: '{name}' must be a finite number. Got {getattr(self, name)}.")
        if self.interactions != "pairwise" and self.solver not in ("sgd", "adagrad"):
            raise UserError(
                f"FMSettings: 'solver' must be 'adagrad' or 'sgd' with interactions '{self.interactions}'. Got "
                f"'{self.solver}'."
            )
        if self.normalize_rows and self.interactions == "pairwise":
            raise UserError("FMSettings: 'normalize_rows' needs other interactions than 'pairwise'.")
        if self.n_factors > 65536:
            raise UserError(f"FMSettings: 'n_factors' must be at most 65536. Got {self.n_factors}.")

    def rate_factor(self, epoch: int) -> float:
        """Return what the step sizes are multiplied with in an epoch, counted from 0."""
        if self.schedule == "linear":
            return 1.0 - (1.0 - self.final_rate) * epoch / max(1, self.epochs)
        return 1.0 / (1.0 + epoch) if self.schedule == "inverse" else 1.0
