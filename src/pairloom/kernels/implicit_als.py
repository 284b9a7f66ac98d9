"""Alternating least squares on implicit feedback, one side at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.kernels.arrays import check_vector
from pairloom.kernels.levels import chosen_level

__all__ = ["LANES", "implicit_als"]

Float32Array = npt.NDArray[np.float32]
LANES = 16
"""Rows of factors are padded with zeros to a multiple of it."""


def implicit_als(
    *,
    offsets: npt.NDArray[np.int64],
    others: npt.NDArray[np.int32],
    weights: Float32Array,
    fixed: Float32Array,
    gram: Float32Array,
    penalties: Float32Array,
    solved: Float32Array,
    n_steps: int = 3,
    n_threads: int = 1,
) -> None:
    """Solve the factors of one side in place, by some steps of conjugate gradients from where they are.

    Each row minimises ``sum over its pairs of c (1 - x.y)^2 + x' gram x + penalty |x|^2``. Time is O(n_steps *
    (n_pairs * n_factors + n_rows * n_factors^2)).

    Parameters
    ----------
    offsets : ndarray of shape (n_rows + 1,), int64
    others : ndarray of shape (n_pairs,), int32
        Rows of `fixed` that each row goes with.
    weights : ndarray of shape (n_pairs,), float32
        How much each pair counts, c.
    fixed : ndarray of shape (n_others, n_padded), float32
        Factors of the other side; `n_padded` is a multiple of 16, and padding is 0.
    gram : ndarray of shape (n_padded, n_padded), float32
        ``fixed.T @ fixed`` times the weight of what is not observed.
    penalties : ndarray of shape (n_rows,), float32
        Above 0.
    solved : ndarray of shape (n_rows, n_padded), float32
        A row without pairs becomes 0.
    n_steps : int
    n_threads : int

    References
    ----------
    Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008; Takács, Pilászy and
    Tikk, "Applications of the conjugate gradient method for implicit feedback collaborative filtering", RecSys 2011.
    """
    check_vector("implicit_als", "offsets", offsets, np.int64)
    check_vector("implicit_als", "others", others, np.int32)
    check_vector("implicit_als", "weights", weights, np.float32, len(others))
    check_vector("implicit_als", "penalties", penalties, np.float32, len(offsets) - 1)
    width = fixed.shape[1]
    if width % LANES or gram.shape != (width, width) or solved.shape != (len(offsets) - 1, width):
        raise UserError(
            f"implicit_als: 'fixed', 'gram' and 'solved' must be of shapes (n, {width}), ({width}, {width}) and "
            f"({len(offsets) - 1}, {width}), a multiple of {LANES} wide. Got {fixed.shape}, {gram.shape} and "
            f"{solved.shape}."
        )
    if offsets[0] != 0 or offsets[-1] != len(others) or (np.diff(offsets) < 0).any():
        raise UserError("implicit_als: 'offsets' must rise from 0 to the number of pairs.")
    if len(others) and not 0 <= others.min() <= others.max() < len(fixed):
        raise UserError(f"implicit_als: 'others' must be in [0, {len(fixed) - 1}].")
    _native.implicit_als(
        offsets, others, weights, fixed, gram, penalties, solved, n_steps, n_threads, chosen_level()
    )
