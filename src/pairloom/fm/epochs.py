"""What training tells while it runs, and where in its epochs it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["BatchReport", "Best", "EpochReport", "OnBatch", "OnEpoch", "Position"]


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What one epoch came to.

    Parameters
    ----------
    epoch : int
        Counted from 0.
    train_loss : float
        Mean squared error, or log loss, of each row before it was learned from.
    validation_loss : float or None
        The same of the validation rows after the epoch.
    n_rows : int
    seconds : float
        Time of the epoch's training, without validation.
    is_best : bool
        Whether no earlier epoch had a lower validation loss.
    metrics : mapping of str to float
        Every metric of the training rows by name, each row measured before it was learned from.
    """

    epoch: int
    train_loss: float
    validation_loss: float | None
    n_rows: int
    seconds: float
    is_best: bool
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What the rows of the epoch so far came to.

    Parameters
    ----------
    epoch, batch : int
        Mini-batch that was trained last, counted from 0; of solvers without any, rows over their size.
    metrics : mapping of str to float
    """

    epoch: int
    batch: int
    metrics: Mapping[str, float]


OnEpoch = Callable[[EpochReport], object]
OnBatch = Callable[[BatchReport], object]


@dataclass(slots=True)
class Best:
    """The parameters with the lowest validation loss so far, in training order."""

    loss: float = np.inf
    epoch: int = -1
    table: npt.NDArray[np.float32] | None = None
    bias: float = 0.0
    pair_weights: npt.NDArray[np.float32] | None = None

    def is_beaten_by(self, loss: float | None, tolerance: float) -> bool:
        """Whether a validation loss is lower by more than the tolerance, relative to the best."""
        return loss is not None and loss < self.loss * (1 - tolerance)

    def waited(self, epoch: int, patience: int | None) -> bool:
        """Whether so many epochs have gone by without a better loss that training stops."""
        return patience is not None and epoch - self.epoch >= patience


@dataclass(slots=True)
class Position:
    """Where a training is between two epochs.

    Parameters
    ----------
    rng : Generator
        Decides the order of rows.
    epoch : int
        The next one.
    best : Best
    """

    rng: np.random.Generator
    epoch: int = 0
    best: Best = field(default_factory=Best)
