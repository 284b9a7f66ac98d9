"""Adam's mini-batch over several hosts: the gradient of this host's rows, and the step for those of all.

Kingma and Ba, "Adam: a Method for Stochastic Optimization", ICLR 2015. Lazy: only features of the batch move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.fm.host_parts import Part
from pairloom.fm.measures import Measures
from pairloom.fm.settings import FMSettings
from pairloom.fm.state import TrainingState
from pairloom.kernels.fm import AdamSettings, FmStep

__all__ = ["Gradients", "adam_step", "summed_gradients"]

Rows = npt.NDArray[np.float32]
Features = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Gradients:
    """Gradients of the loss, added up over rows.

    Parameters
    ----------
    rows : ndarray of shape (n_touched, n_factors + 1), float32
        Of each feature's factors and weight.
    bias : float
    measures : Measures
    """

    rows: Rows
    bias: float
    measures: Measures


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Numbers of a table row that move alike: where they and their two moments are, and by what they move."""

    values: slice
    first: slice
    second: slice
    gradients: slice
    rate: float
    decay: float


def summed_gradients(
    parts: Sequence[Part], state: TrainingState, step: FmStep, features: Features
) -> Gradients:
    """Add up the gradients of parts; parameters stay as they are.

    A first moment that forgets everything is the mean gradient of the batch: the kernel's step is taken back and its
    moment kept.
    """
    s, native, table = state.settings, state.native, state.table
    k, memory = s.n_factors, native.k_padded + 1
    moments = slice(memory, memory + 2 * memory)
    before, bias, bias_state = table[features], native.bias, native.bias_state
    bare = _without_penalties(step)
    total, bias_total, measures = np.zeros((len(features), k + 1), np.float32), 0.0, Measures()
    for part in parts:
        rows, forgetful = (
            part.chunk.native(state.label_scale),
            AdamSettings(part.block_rows, 0.0, 0.0, s.epsilon),
        )
        for block in part.blocks:
            start, stop = part.rows_of(int(block))
            table[features, moments] = 0
            native.bias_state = (0.0, 0.0, 0)
            totals = native.train_adam(table, rows, np.array([block], np.int32), forgetful, bare, s.n_threads)
            measures.add(totals, stop - start)
            moved = table[features]
            total[:, :k] += (stop - start) * moved[:, memory + 2 : memory + 2 + k]
            total[:, k] += (stop - start) * moved[:, memory]
            bias_total += (stop - start) * native.bias_state[0]
            table[features], native.bias = before, bias
    native.bias_state = bias_state
    return Gradients(total, bias_total, measures)


def adam_step(
    state: TrainingState, step: FmStep, features: Features, gradients: Rows, bias_gradient: float
) -> None:
    """Take Adam's step for mean gradients, those of the table of shape (n_touched, n_factors + 1)."""
    s, native = state.settings, state.native
    k, weight, memory = s.n_factors, native.k_padded, native.k_padded + 1
    bias_first, bias_second, n_steps = native.bias_state
    n_steps += 1
    correction = float(np.sqrt(1 - s.second_moment**n_steps) / (1 - s.first_moment**n_steps))
    second = memory + 2 + native.k_padded
    groups = (
        Coordinates(slice(0, k), slice(memory + 2, memory + 2 + k), slice(second, second + k), slice(0, k),
                    step.factors_rate * correction, step.factors_decay),
        Coordinates(slice(weight, weight + 1), slice(memory, memory + 1), slice(memory + 1, memory + 2),
                    slice(k, k + 1), step.linear_rate * correction, step.linear_decay),
    )  # fmt: skip
    rows = state.table[features]
    for group in groups:
        _move(rows, gradients, group, s, step.clip)
    state.table[features] = rows
    bias = np.array([[native.bias, bias_first, bias_second]], np.float32)
    group = Coordinates(
        slice(0, 1), slice(1, 2), slice(2, 3), slice(0, 1), step.bias_rate * correction, step.bias_decay
    )
    _move(bias, np.array([[bias_gradient]], np.float32), group, s, step.clip)
    value, bias_first, bias_second = bias[0].tolist()
    native.bias, native.bias_state = value, (bias_first, bias_second, n_steps)


def _move(rows: Rows, gradients: Rows, group: Coordinates, s: FMSettings, clip: float) -> None:
    if group.rate == 0.0:
        return
    gradient = gradients[:, group.gradients]
    if clip > 0:
        gradient = np.clip(gradient, -clip, clip)
    values, first, second = rows[:, group.values], rows[:, group.first], rows[:, group.second]
    gradient = gradient + np.float32(group.decay) * values
    first += np.float32(1 - s.first_moment) * (gradient - first)
    second += np.float32(1 - s.second_moment) * (gradient * gradient - second)
    values -= np.float32(group.rate) * first / (np.sqrt(second) + np.float32(s.epsilon))


def _without_penalties(step: FmStep) -> FmStep:
    """Return a step that moves what `step` moves, by the gradient of the loss alone."""
    bare = FmStep()
    bare.loss, bare.rescale = step.loss, step.rescale
    bare.bias_rate, bare.linear_rate, bare.factors_rate = step.bias_rate, step.linear_rate, step.factors_rate
    return bare
