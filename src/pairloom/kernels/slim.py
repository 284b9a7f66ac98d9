"""Learned weights from item to item, sparse and never negative."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.kernels.arrays import check_vector
from pairloom.kernels.levels import chosen_level

__all__ = ["item_gram", "slim_weights"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Side = tuple[Int64Array, Int32Array, Float32Array]
LARGEST_GRAM = 1e30


def item_gram(by_user: Side, by_item: Side, *, n_threads: int = 1) -> Float32Array:
    """Return the products of all pairs of columns, of shape (n_items, n_items), float32.

    Time is the sum over users of the square of their number of items.

    Parameters
    ----------
    by_user, by_item : triples of offsets (int64), others (int32) and weights (float32)
        The same pairs from both sides.
    n_threads : int
    """
    for name, other, (offsets, others, weights) in (
        ("by_user", by_item, by_user),
        ("by_item", by_user, by_item),
    ):
        check_vector("item_gram", f"{name}[0]", offsets, np.int64)
        check_vector("item_gram", f"{name}[1]", others, np.int32, int(offsets[-1]))
        check_vector("item_gram", f"{name}[2]", weights, np.float32, len(others))
        if offsets[0] != 0 or (np.diff(offsets) < 0).any():
            raise UserError(f"item_gram: offsets of '{name}' must rise from 0 to the number of pairs.")
        if len(others) and not 0 <= others.min() <= others.max() < len(other[0]) - 1:
            raise UserError(f"item_gram: numbers in '{name}' must be in [0, {len(other[0]) - 2}].")
    n_items = len(by_item[0]) - 1
    gram = np.empty((n_items, n_items), np.float32)
    _native.item_gram(*by_user, *by_item, gram, n_threads)
    return gram


def slim_weights(
    gram: Float32Array,
    *,
    l1: float,
    l2: float,
    n_neighbours: int = 0,
    tolerance: float = 1e-5,
    max_sweeps: int = 100,
    n_threads: int = 1,
) -> Side:
    """Solve each item's weights from all others by coordinate descent with a penalty on their number and size.

    Parameters
    ----------
    gram : ndarray of shape (n_items, n_items), float32
    l1, l2 : float
        0 or more.
    n_neighbours : int
        Items that may weigh in each column, those of the largest cosine; 0 is all.
    tolerance : float
        A sweep that moves no weight by more is the last.
    max_sweeps : int
        Each time that more items are let in.
    n_threads : int
        The result does not depend on them.

    Returns
    -------
    offsets : ndarray of shape (n_items + 1,), int64
    items : ndarray of shape (n_weights,), int32
        Column by column, ascending.
    weights : ndarray of shape (n_weights,), float32
        Above 0.

    References
    ----------
    Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011.
    """
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or gram.dtype != np.float32:
        raise UserError(
            f"slim_weights: 'gram' must be a square of float32. Got {gram.dtype} of {gram.shape}."
        )
    if gram.size and not np.abs(gram).max() < LARGEST_GRAM:
        raise UserError(f"slim_weights: 'gram' must hold numbers below {LARGEST_GRAM:g}. Scale the weights.")
    found = _native.slim(gram, l1, l2, n_neighbours, tolerance, max_sweeps, n_threads, chosen_level())
    arrays = (
        np.empty(len(gram) + 1, np.int64),
        np.empty(found.size, np.int32),
        np.empty(found.size, np.float32),
    )
    found.fill(*arrays)
    return arrays
