"""What is popular of late: counts of events that fade as time goes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["FadingCounts"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
DAY_US = 86_400_000_000.0
HALF_LIVES = (*(days * DAY_US for days in (1, 3, 7, 14, 30, 90, 365)), np.inf)
LATER_SHARE, SMOOTHING, FEWEST_EVENTS = 0.1, 0.1, 100
NEARLY_LAST = 0.999
"""Quantile of the times that counts as now, so that a few times far in the future fade nothing away."""


@dataclass(frozen=True, slots=True)
class FadingCounts:
    """How often each item was taken, an event counting half of what it did one half-life before.

    Parameters
    ----------
    scores : ndarray of shape (n_items,), float32
        As of `at_us`.
    half_life_us : float
        Microseconds; infinite where nothing fades.
    at_us : int
        Microseconds since 1970.
    """

    scores: Float32Array
    half_life_us: float
    at_us: int

    @classmethod
    def of_events(cls, items: Int32Array, times: Int64Array, n_items: int) -> Self:
        """Count events, with the half-life by which the earlier ones best foretell the last tenth.

        Of those that are within a standard error of the best it is the longest.

        Parameters
        ----------
        items : ndarray of shape (n_events,), int32
        times : ndarray of shape (n_events,), int64
            Microseconds since 1970.
        n_items : int
        """
        if not len(items):
            return cls(np.zeros(n_items, np.float32), np.inf, 0)
        half_life = _best_half_life(items, times, n_items)
        now = int(np.quantile(times, NEARLY_LAST, method="lower"))
        return cls(_faded(items, times, n_items, half_life, now).astype(np.float32), half_life, now)

    def with_events(self, items: Int32Array, times: Int64Array, n_items: int) -> FadingCounts:
        """Return them with later events, and room for more items."""
        if not len(items):
            return FadingCounts(
                np.pad(self.scores, (0, n_items - len(self.scores))), self.half_life_us, self.at_us
            )
        now = max(self.at_us, int(np.quantile(times, NEARLY_LAST, method="lower")))
        kept = self.scores * np.exp2(-(now - self.at_us) / self.half_life_us)
        scores = np.pad(kept, (0, n_items - len(kept))) + _faded(
            items, times, n_items, self.half_life_us, now
        )
        return FadingCounts(scores.astype(np.float32), self.half_life_us, now)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return them as arrays that a model file keeps."""
        return {
            "scores": self.scores,
            "half_life_us": np.array([self.half_life_us]),
            "at_us": np.array([self.at_us], np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], n_items: int) -> Self:
        """Undo `to_arrays`; KeyError or ValueError for what it never returned."""
        scores, half_life, at = (np.array(arrays[name]) for name in ("scores", "half_life_us", "at_us"))
        sound = (
            scores.shape == (n_items,)
            and scores.dtype == np.float32
            and bool((scores >= 0).all())
            and bool(np.isfinite(scores).all())
            and half_life.shape == at.shape == (1,)
            and at.dtype == np.int64
            and float(half_life[0]) >= HALF_LIVES[0]
        )
        if not sound:
            raise ValueError("counts that do not fit the items")
        return cls(scores, float(half_life[0]), int(at[0]))


def _faded(
    items: Int32Array, times: Int64Array, n_items: int, half_life: float, now: int
) -> npt.NDArray[np.float64]:
    ages = np.maximum(now - times, 0)
    return np.asarray(np.bincount(items, np.exp2(-ages / half_life), n_items), np.float64)


def _best_half_life(items: Int32Array, times: Int64Array, n_items: int) -> float:
    cut = int(np.quantile(times, 1 - LATER_SHARE, method="lower"))
    earlier = times < cut
    later = items[~earlier]
    if len(items) < FEWEST_EVENTS or not earlier.any():
        return np.inf
    fits: list[npt.NDArray[np.float64]] = []
    for half_life in HALF_LIVES:
        counts = _faded(items[earlier], times[earlier], n_items, half_life, cut)
        smooth = counts + max(SMOOTHING * counts.sum() / n_items, np.finfo(np.float64).tiny)
        fits.append(np.log(smooth / smooth.sum())[later])
    best = fits[int(np.argmax([fit.mean() for fit in fits]))]
    behind = [best - fit for fit in fits]
    near = [each.mean() <= each.std() / np.sqrt(len(each)) for each in behind]
    return HALF_LIVES[len(near) - 1 - near[::-1].index(True)]
