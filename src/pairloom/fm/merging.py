"""One table out of those of several hosts that trained apart for a while, by what each solver remembers.

Changes of hosts that touched a feature rarely add up: they would have in one training too. A feature that each host
met often has gone most of the way to where its own rows pull it, and the ways are averaged. In between, where each step
closes a share *a* of the distance, n steps close ``1 - (1 - a)^n``: a host's change is divided by what its own visits
close, averaged by visits, and multiplied by what the visits of all would have closed. A change that one host alone
made stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.fm.settings import FMSettings
from pairloom.kernels.fm import FmStep

__all__ = ["Curvature", "Merging", "bias_merging", "table_merging"]

Rows = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]
SMALLEST_SHARE, LARGEST_SHARE = 1e-6, 0.99


@dataclass(frozen=True, slots=True)
class Curvature:
    """How strongly one row pulls a parameter towards its optimum: second derivatives of the loss, on average."""

    bias: float
    weights: float
    factors: float


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that move alike.

    Parameters
    ----------
    columns : slice
        Their places in a row.
    rate : float
    pull : float
        Curvature and penalty: a step of size 1 closes so much of the distance.
    """

    columns: slice
    rate: float
    pull: float

    def share(self, rows: Rows) -> Any:
        """Return the share of the distance that one step closes, to broadcast over rows."""
        return self.rate * self.pull

    def change(self, before: Rows, after: Rows) -> Floats:
        """Return what adds up over hosts."""
        return after[:, self.columns] - before[:, self.columns]

    def apply(self, before: Rows, after: Rows, change: Floats) -> None:
        """Make the sum of changes to `after`, whose memory columns are merged already."""
        after[:, self.columns] = before[:, self.columns] + change


@dataclass(frozen=True, slots=True)
class AdaGradGroup(Group):
    """Steps divided by the root of a sum of squares."""

    memory: int

    def share(self, rows: Rows) -> Any:
        """Return the share that a step closes, of shape (n_rows, 1)."""
        return self.rate * self.pull / np.sqrt(rows[:, self.memory, None])


@dataclass(frozen=True, slots=True)
class FtrlGroup(Group):
    """FTRL-proximal: gradients add up, and the values follow from their sum."""

    duals: slice
    squares: slice
    decay: float
    l1: float
    beta: float

    def share(self, rows: Rows) -> Any:
        """Return the share that a step closes, of shape (n_rows, 1)."""
        return (
            self.rate * self.pull / (self.beta + np.sqrt(rows[:, self.squares].mean(axis=1, keepdims=True)))
        )

    def change(self, before: Rows, after: Rows) -> Floats:
        """Return the sum of gradients, as if all had been taken where the host began."""
        return (
            after[:, self.duals]
            - before[:, self.duals]
            + self._grown(before, after) * before[:, self.columns]
        )

    def apply(self, before: Rows, after: Rows, change: Floats) -> None:
        """Make duals and values of a sum of gradients."""
        duals = before[:, self.duals] + change - self._grown(before, after) * before[:, self.columns]
        shrunk = duals - np.clip(duals, -self.l1, self.l1)
        after[:, self.duals] = duals
        after[:, self.columns] = -shrunk / (
            (self.beta + np.sqrt(after[:, self.squares])) / self.rate + self.decay
        )

    def _grown(self, before: Rows, after: Rows) -> Floats:
        return (np.sqrt(after[:, self.squares]) - np.sqrt(before[:, self.squares])) / np.float32(self.rate)


