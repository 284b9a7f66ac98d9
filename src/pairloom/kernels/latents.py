"""Levels of a hidden number: draws of it given its level, probabilities of the levels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.kernels import _native
from pairloom.kernels.levels import chosen_level

__all__ = ["draw_latents", "level_log_likelihood", "level_means", "level_probabilities"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Int32Array = npt.NDArray[np.int32]


def draw_latents(
    scores: Float32Array, levels: Int32Array, cuts: Float64Array, key: int, *, draws: bool, n_threads: int = 1
) -> Float32Array:
    """Return hidden numbers of shape (n_rows,): normal around the scores, variance one, between their levels' cuts.

    Parameters
    ----------
    scores : ndarray of shape (n_rows,), float32
    levels : ndarray of shape (n_rows,), int32
        From 0 to n_cuts.
    cuts : ndarray of shape (n_cuts,), float64
        Ascending; level j lies between cut j - 1 and cut j.
    key : int
    draws : bool
        False returns expectations instead of draws.
    n_threads : int

    References
    ----------
    Albert and Chib, "Bayesian Analysis of Binary and Polychotomous Response Data", JASA 1993.
    """
    out = np.empty(len(scores), np.float32)
    _native.draw_latents(scores, levels, cuts, key, draws, out, n_threads, chosen_level())
    return out


def level_probabilities(scores: Float32Array, cuts: Float64Array, *, n_threads: int = 1) -> Float32Array:
    """Return the probabilities of all levels, of shape (n_rows, n_cuts + 1)."""
    out = np.empty((len(scores), len(cuts) + 1), np.float32)
    _native.level_probabilities(scores, cuts, out, n_threads, chosen_level())
    return out


def level_means(
    scores: Float32Array, cuts: Float64Array, values: Float64Array, *, n_threads: int = 1
) -> Float64Array:
    """Return the means of the levels' values (n_cuts + 1,) by their probabilities, of shape (n_rows,)."""
    assert len(values) == len(cuts) + 1
    out = np.empty(len(scores))
    _native.level_means(scores, cuts, values, out, n_threads, chosen_level())
    return out


def level_log_likelihood(
    scores: Float32Array, levels: Int32Array, cuts: Float64Array, *, n_threads: int = 1
) -> float:
    """Return the sum over rows of the logarithm of the probability of their levels."""
    return _native.level_log_likelihood(scores, levels, cuts, n_threads, chosen_level())
