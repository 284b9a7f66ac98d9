"""Rows of two features in tiles that can train side by side.

Users and items are dealt into groups of about equal load. Rows of user group a and item group b make tile
(a, b): tiles that differ in both groups share no parameter. Within a tile few parameters are in use, so they
stay in a near cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["TileOrder", "tile_pairs"]

TILE_ROWS = 1400
MOST_GROUPS = 64


@dataclass(frozen=True, slots=True)
class TileOrder:
    """Where the tiles begin.

    Parameters
    ----------
    starts : ndarray of shape (n_groups * n_groups + 1,), int64
    n_groups : int
    """

    starts: npt.NDArray[np.int64]
    n_groups: int


def _deal(
    column: npt.NDArray[np.int32], counts: npt.NDArray[np.intp], n_groups: int, rng: np.random.Generator
):
    present = np.flatnonzero(counts)
    by_load = present[np.argsort(-(counts[present] + rng.random(len(present))))]
    turn = np.arange(len(present)) % (2 * n_groups)
    group_of = np.zeros(len(counts), np.int32)
    group_of[by_load] = np.where(turn < n_groups, turn, 2 * n_groups - 1 - turn)
    return group_of[column]


def tile_pairs(
    pairs: npt.NDArray[np.int32], n_features: int, rng: np.random.Generator, *, shuffle: bool
) -> tuple[npt.NDArray[np.int64], TileOrder] | None:
    """Order rows by tile.

    Parameters
    ----------
    pairs : ndarray of shape (n_rows, 2), int32
    n_features : int
    rng : Generator
    shuffle : bool
        Whether rows of a tile are shuffled; else they keep their order.

    Returns
    -------
    (order, tiles) or None
        None when some feature occurs in both columns, so that tiles would not be independent.
    """
    counts = [np.bincount(pairs[:, j], minlength=n_features) for j in range(2)]
    if bool(((counts[0] > 0) & (counts[1] > 0)).any()):
        return None
    most = min(int((c > 0).sum()) for c in counts)
    n_groups = 1
    while n_groups * 2 <= min(most, MOST_GROUPS) and (n_groups * 2) ** 2 * TILE_ROWS <= len(pairs):
        n_groups *= 2
    tile = _deal(pairs[:, 0], counts[0], n_groups, rng) * n_groups + _deal(
        pairs[:, 1], counts[1], n_groups, rng
    )
    first = rng.permutation(len(pairs)) if shuffle else np.arange(len(pairs))
    order = first[np.argsort(tile[first].astype(np.uint16), kind="stable")]
    starts = np.zeros(n_groups * n_groups + 1, np.int64)
    np.cumsum(np.bincount(tile, minlength=n_groups * n_groups), out=starts[1:])
    return order.astype(np.int64), TileOrder(starts, n_groups)
