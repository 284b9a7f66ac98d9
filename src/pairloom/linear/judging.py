"""How good a candidate is: its loss on the rows that judge, and the criterion that chooses among several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.collective import Collective
from pairloom.linear.blocks import Block
from pairloom.linear.candidates import Candidate
from pairloom.linear.machines import row_weights
from pairloom.linear.objective import block_scores
from pairloom.linear.selection import calibrated_threshold
from pairloom.linear.settings import LinearSettings

__all__ = ["Judge", "Rival"]

Float64Array = npt.NDArray[np.float64]
Rival = tuple[int, Float64Array, Float64Array]
"""Number of a candidate, weights and bias."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Rows that judge, and by what.

    Parameters
    ----------
    settings : LinearSettings
    collective : Collective
    blocks : sequence of Block
        Scaled as in training.
    candidates : sequence of Candidate
        Where the rows are those of training, penalties count too.
    positive_weight : float
        Of rows with label 1.
    is_validation : bool
        Whether the rows are of a channel of their own.
    """

    settings: LinearSettings
    collective: Collective
    blocks: Sequence[Block]
    candidates: Sequence[Candidate]
    positive_weight: float
    is_validation: bool

    def losses(self, weights: Float64Array, bias: Float64Array) -> Float64Array:
        """Mean losses of all candidates on the rows that judge, in the units of training."""
        n_models = len(bias) // self.settings.n_outputs
        total, weight = np.zeros(n_models), 0.0
        own = np.array([self.positive_weight], np.float32)
        for block in self.blocks:
            losses = self.settings.loss.losses(block_scores(block, weights, bias), block.labels)
            amounts = row_weights(block, own)
            total += losses.sum(axis=0) if amounts is None else (losses * amounts).sum(axis=0)
            weight += block.n_rows if amounts is None else float(amounts.sum())
        sums = self.collective.allreduce(np.concatenate([total, [weight]]))
        return sums[:-1] / max(float(sums[-1]), 1e-30)

    def badness(self, rival: Rival) -> tuple[float, ...]:
        """What the criterion sorts by, least first; the loss decides among equals."""
        candidate, weights, bias = rival
        loss = self.losses(weights, bias)[0]
        if not self.is_validation:
            loss = loss + self.penalties(weights, candidate)[0]
        loss = float(np.nan_to_num(loss, nan=np.inf))
        if self.settings.task != "binary" or self.settings.criterion == "loss_function":
            return (loss,)
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            return (np.inf, np.inf)
        return (*(-key for key in self.threshold(weights, bias)[1]), loss)

    def penalties(self, weights: Float64Array, candidate: int | None = None) -> Float64Array:
        """Return the penalties of one candidate's weights, or of all side by side."""
        chosen = self.candidates if candidate is None else (self.candidates[candidate],)
        l1, l2 = (np.array([getattr(c, name) for c in chosen]) for name in ("l1", "l2"))
        k = self.settings.n_outputs
        sizes = np.abs(weights).sum(axis=0).reshape(-1, k).sum(axis=1) if l1.any() else 0.0
        squares = np.square(weights).sum(axis=0).reshape(-1, k).sum(axis=1) if l2.any() else 0.0
        return l1 * sizes + l2 / 2 * squares

    def threshold(self, weights: Float64Array, bias: Float64Array) -> tuple[float, tuple[float, ...]]:
        """Return the threshold of raw scores that suits the criterion best, and how good that is."""
        scores = np.concatenate([block_scores(block, weights, bias)[:, 0] for block in self.blocks])
        labels = np.concatenate([block.labels for block in self.blocks])
        amounts = None
        if any(block.weights is not None for block in self.blocks):
            amounts = np.concatenate(
                [
                    np.ones(b.n_rows) if b.weights is None else b.weights.astype(np.float64)
                    for b in self.blocks
                ]
            )
        if self.collective.size > 1 and not self.is_validation:
            scores, labels = (np.concatenate(self.collective.allgather(part)) for part in (scores, labels))
            if amounts is not None:
                amounts = np.concatenate(self.collective.allgather(amounts))
        limit = self.settings.n_calibration_rows
        if limit is not None:
            scores, labels = scores[:limit], labels[:limit]
            amounts = None if amounts is None else amounts[:limit]
        choice = calibrated_threshold(scores, labels, amounts, self.settings)
        return choice.threshold, choice.goodness
