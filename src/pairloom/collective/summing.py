"""Sparse sums: which host adds up which rows of a wide table, and the adding up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["owner_bounds", "sum_in_order", "sum_of_rows"]

Array = npt.NDArray[Any]
Int64Array = npt.NDArray[np.int64]
SAMPLES_PER_OWNER = 64


def sample(indices: Int64Array, n_owners: int) -> Int64Array:
    """Return evenly spaced ones of ascending indices, and their number in front."""
    n_samples = min(len(indices), SAMPLES_PER_OWNER * n_owners)
    taken = indices[(np.arange(n_samples) * len(indices)) // max(1, n_samples)]
    return np.concatenate([[len(indices)], taken]).astype(np.int64)


def owner_bounds(samples: Sequence[Int64Array], n_owners: int) -> Int64Array:
    """Return where each owner's range of indices begins, but for the first: about as many touched rows to each.

    Parameters
    ----------
    samples : sequence of ndarray
        What `sample` returned on each host, by rank.
    n_owners : int

    Returns
    -------
    ndarray of shape (n_owners - 1,), int64, ascending
    """
    values = np.concatenate([part[1:] for part in samples])
    if not len(values):
        return np.zeros(n_owners - 1, np.int64)
    weights = np.concatenate([np.full(len(part) - 1, part[0] / max(1, len(part) - 1)) for part in samples])
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    wanted = reached[-1] * np.arange(1, n_owners) / n_owners
    return values[order][np.searchsorted(reached, wanted).clip(0, len(values) - 1)]


def sum_of_rows(indices: Sequence[Int64Array], rows: Sequence[Array]) -> tuple[Int64Array, Array]:
    """Add up the rows of several hosts, always in the order of ranks.

    Parameters
    ----------
    indices : sequence of ndarrays of shape (n_rows,), ascending, by rank
    rows : sequence of ndarrays of shape (n_rows, width), by rank

    Returns
    -------
    (indices, rows)
        Of every index that occurs.
    """
    union = np.unique(np.concatenate(indices))
    total = np.zeros((len(union), *rows[0].shape[1:]), rows[0].dtype)
    for own, added in zip(indices, rows, strict=True):
        places = np.searchsorted(union, own)
        total[places] += added
    return union, total


def sum_in_order(arrays: Sequence[Array], combine: np.ufunc) -> Array:
    """Combine arrays of one shape, always in the order of ranks."""
    total = arrays[0].copy()
    for array in arrays[1:]:
        combine(total, array, out=total)
    return total