@dataclass(frozen=True, slots=True)
class Merging:
    """How rows of a table merge.

    Parameters
    ----------
    groups : tuple of Group
    memory : tuple of slices
        Sums of squares: what hosts added to them adds up.
    gate : (int, slice), optional
        Where the first column is zero, so are the others: factors without a linear weight, with L1 on both.
    """

    groups: tuple[Group, ...]
    memory: tuple[slice, ...] = ()
    gate: tuple[int, slice] | None = None

    def push(self, before: Rows, after: Rows, visits: Rows) -> Rows:
        """Return what this host adds, of shape (n_rows, width): changes, memory, visits.

        Parameters
        ----------
        before, after : ndarrays of shape (n_rows, stride), float32
            Rows as they were when training apart began, and as they are.
        visits : ndarray of shape (n_rows, 1), float32
            How often each was moved.
        """
        changes = [g.change(before, after) * _spread(g.share(after), visits) for g in self.groups]
        grown = [after[:, columns] - before[:, columns] for columns in self.memory]
        return np.concatenate([*changes, *grown, visits], axis=1, dtype=np.float32)

    def pull(self, before: Rows, sums: Rows) -> Rows:
        """Return merged rows of the sums over hosts of what `push` returned."""
        after, visits, place = before.copy(), sums[:, -1:], 0
        changes: list[Rows] = []
        for group in self.groups:
            width = group.columns.stop - group.columns.start
            changes.append(sums[:, place : place + width])
            place += width
        for columns in self.memory:
            width = columns.stop - columns.start
            after[:, columns] += sums[:, place : place + width]
            place += width
        for group, change in zip(self.groups, changes, strict=True):
            group.apply(before, after, (change / _spread(group.share(after), visits)).astype(np.float32))
        if self.gate is not None:
            weight, factors = self.gate
            after[after[:, weight] == 0, factors] = 0
        return after


def table_merging(settings: FMSettings, step: FmStep, k_padded: int, curvature: Curvature) -> Merging:
    """Return how rows of the table merge."""
    k, weight = settings.n_factors, k_padded
    rates = step.linear_rate, step.factors_rate
    pulls = curvature.weights + step.linear_decay, curvature.factors + step.factors_decay
    places = slice(weight, weight + 1), slice(0, k)
    both = [(place, rate, pull) for place, rate, pull in zip(places, rates, pulls, strict=True) if rate]
    if settings.solver == "sgd":
        return Merging(tuple(Group(*group) for group in both))
    if settings.solver == "adagrad":
        memory = weight + 1
        return Merging(tuple(AdaGradGroup(*group, memory) for group in both), (slice(memory, memory + 1),))
    states = (
        (slice(weight + 1, weight + 2), slice(weight + 2, weight + 3), step.linear_decay, step.linear_l1),
        (slice(weight + 3, weight + 3 + k), slice(weight + 3 + k_padded, weight + 3 + k_padded + k),
         step.factors_decay, step.factors_l1),
    )  # fmt: skip
    kept = [state for state, rate in zip(states, rates, strict=True) if rate]
    return Merging(
        tuple(FtrlGroup(*group, *state, step.ftrl_beta) for group, state in zip(both, kept, strict=True)),
        tuple(state[1] for state in kept),
        (weight, slice(0, k)) if all(rates) and step.linear_l1 > 0 and step.factors_l1 > 0 else None,
    )


def bias_merging(settings: FMSettings, step: FmStep, curvature: Curvature) -> Merging:
    """Return how the bias merges, as a row of its value and its two numbers of state."""
    if not step.bias_rate:
        return Merging(())
    group = (slice(0, 1), step.bias_rate, curvature.bias + step.bias_decay)
    if settings.solver == "sgd":
        return Merging((Group(*group),))
    if settings.solver == "adagrad":
        return Merging((AdaGradGroup(*group, 1),), (slice(1, 2),))
    ftrl = FtrlGroup(*group, slice(1, 2), slice(2, 3), step.bias_decay, 0.0, step.ftrl_beta)
    return Merging((ftrl,), (slice(2, 3),))


def _spread(share: Any, visits: Rows) -> Floats:
    """Return visits times share over what so many visits close: 1 for few small steps, and never less."""
    share = np.clip(share, SMALLEST_SHARE, LARGEST_SHARE)
    return share * visits / -np.expm1(visits * np.log1p(-share))
