"""A uniform sample of a stream, for its quantiles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.encoding.lending import mix

__all__ = ["QuantileSample"]

Float64Array = npt.NDArray[np.float64]


class QuantileSample:
    """Keeps all values of a stream up to `capacity`, a uniform sample of that many beyond.

    Each value gets a pseudo-random priority by its place in the stream, and the smallest priorities stay:
    how the stream is cut into batches makes no difference.

    References
    ----------
    Vitter, "Random Sampling with a Reservoir", ACM TOMS 1985, on what it replaces.
    """

    def __init__(self, capacity: int = 2**17) -> None:
        self._capacity = capacity
        self._n_seen = 0
        self._limit = np.iinfo(np.uint64).max
        self._priorities = np.zeros(0, np.uint64)
        self._values = np.zeros(0, np.float64)

    def add(self, values: Float64Array) -> None:
        """Take in the next values of the stream, none of them NaN."""
        places = np.arange(self._n_seen, self._n_seen + len(values), dtype=np.uint64)
        self._n_seen += len(values)
        priorities = mix(places + np.uint64(0x5851F42D4C957F2D))
        chosen = priorities <= self._limit
        self._priorities = np.concatenate((self._priorities, priorities[chosen]))
        self._values = np.concatenate((self._values, values[chosen]))
        if len(self._values) > 2 * self._capacity:
            self._shrink()

    def cuts(self, n_intervals: int) -> Float64Array:
        """Return the different values that cut the sample into about equal parts, each closed below.

        A value that fills a part alone has one of its own.
        """
        if len(self._values) > self._capacity:
            self._shrink()
        if len(self._values) == 0:
            return np.zeros(0, np.float64)
        shares = np.arange(n_intervals) / n_intervals
        cuts, times = np.unique(np.quantile(self._values, shares, method="higher"), return_counts=True)
        different = np.unique(self._values)
        after = np.searchsorted(different, cuts[times > 1], side="right")
        return np.union1d(cuts, different[after[after < len(different)]])[1:]

    def _shrink(self) -> None:
        kept = np.argpartition(self._priorities, self._capacity - 1)[: self._capacity]
        self._priorities, self._values = self._priorities[kept], self._values[kept]
        self._limit = self._priorities.max()
