"""From a sketch to the centres wanted: local Lloyd's over the weighted centres, refined on the sample.

One sketch can be finalized for several numbers of centres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.families.sketches import State
from pairloom.algorithms.families.sketches.reservoir import kept_rows
from pairloom.algorithms.kmeans.lloyd import InitMethod, best_of_trials, lloyd, seeds
from pairloom.algorithms.kmeans.nearest import Nearest
from pairloom.algorithms.kmeans.sketch import end_pass

__all__ = ["LocalLloyd", "finalize", "sampled_loss"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
FINALIZING_STREAM = 2
ROWS_PER_CENTER = 100
FEWEST_ITERATIONS, MOST_ITERATIONS, PASSES_WORTH = 6, 30, 4
HELD_SHARE, MOST_HELD = 0.1, 10_000
MOST_STARTS = 6
SEEDING_ROWS_PER_CENTER, SEEDING_ITERATIONS = 20, 5


@dataclass(frozen=True, slots=True)
class LocalLloyd:
    """How the centres of a sketch are brought down to `k`; SageMaker's ``local_lloyd_`` hyperparameters."""

    k: int
    init_method: InitMethod = "kmeans++"
    max_iter: int = 300
    tol: float = 0.0001
    n_trials: int = 3
    seed: int = 0


def finalize(state: State, asked: LocalLloyd, tick: Callable[[], None] = lambda: None) -> Float64Array:
    """Return centres of shape (k, n_features), float64.

    Within or after a later pass they are those of that pass. After the first one they are the better of two
    solutions, refined by Lloyd's on the sample: one from the weighted centres, one seeded from the sample alone
    (rows that come sorted leave the centres behind). The sample is only trusted where it holds 100 rows a centre
    or all rows there are; rows held out from it decide. A long stream affords more seeds, each refined.

    Parameters
    ----------
    state : dict of ndarrays
        Of at least `k` rows.
    asked : LocalLloyd
    tick : callable
        Called once an iteration.
    """
    if "moving" in state and len(state["moving"]) == asked.k:
        return end_pass(state)
    rng = np.random.default_rng([asked.seed, FINALIZING_STREAM, asked.k])
    coarse = _from_centers(state, asked, rng, tick)
    sample = kept_rows((state["sample"], state["keys"]))
    is_all = len(sample) == int(state["n_rows"][0])
    if len(sample) < asked.k or not (is_all or len(sample) >= ROWS_PER_CENTER * asked.k):
        return coarse
    n_held = 0 if is_all else min(MOST_HELD, int(HELD_SHARE * len(sample)))
    held, kept = (sample, sample) if is_all else (sample[:n_held], sample[n_held:])
    # Refining costs no more than some passes over all the rows would: a long stream affords more of it.
    affordable = PASSES_WORTH * int(state["n_rows"][0]) // len(kept)
    max_iter = min(asked.max_iter, max(FEWEST_ITERATIONS, min(MOST_ITERATIONS, affordable)))
    n_starts = max(1, min(MOST_STARTS, int(state["n_rows"][0]) // len(kept)))
    known = _judged(coarse, held)
    refined: list[_Judged] = []
    for _ in range(n_starts):
        begin = _judged(_from_sample(kept, asked, rng, tick), held)
        if not refined and known.loss <= begin.loss:
            begin = known
        centers, _ = lloyd(kept, begin.centers, max_iter=max_iter, tol=asked.tol, tick=tick)
        refined.append(_judged(centers, sample if n_starts > 1 else held))
    best = min(refined, key=lambda each: each.loss).centers
    return best if _judged(best, held).loss < known.loss else coarse


def sampled_loss(state: State, centers: Float64Array) -> float:
    """Return the mean squared distance of the sample's rows, or of the sketch's centres where there is none."""
    sample = state["sample"][np.isfinite(state["keys"])]
    if len(sample):
        return float(Nearest(centers).assign(sample)[1].mean())
    squared = Nearest(centers).assign(state["centers"].astype(np.float32))[1]
    return float(np.average(squared, weights=state["weights"]))


def _from_centers(
    state: State, asked: LocalLloyd, rng: np.random.Generator, tick: Callable[[], None]
) -> Float64Array:
    present = state["weights"] > 0
    points, weights = state["centers"][present], state["weights"][present]
    if len(points) <= asked.k:
        fill = (
            np.resize(points, (asked.k - len(points), points.shape[1]))
            if len(points) < asked.k
            else points[:0]
        )
        return np.concatenate([points, fill])
    return best_of_trials(
        points.astype(np.float32), weights, asked.k, rng,
        n_trials=asked.n_trials, method=asked.init_method, max_iter=asked.max_iter, tol=asked.tol, tick=tick,
    )  # fmt: skip


def _from_sample(
    rows: Float32Array, asked: LocalLloyd, rng: np.random.Generator, tick: Callable[[], None]
) -> Float64Array:
    few = rows[: max(asked.k, SEEDING_ROWS_PER_CENTER * asked.k)]
    begin = few[seeds(few, asked.k, "kmeans++", rng)].astype(np.float64)
    return lloyd(few, begin, max_iter=SEEDING_ITERATIONS, tol=asked.tol, tick=tick)[0]


@dataclass(frozen=True, slots=True)
class _Judged:
    """Centres and their loss on the rows that decide."""

    centers: Float64Array
    loss: float


def _judged(centers: Float64Array, held: Float32Array) -> _Judged:
    return _Judged(centers, float(Nearest(centers).assign(held)[1].sum()))
