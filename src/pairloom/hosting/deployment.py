"""The variants of an endpoint, running: traffic among them, their workers, and what they count."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from pairloom.errors import UserError
from pairloom.hosting.pool import WorkerPool
from pairloom.hosting.traffic import Traffic

__all__ = ["Deployment", "Tally", "Variant"]

N_PERIODS = 60


@dataclass(slots=True)
class Statistics:
    """Sum, number and extremes of measured values."""

    count: int = 0
    total: float = 0.0
    smallest: float = float("inf")
    largest: float = float("-inf")

    def add(self, value: float) -> None:
        """Add a value."""
        self.count += 1
        self.total += value
        self.smallest, self.largest = min(self.smallest, value), max(self.largest, value)


@dataclass(slots=True)
class Tally:
    """What a variant did since the tally was last taken.

    Parameters
    ----------
    n_4xx, n_5xx : int
        Requests that the model refused, and that failed.
    model_latency, overhead_latency : Statistics
        In microseconds: the worker's time, and the rest.
    """

    n_4xx: int = 0
    n_5xx: int = 0
    model_latency: Statistics = field(default_factory=Statistics)
    overhead_latency: Statistics = field(default_factory=Statistics)

    @property
    def n_invocations(self) -> int:
        """Requests."""
        return self.overhead_latency.count


class Variant:
    """One variant.

    Parameters
    ----------
    name : str
    pool : WorkerPool
    n_instances : int
        Workers that were asked for; the pool may have fewer, as there are only so many cores.

    Attributes
    ----------
    tally : Tally
    periods : deque of int
        Requests in each of the last periods that were closed, the latest last.
    """

    def __init__(self, name: str, pool: WorkerPool, n_instances: int = 1) -> None:
        self.name, self.pool, self.n_instances, self.tally = name, pool, n_instances, Tally()
        self.periods: deque[int] = deque(maxlen=N_PERIODS)
        self._n_in_period = 0

    def count(self, status: int, began: float, model_s: float) -> None:
        """Count a request; `began` as of `time.perf_counter`, status 0 for one that got no answer."""
        tally = self.tally
        self._n_in_period += 1
        tally.n_4xx += 400 <= status < 500
        tally.n_5xx += status >= 500 or status == 0
        tally.overhead_latency.add((perf_counter() - began - model_s) * 1e6)
        if status:
            tally.model_latency.add(model_s * 1e6)

    def take_tally(self) -> Tally:
        """Return what was counted, and begin anew."""
        taken, self.tally = self.tally, Tally()
        return taken

    def close_period(self) -> None:
        """Begin a new period for the load that autoscaling looks at."""
        self.periods.append(self._n_in_period)
        self._n_in_period = 0


class Deployment:
    """Variants that share the requests of an endpoint.

    Parameters
    ----------
    variants : sequence of Variant
    weights : mapping of str to float
    chance : random.Random
    """

    def __init__(
        self, variants: Sequence[Variant], weights: Mapping[str, float], chance: random.Random
    ) -> None:
        self.variants = {variant.name: variant for variant in variants}
        self._chance = chance
        self.traffic = Traffic(weights, chance)

    async def start(self) -> None:
        """Return when all variants answer; if one cannot, all are ended and its error is raised.

        Raises
        ------
        WorkerError
        """
        starting = [asyncio.create_task(variant.pool.start()) for variant in self.variants.values()]
        try:
            await asyncio.gather(*starting)
        except BaseException:
            for task in starting:
                task.cancel()
            await asyncio.gather(*starting, return_exceptions=True)
            await self.close(drain_s=0)
            raise

    def weigh(self, weights: Mapping[str, float]) -> None:
        """Divide requests by other weights from now on; errors as of `pairloom.hosting.traffic.Traffic`."""
        self.traffic = Traffic(self.traffic.weights | dict(weights), self._chance)

    def variant(self, name: str | None = None) -> Variant:
        """Return the variant of a name, or choose one by weight.

        Raises
        ------
        UserError
            For a name that is none.
        """
        if name is None:
            return self.variants[self.traffic.choose()]
        if name not in self.variants:
            known = ", ".join(self.variants)
            raise UserError(f"Variant: it must be one of {known}. Got '{name[:200]}'.")
        return self.variants[name]

    async def close(self, *, drain_s: float | None = None) -> None:
        """Finish what is under way, and end all workers."""
        await asyncio.gather(*(variant.pool.close(drain_s=drain_s) for variant in self.variants.values()))
