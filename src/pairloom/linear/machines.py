"""What moves the weights of all candidates at once: mini-batches with Adam, SGD or RMSProp; AdaGrad row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pairloom.kernels.linear import BLOCK_ROWS, LinearLoss, SparseTable, linear_gradient, linear_scores
from pairloom.kernels.native_rows import native_rows
from pairloom.linear.blocks import Block
from pairloom.linear.candidates import Candidate
from pairloom.linear.settings import LinearSettings
from pairloom.rows import RowBatch

__all__ = ["Machine", "MiniBatches", "RowByRow", "make_machine"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
State = dict[str, npt.NDArray[np.generic]]
Tick = Callable[[int, Float64Array], None]
"""Hears of rows that were trained on: how many, and the weighted sums of their losses by model."""
EPSILON = 1e-8
RMS_DECAY = 0.9
ACCUMULATOR = 0.1


class Machine(Protocol):
    """Weights of all candidates, and what moves them."""

    def train_block(self, block: Block, rng: np.random.Generator, tick: Tick) -> None:
        """Step through one block in an order that `rng` draws."""
        ...

    def end_pass(self) -> None:
        """A pass is over."""
        ...

    def grow(self, n_features: int) -> None:
        """Append features of weight zero."""
        ...

    def parameters(self) -> tuple[Float64Array, Float64Array]:
        """Return weights (n_features, n_columns) and bias (n_columns,) as they should be judged."""
        ...

    def state(self) -> State:
        """Return everything that a later `restore` needs to go on bit for bit."""
        ...

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        ...


class MiniBatches:
    """Adam, SGD with momentum or RMSProp on the mean gradient of mini-batches, penalties included.

    On sparse rows only the features of the mini-batch move. On dense rows, the mean of the weights over the
    second half of a pass is what is judged: it is nearer to the optimum than any of them. Polyak and Juditsky,
    "Acceleration of Stochastic Approximation by Averaging", 1992; Kingma and Ba, "Adam", ICLR 2015.

    Parameters
    ----------
    settings : LinearSettings
    candidates : sequence of Candidate
    weights : ndarray of shape (n_features, n_columns)
        Where training begins.
    dense : bool
    n_pass_batches : int
        Mini-batches of a pass, as far as it is known: the schedule's step where none is given.
    """

    def __init__(
        self,
        settings: LinearSettings,
        candidates: Sequence[Candidate],
        weights: Float32Array,
        *,
        dense: bool,
        n_pass_batches: int,
    ) -> None:
        n_features, n_columns = weights.shape
        self.settings, self.dense = settings, dense
        self.parameters_ = np.empty((n_features + 1, n_columns), np.float32)
        self.parameters_[0] = settings.init_bias if settings.use_bias else 0.0
        self.parameters_[1:] = weights
        self.first = np.zeros_like(self.parameters_)
        self.second = np.zeros_like(self.parameters_)
        self.sums = np.zeros_like(self.parameters_) if dense else None
        self.n_summed = 0
        self.n_steps = 0
        self.schedule_step = settings.schedule_step or max(1, n_pass_batches)
        self.average_from = n_pass_batches // 2
        self.in_pass = 0
        by_column = [np.repeat([getattr(c, name) for c in candidates], settings.n_outputs).astype(np.float32)
                     for name in ("rate", "l2", "l1")]  # fmt: skip
        self.rates, self.l2, self.l1 = by_column
        self.has_l2, self.has_l1 = bool(self.l2.any()), bool(self.l1.any())
        self.positive_weights = np.array([c.positive_weight for c in candidates], np.float32)
        self.optimizer = "adam" if settings.optimizer == "auto" else settings.optimizer

    def train_block(self, block: Block, rng: np.random.Generator, tick: Tick) -> None:
        """Step through the mini-batches of a block in an order that `rng` draws."""
        size = self.settings.batch_rows
        for number in rng.permutation(-(-block.n_rows // size)):
            part = block.part(number * size, min(block.n_rows, (number + 1) * size))
            tick(part.n_rows, self._train(part))

    def _train(self, part: Block) -> Float64Array:
        if isinstance(part.features, RowBatch):
            touched, positions = np.unique(part.features.indices, return_inverse=True)
            rows = native_rows(
                RowBatch(part.features.indptr, positions.astype(np.int32), part.features.values, len(touched))
            )
            chosen = np.concatenate([[0], touched + 1])
            current = self.parameters_[chosen].astype(np.float64)
            scores = linear_scores(current[1:], current[0], rows, part.n_rows)
            slopes, losses = self._slopes(scores, part)
            gradient = np.empty(current.shape, np.float32)
            gradient[1:] = linear_gradient(rows, slopes.astype(np.float64), len(touched))
            gradient[0] = slopes.sum(axis=0)
            self._step(gradient, chosen)
            return losses
        scores = part.features @ self.parameters_[1:]
        scores += self.parameters_[0]
        slopes, losses = self._slopes(scores, part)
        gradient = np.empty_like(self.parameters_)
        np.matmul(part.features.T, slopes, out=gradient[1:])
        gradient[0] = slopes.sum(axis=0)
        self._step(gradient, None)
        return losses

    def _slopes(
        self, scores: npt.NDArray[np.floating], part: Block
    ) -> tuple[npt.NDArray[np.floating], Float64Array]:
        losses, slopes = self.settings.loss.losses_and_slopes(scores, part.labels)
        weights = row_weights(part, self.positive_weights)
        if weights is not None:
            losses = losses * weights
            slopes = slopes * (
                weights if weights.shape[1] == 1 else np.repeat(weights, self.settings.n_outputs, axis=1)
            )
        slopes = slopes * np.float32(1 / part.n_rows)
        return slopes, losses.sum(axis=0, dtype=np.float64)

    def _step(self, gradient: Float32Array, chosen: npt.NDArray[np.intp] | None) -> None:
        s = self.settings
        at = slice(None) if chosen is None else chosen
        values, first, second = self.parameters_[at], self.first[at], self.second[at]
        if self.has_l2:
            gradient[1:] += self.l2 * values[1:]
            if s.bias_l2_factor:
                gradient[0] += s.bias_l2_factor * self.l2 * values[0]
        self.n_steps += 1
        falls = (self.n_steps - 1) // self.schedule_step
        rates = self.rates * np.float32(max(s.schedule_factor**falls, 1e-12))
        rates = np.maximum(rates, np.minimum(self.rates, np.float32(s.least_rate)))
        if self.optimizer == "sgd":
            first *= np.float32(s.momentum)
            first += gradient
            moves = first * rates
            sizes = rates
        else:
            decay = s.beta_2 if self.optimizer == "adam" else RMS_DECAY
            second *= np.float32(decay)
            second += np.float32(1 - decay) * np.square(gradient)
            sizes = np.sqrt(second)
            if self.optimizer == "adam":
                first *= np.float32(s.beta_1)
                first += np.float32(1 - s.beta_1) * gradient
                sizes *= np.float32(1 / np.sqrt(max(1 - s.beta_2**self.n_steps, 1e-30)))
                rates = rates * np.float32(1 / max(1 - s.beta_1**self.n_steps, 1e-30))
                gradient = first
            sizes += np.float32(EPSILON)
            np.divide(rates, sizes, out=sizes)
            moves = gradient * sizes
        moves[0] *= np.float32(s.bias_rate_factor if s.use_bias else 0.0)
        values -= moves
        if self.has_l1:
            bias = values[0].copy()
            threshold = sizes * self.l1
            values -= np.clip(values, -threshold, threshold)
            values[0] = bias
        if chosen is not None:
            self.parameters_[at], self.first[at], self.second[at] = values, first, second
        self.in_pass += 1
        if self.sums is not None and self.in_pass > self.average_from:
            self.sums += self.parameters_
            self.n_summed += 1

    def end_pass(self) -> None:
        """Keep the mean over the second half of the pass."""
        self.average_from = self.in_pass // 2
        self.in_pass = 0
        if self.sums is not None and self.n_summed:
            self.averaged = self.sums / np.float32(self.n_summed)
            self.sums[:] = 0
            self.n_summed = 0

    averaged: Float32Array | None = None

    def grow(self, n_features: int) -> None:
        """Append features of weight zero."""
        missing = n_features + 1 - len(self.parameters_)
        if missing <= 0:
            return
        more = np.zeros((missing, self.parameters_.shape[1]), np.float32)
        for name in ("parameters_", "first", "second", "sums", "averaged"):
            array = getattr(self, name)
            if array is not None:
                setattr(self, name, np.concatenate([array, more]))

    def parameters(self) -> tuple[Float64Array, Float64Array]:
        """Return averaged weights and bias; where no half pass was averaged, the latest."""
        judged = self.parameters_ if self.averaged is None else self.averaged
        if self.n_summed and self.sums is not None:
            judged = self.sums / np.float32(self.n_summed)
        values = judged.astype(np.float64)
        if not self.dense:
            values[1:][~self.second[1:].any(axis=1) & ~self.first[1:].any(axis=1)] = 0.0
        return values[1:], values[0]

    def state(self) -> State:
        """Return the state between two passes."""
        state: State = {
            "parameters": self.parameters_, "first": self.first, "second": self.second,
            "counts": np.array([self.n_steps, self.average_from], np.int64),
        }  # fmt: skip
        if self.averaged is not None:
            state["averaged"] = self.averaged
        return state

    def restore(self, state: State) -> None:
        """Go on from a state."""
        self.parameters_, self.first, self.second = (
            np.array(state[name], np.float32) for name in ("parameters", "first", "second")
        )
        self.n_steps, self.average_from = (int(number) for number in state["counts"])
        if "averaged" in state:
            self.averaged = np.array(state["averaged"], np.float32)
        if self.sums is not None:
            self.sums = np.zeros_like(self.parameters_)


class RowByRow:
    """A step of AdaGrad after every row, for sparse rows: a feature's steps shrink with its own gradients."""

    def __init__(
        self, settings: LinearSettings, candidates: Sequence[Candidate], weights: Float32Array
    ) -> None:
        self.settings, self.candidates = settings, candidates
        self.loss = LinearLoss[settings.loss.name.upper()]
        rates, l2, l1, positive = (
            np.repeat([getattr(c, name) for c in candidates], settings.n_outputs)
            for name in ("rate", "l2", "l1", "positive_weight")
        )
        bias_rates = rates * (settings.bias_rate_factor if settings.use_bias else 0.0)
        columns = np.stack([rates, l2, l1, bias_rates, l2 * settings.bias_l2_factor, positive])
        bias = np.full(weights.shape[1], settings.init_bias if settings.use_bias else 0.0)
        self.table = SparseTable(weights, bias, settings.n_outputs, columns, ACCUMULATOR)

    def train_block(self, block: Block, rng: np.random.Generator, tick: Tick) -> None:
        """Step through the rows of a block in stretches of 512, in an order that `rng` draws."""
        order = rng.permutation(-(-block.n_rows // BLOCK_ROWS)).astype(np.int32)
        losses = self.table.train(
            block.native(), block.n_rows, order, self.loss, self.settings.loss.parameter,
            n_threads=self.settings.n_threads,
        )  # fmt: skip
        tick(block.n_rows, losses)

    def end_pass(self) -> None:
        """Nothing is left to do."""

    def grow(self, n_features: int) -> None:
        """Append features of weight zero."""
        self.table.grow(n_features)

    def parameters(self) -> tuple[Float64Array, Float64Array]:
        """Return weights and bias."""
        return self.table.weights(), self.table.bias[: self.table.n_columns].astype(np.float64)

    def state(self) -> State:
        """Return the table, the bias and the clock."""
        return {"table": self.table.table, "bias": self.table.bias, "clock": np.array([self.table.clock])}

    def restore(self, state: State) -> None:
        """Go on from a state."""
        self.table.grow(len(state["table"]))
        self.table.table[:] = state["table"]
        self.table.bias[:] = state["bias"]
        self.table.clock = float(np.asarray(state["clock"])[0])


def row_weights(part: Block, positive_weights: Float32Array) -> Float32Array | None:
    """Return what rows weigh, of shape (n_rows, 1) or (n_rows, n_models); None where all weigh one."""
    weights = None if part.weights is None else part.weights[:, None]
    if (positive_weights == 1).all():
        return weights
    of_class = np.where(part.labels[:, None] > 0.5, positive_weights, np.float32(1))
    return of_class if weights is None else of_class * weights


def make_machine(
    settings: LinearSettings,
    candidates: Sequence[Candidate],
    weights: Float32Array,
    *,
    dense: bool,
    n_pass_batches: int,
) -> Machine:
    """Return what trains rows of this kind."""
    if not dense and settings.optimizer == "auto":
        return RowByRow(settings, candidates, weights)
    return MiniBatches(settings, candidates, weights, dense=dense, n_pass_batches=n_pass_batches)
