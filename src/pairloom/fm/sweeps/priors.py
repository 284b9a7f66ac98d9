"""What columns that belong together are drawn to: a mean and a precision for every factor."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Priors"]

Float32Array = npt.NDArray[np.float32]
SHAPE = RATE = MEAN_PRECISION = 1.0
"""Of the hyperpriors: precisions are Gamma(1/2, 1/2) to begin with, means normal around 0 with one column's weight."""


class Priors:
    """Normal priors of linear weights and factors by group of columns.

    Parameters
    ----------
    starts : ndarray of shape (n_groups + 1,), int64
        Columns of group g are ``starts[g]`` to ``starts[g + 1] - 1``.
    n_factors, stride : int
    linear_precision, factors_precision : float
        To begin with; those of ALS for good.

    Attributes
    ----------
    means, precisions : ndarrays of shape (n_groups, stride), float32
    linear_means, linear_precisions : ndarrays of shape (n_groups,), float32
    """

    def __init__(
        self,
        starts: npt.NDArray[np.int64],
        n_factors: int,
        stride: int,
        *,
        linear_precision: float = 1.0,
        factors_precision: float = 1.0,
    ) -> None:
        n_groups = len(starts) - 1
        self._starts, self._n_factors = starts, n_factors
        self._sizes = np.diff(starts).astype(np.float64)
        self.means = np.zeros((n_groups, stride), np.float32)
        self.precisions = np.full((n_groups, stride), factors_precision, np.float32)
        self.linear_means = np.zeros(n_groups, np.float32)
        self.linear_precisions = np.full(n_groups, linear_precision, np.float32)

    def draw(self, linear: Float32Array, factors: Float32Array, rng: np.random.Generator) -> None:
        """Draw means and precisions given the columns' parameters.

        References
        ----------
        Freudenthaler, Schmidt-Thieme and Rendle, "Bayesian Factorization Machines", 2011, eq. 9 to 12.
        """
        k = self._n_factors
        self.precisions[:, :k], self.means[:, :k] = self._drawn(factors[:, :k], self.means[:, :k], rng)
        precisions, means = self._drawn(linear[:, None], self.linear_means[:, None], rng)
        self.linear_precisions, self.linear_means = precisions[:, 0], means[:, 0]

    def _drawn(
        self, values: Float32Array, means: Float32Array, rng: np.random.Generator
    ) -> tuple[Float32Array, Float32Array]:
        sizes, before = self._sizes[:, None], means.astype(np.float64)
        sums = np.add.reduceat(values, self._starts[:-1], axis=0, dtype=np.float64)
        squares = np.add.reduceat(np.square(values), self._starts[:-1], axis=0, dtype=np.float64)
        scatter = (
            np.maximum(squares - 2 * before * sums + sizes * before**2, 0.0) + MEAN_PRECISION * before**2
        )
        precisions = rng.gamma((SHAPE + sizes + 1) / 2, 2 / (RATE + scatter))
        weight = sizes + MEAN_PRECISION
        drawn = rng.normal(sums / weight, 1 / np.sqrt(weight * precisions))
        return precisions.astype(np.float32), drawn.astype(np.float32)
