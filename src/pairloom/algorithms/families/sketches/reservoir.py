"""A uniform sample of a stream's rows in bounded memory, whose parts merge exactly.

Every row draws a key from its number in the stream; the rows with the least keys are the sample. Which rows are
kept therefore does not depend on how the stream was cut, or on which part was merged first. With a half-life, a
row's chance falls by half with every so many rows that follow it.

References
----------
Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006, algorithm A-ES in logarithms.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Sample", "add_rows", "draw_keys", "empty_sample", "kept_rows", "merge_samples"]

Float64Array = npt.NDArray[np.float64]
Sample = tuple[npt.NDArray[np.float32], Float64Array]
"""Rows of shape (n_slots, n_features), float32, and their keys (n_slots,), float64; infinite in an empty slot."""

GOLDEN, MIX_1, MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
STREAM_ROWS_LOG2 = 44


def empty_sample(n_features: int) -> Sample:
    """Return a sample of no rows."""
    return np.zeros((0, n_features), np.float32), np.zeros(0)


def draw_keys(seed: int, stream: int, first_row: int, n_rows: int, half_life_rows: int = 0) -> Float64Array:
    """Return the keys of rows `first_row` to ``first_row + n_rows - 1`` of a stream.

    A key is the logarithm of an exponential variate over the row's weight. The variates come from a counter run
    through splitmix64's mixer (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
    """
    numbers = np.arange(first_row, first_row + n_rows, dtype=np.uint64)
    start = np.uint64((seed * MIX_1 + (stream << STREAM_ROWS_LOG2) * GOLDEN) % 2**64)
    bits = start + numbers * np.uint64(GOLDEN)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(MIX_1)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(MIX_2)
    bits ^= bits >> np.uint64(31)
    uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    keys = np.log(-np.log(uniform))
    if half_life_rows:
        keys -= numbers.astype(np.float64) * (math.log(2) / half_life_rows)
    return keys


def add_rows(sample: Sample, rows: npt.NDArray[np.float32], keys: Float64Array, most_rows: int) -> Sample:
    """Return the sample with the rows that belong into it; the one given is used up."""
    kept, kept_keys = sample
    if not most_rows:
        return sample
    bar = kept_keys.max() if len(kept) == most_rows else np.inf
    chosen = np.flatnonzero(keys < bar)
    if not len(chosen):
        return sample
    n_held = int(np.isfinite(kept_keys).sum())
    wanted = min(most_rows, n_held + len(chosen))
    if wanted > len(kept):
        kept, kept_keys = _grown(sample, min(most_rows, max(2 * len(kept), wanted)))
    together = np.concatenate([kept_keys, keys[chosen]])
    stays = np.zeros(len(together), np.bool_)
    stays[_least(together, len(kept))] = True
    free = np.flatnonzero(~stays[: len(kept)])
    entering = chosen[stays[len(kept) :]]
    kept[free], kept_keys[free] = rows[entering], keys[entering]
    return kept, kept_keys


def merge_samples(first: Sample, second: Sample, most_rows: int) -> Sample:
    """Return the sample of both streams."""
    rows, keys = np.concatenate([first[0], second[0]]), np.concatenate([first[1], second[1]])
    rows, keys = rows[np.isfinite(keys)], keys[np.isfinite(keys)]
    chosen = np.sort(_least(keys, most_rows))
    return rows[chosen], keys[chosen]


def kept_rows(sample: Sample) -> npt.NDArray[np.float32]:
    """Return the sampled rows in the order of their keys: a random order, the same however they were merged."""
    rows, keys = sample
    order = np.argsort(keys, kind="stable")[: int(np.isfinite(keys).sum())]
    return rows[order]


def _least(keys: Float64Array, n_wanted: int) -> npt.NDArray[Any]:
    return np.arange(len(keys)) if n_wanted >= len(keys) else np.argpartition(keys, n_wanted - 1)[:n_wanted]


def _grown(sample: Sample, capacity: int) -> Sample:
    rows, keys = sample
    grown = np.zeros((capacity, rows.shape[1]), np.float32), np.full(capacity, np.inf)
    grown[0][: len(rows)], grown[1][: len(keys)] = rows, keys
    return grown
