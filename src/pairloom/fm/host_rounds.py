"""What happens between two exchanges of several hosts, by solver: train apart and merge, or sum one gradient.

Li et al., "Scaling Distributed Machine Learning with the Parameter Server", OSDI 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pairloom.collective import Collective
from pairloom.fm.host_parts import Part
from pairloom.fm.measures import Measures
from pairloom.fm.merging import Curvature, bias_merging, table_merging
from pairloom.fm.state import TrainingState
from pairloom.fm.summed_adam import adam_step, summed_gradients
from pairloom.kernels import _native
from pairloom.kernels.fm import FmStep

__all__ = ["AdamRound", "MergingRound", "Outcome", "Round"]

Rows = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]
QUIET = np.errstate(over="ignore", invalid="ignore", divide="ignore")
"""A training that diverges is found out by its loss."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round came to, the same on all hosts.

    Parameters
    ----------
    n_active : int
        Hosts that had rows left; 0 ends the epoch.
    stops : bool
        Whether any host asks to stop.
    sums : ndarray of shape (8,), float64
        See `Measures`.
    """

    n_active: int
    stops: bool
    sums: Numbers


class Round(Protocol):
    """One exchange; every host takes part, with rows or without."""

    def __call__(self, parts: Sequence[Part] | None, *, stops: bool) -> Outcome:
        """Train on parts and exchange what came of it; None when this host has no rows left."""
        ...


class MergingRound:
    """Each host trains apart on its parts; then all merge what they changed.

    Parameters
    ----------
    collective : Collective
    state : TrainingState
    step : FmStep
        Of the epoch.
    curvature : Curvature
    """

    def __init__(
        self, collective: Collective, state: TrainingState, step: FmStep, curvature: Curvature
    ) -> None:
        self.collective, self.state, self.step = collective, state, step
        self.table_rule = table_merging(state.settings, step, state.native.k_padded, curvature)
        self.bias_rule = bias_merging(state.settings, step, curvature)
        self.touched = TouchedFeatures()

    @QUIET
    def __call__(self, parts: Sequence[Part] | None, *, stops: bool) -> Outcome:
        """Train on parts, and merge."""
        state = self.state
        features, visits = self.touched.of(parts or (), len(state.table))
        before, bias_before = state.table[features], _bias_row(state)
        measures = self._train(parts or ())
        pushed = self.table_rule.push(before, state.table[features], visits)
        # A host without rows has not moved; visits of 0 would make 0 / 0.
        bias_visits = np.full((1, 1), max(measures.n_rows, 1e-6), np.float32)
        bias_pushed = self.bias_rule.push(bias_before, _bias_row(state), bias_visits)[0]
        outcome, bias_sums = _tell(
            self.collective, state, measures.sums, bias_pushed, active=parts is not None, stops=stops
        )
        if outcome.n_active:
            union, summed = self.collective.sum_rows(features, pushed)
            state.table[features] = before
            state.table[union] = self.table_rule.pull(state.table[union], summed)
            merged = self.bias_rule.pull(bias_before, bias_sums[None].astype(np.float32))[0]
            value, first, second = merged.tolist()
            state.native.bias, state.native.bias_state = value, (first, second, state.native.bias_state[2])
        return outcome

    def _train(self, parts: Sequence[Part]) -> Measures:
        state, s, measures = self.state, self.state.settings, Measures()
        for part in parts:
            rows = part.chunk.native(state.label_scale)
            totals = state.native.train(
                state.table, rows, part.blocks, part.block_rows, 0, 0, self.step,
                1 if s.deterministic else s.n_threads,
            )  # fmt: skip
            measures.add(totals, part.n_rows)
        return measures


class AdamRound:
    """The rows of all hosts make one mini-batch: gradients add up, and every host takes the same step.

    Parameters
    ----------
    collective : Collective
    state : TrainingState
    step : FmStep
        Of the epoch.
    """

    def __init__(self, collective: Collective, state: TrainingState, step: FmStep) -> None:
        self.collective, self.state, self.step = collective, state, step
        self.touched = TouchedFeatures()

    @QUIET
    def __call__(self, parts: Sequence[Part] | None, *, stops: bool) -> Outcome:
        """Sum the gradients of parts over hosts, and take the step."""
        state = self.state
        features, _ = self.touched.of(parts or (), len(state.table))
        own = summed_gradients(parts or (), state, self.step, features)
        outcome, bias_sums = _tell(
            self.collective,
            state,
            own.measures.sums,
            np.array([own.bias]),
            active=parts is not None,
            stops=stops,
        )
        if outcome.n_active:
            union, gradients = self.collective.sum_rows(features, own.rows)
            n_rows = int(outcome.sums[7])
            if n_rows:
                mean = np.divide(gradients, n_rows, dtype=np.float32)
                adam_step(state, self.step, union, mean, float(bias_sums[0]) / n_rows)
        return outcome


class TouchedFeatures:
    """Counts the features of parts, in memory that is kept from one round to the next."""

    def __init__(self) -> None:
        self._counts: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def of(self, parts: Sequence[Part], n_features: int) -> tuple[npt.NDArray[np.int64], Rows]:
        """Return the features that occur, ascending, and how often each does, of shape (n, 1)."""
        if len(self._counts) < n_features:
            self._counts = np.zeros(n_features, np.int64)
        for part in parts:
            for indices in part.indices():
                _native.count_features(indices, self._counts)
        features = np.flatnonzero(self._counts)
        visits = self._counts[features, None].astype(np.float32)
        self._counts[features] = 0
        return features, visits


def _tell(
    collective: Collective, state: TrainingState, measured: Numbers, more: npt.NDArray[np.floating], *, active: bool,
    stops: bool,
) -> tuple[Outcome, Numbers]:  # fmt: skip
    """Add up what was measured, and further numbers; widen the table and the range of labels to what any host met."""
    own = np.concatenate(
        [[active, stops, len(state.table), *state.label_range], measured, more], dtype=np.float64
    )
    told = np.stack(collective.allgather(own))
    state.grow(int(told[:, 2].max()))
    state.widen_label_range(float(told[:, 3].min()), float(told[:, 4].max()))
    sums = told[0, 5:].copy()
    for row in told[1:, 5:]:  # in the order of ranks: numpy's own sum may take another
        sums += row
    n_measured = len(measured)
    return Outcome(int(told[:, 0].sum()), bool(told[:, 1].any()), sums[:n_measured]), sums[n_measured:]


def _bias_row(state: TrainingState) -> Rows:
    first, second, _ = state.native.bias_state
    return np.array([[state.native.bias, first, second]], np.float32)
