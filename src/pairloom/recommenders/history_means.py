"""Histories as the mean of something that their items have."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.recommenders.interactions import Histories

__all__ = ["mean_rows", "shares_of"]

Float32Array = npt.NDArray[np.float32]
BLOCK_CELLS = 1 << 22


def shares_of(histories: Histories) -> Float32Array:
    """Return what each item of a history weighs in its mean."""
    owners = histories.owners()
    totals = np.bincount(owners, histories.weights, histories.n_users)
    return (histories.weights / np.where(totals > 0, totals, 1)[owners]).astype(np.float32)


def mean_rows(histories: Histories, vectors: Float32Array) -> Float32Array:
    """Return the mean of the rows of each history's items, by their weights: 0 for an empty one.

    Parameters
    ----------
    histories : Histories
    vectors : ndarray of shape (n_items, n_columns), float32

    Returns
    -------
    ndarray of shape (n_histories, n_columns), float32
    """
    means = np.zeros((histories.n_users, vectors.shape[1]), np.float32)
    size = max(1, BLOCK_CELLS // max(1, vectors.shape[1]))
    shares, owners = shares_of(histories), histories.owners()
    for begin in range(0, len(owners), size):
        part = slice(begin, begin + size)
        rows = vectors[histories.items[part]] * shares[part, None]
        starts = np.flatnonzero(np.diff(owners[part], prepend=-1))
        means[owners[part][starts]] += np.add.reduceat(rows, starts)
    return means
