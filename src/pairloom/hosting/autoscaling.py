"""How many workers a load wants: target tracking, as a pure function of what was measured.

The load is counted per worker in periods of equal length. It must be above the target in each of the last few periods
before workers are added, and below nine tenths of it for longer before any is taken away, so that a burst or a pause
changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Bounds", "TargetTracking", "wanted_workers"]

SLACK = 0.9
"""Part of the target below which the load must be for workers to be taken away."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many workers there may be."""

    minimum: int
    maximum: int

    def within(self, n_workers: int) -> int:
        """Return the nearest number that is allowed."""
        return max(self.minimum, min(self.maximum, n_workers))


@dataclass(frozen=True, slots=True)
class TargetTracking:
    """A load that each worker should have.

    Parameters
    ----------
    target : float
        Requests a minute and worker.
    out_cooldown_s, in_cooldown_s : float
        Seconds after workers were added, or taken away, in which none are again.
    disable_scale_in : bool
        Whether workers are only ever added.
    n_out, n_in : int
        Periods in a row that must call for more, or fewer, workers.
    """

    target: float
    out_cooldown_s: float = 300.0
    in_cooldown_s: float = 300.0
    disable_scale_in: bool = False
    n_out: int = 3
    n_in: int = 15


def wanted_workers(
    n_workers: int,
    bounds: Bounds,
    policies: Sequence[TargetTracking],
    loads: Sequence[float],
    *,
    since_out_s: float = math.inf,
    since_in_s: float = math.inf,
) -> int:
    """Decide how many workers there should be.

    Parameters
    ----------
    n_workers : int
        How many there are.
    bounds : Bounds
    policies : sequence of TargetTracking
        The one that wants most decides; without any, only the bounds count.
    loads : sequence of float
        Requests a minute and worker in each period, the latest last.
    since_out_s, since_in_s : float
        Seconds since workers were last added, and last taken away.

    Examples
    --------
    >>> wanted_workers(2, Bounds(1, 8), [TargetTracking(100)], [250, 250, 250])
    5
    """
    if not policies or not bounds.minimum <= n_workers <= bounds.maximum:
        return bounds.within(n_workers)
    return bounds.within(
        max(_wanted(n_workers, policy, loads, since_out_s, since_in_s) for policy in policies)
    )


def _wanted(
    n_workers: int, policy: TargetTracking, loads: Sequence[float], since_out_s: float, since_in_s: float
) -> int:
    latest = loads[-policy.n_out :]
    if len(latest) == policy.n_out and min(latest) > policy.target:
        if since_out_s < policy.out_cooldown_s:
            return n_workers
        return max(n_workers + 1, _workers_for(n_workers, latest, policy.target))
    latest = loads[-policy.n_in :]
    may_shrink = not policy.disable_scale_in and min(since_in_s, since_out_s) >= policy.in_cooldown_s
    if may_shrink and len(latest) == policy.n_in and max(latest) < SLACK * policy.target:
        return min(n_workers - 1, _workers_for(n_workers, latest, policy.target))
    return n_workers


def _workers_for(n_workers: int, loads: Sequence[float], target: float) -> int:
    return math.ceil(n_workers * sum(loads) / len(loads) / target - 1e-9)
