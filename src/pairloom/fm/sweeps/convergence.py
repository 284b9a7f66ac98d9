"""Whether chains came to the same distribution."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Trace", "left_behind", "split_r_hat"]

Float64Array = npt.NDArray[np.float64]
MOST_ROWS = 32
FAR, WORSE = 6.0, 1.1


class Trace:
    """What one chain came to in every sweep after burn-in: loss, noise, and the scores of a few rows.

    Not the bias nor single parameters: these move against one another while scores stay.
    """

    def __init__(self, n_rows: int) -> None:
        self._rows = np.unique(np.linspace(0, n_rows - 1, MOST_ROWS).astype(np.int64))
        self._values: list[Float64Array] = []

    def take(self, loss: float, noise_precision: float, scores: npt.NDArray[np.float32]) -> None:
        """Take in a sweep."""
        self._values.append(np.concatenate(([loss, noise_precision], scores[self._rows])))

    def restore(self, values: Float64Array) -> None:
        """Begin with what `values` returned."""
        self._values = [np.array(row) for row in values]

    def values(self) -> Float64Array:
        """Return all, of shape (n_sweeps, n_quantities); the loss is the first."""
        return np.stack(self._values) if self._values else np.zeros((0, 2 + len(self._rows)))


def split_r_hat(chains: list[Float64Array]) -> Float64Array:
    """Return the potential scale reduction of every quantity, from the halves of all chains; NaN where sweeps are few.

    Near 1, the halves have one distribution; above 1.1, more sweeps are needed.

    Parameters
    ----------
    chains : list of ndarrays of shape (n_sweeps, n_quantities)

    References
    ----------
    Gelman et al., "Bayesian Data Analysis", 3rd ed., 2013, section 11.4.
    """
    n = min((len(chain) for chain in chains), default=0) // 2
    if n < 2:
        return np.full(chains[0].shape[1] if chains else 0, np.nan)
    halves = np.stack([half for chain in chains for half in (chain[-2 * n : -n], chain[-n:])])
    within = halves.var(axis=1, ddof=1).mean(axis=0)
    between = halves.mean(axis=1).var(axis=0, ddof=1)
    # What hardly moves at all, as a noise precision that is fixed, has nothing to converge to.
    still = within <= 1e-12 * np.maximum(1.0, np.square(halves.mean(axis=(0, 1))))
    return np.where(still, 1.0, np.sqrt((n - 1) / n + between / np.where(still, 1.0, within)))


def left_behind(chains: list[Float64Array]) -> list[int]:
    """Return the chains whose loss stays far above the best one's: stuck where the others are not.

    Parameters
    ----------
    chains : list of ndarrays of shape (n_sweeps, n_quantities)
        The loss is the first quantity.
    """
    if len(chains) < 2 or min(map(len, chains)) < 2:
        return []
    means = np.array([chain[:, 0].mean() for chain in chains])
    spreads = np.array([chain[:, 0].std() for chain in chains])
    best = int(np.argmin(means))
    limit = max(means[best] + FAR * spreads[best], WORSE * means[best])
    return [number for number, mean in enumerate(means) if mean > limit]
