"""Rows of two features in tiles that can train side by side.

Users and items are dealt into groups of about equal load. Rows of user group a and item group b make tile
(a, b): tiles that differ in both groups share no parameter. Within a tile few parameters are in use, so they
stay in a near cache. Features of a group lie side by side in the table: a processor that fetches the lines next
to those it needs then takes none from another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["PairGroups", "deal_groups", "tile_order"]

TILE_ROWS = 1400
MOST_GROUPS = 64
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PairGroups:
    """Which group each feature belongs to.

    Parameters
    ----------
    n_groups : int
        A power of two.
    group_of : ndarray of shape (n_features,), int32
        Group among the features of its column.
    number : ndarray of shape (n_features,), int32
        Features numbered such that those of a group follow one another.
    """

    n_groups: int
    group_of: npt.NDArray[np.int32]
    number: npt.NDArray[np.int32]


def deal_groups(left: Counts, right: Counts, n_rows: int, rng: np.random.Generator) -> PairGroups | None:
    """Deal the features of two columns into groups.

    Parameters
    ----------
    left, right : ndarrays of shape (n_features,), int64
        How often each feature occurs in the first and second column.
    n_rows : int
    rng : Generator

    Returns
    -------
    PairGroups or None
        None when some feature occurs in both columns, so that tiles would not be independent.
    """
    if bool(((left > 0) & (right > 0)).any()):
        return None
    most = min(int((left > 0).sum()), int((right > 0).sum()))
    n_groups = 1
    while n_groups * 2 <= min(most, MOST_GROUPS) and (n_groups * 2) ** 2 * TILE_ROWS <= n_rows:
        n_groups *= 2
    group_of = np.zeros(len(left), np.int32)
    place = np.full(len(left), 2 * n_groups, np.int32)
    for column, counts in enumerate((left, right)):
        present = np.flatnonzero(counts)
        by_load = present[np.argsort(-(counts[present] + rng.random(len(present))))]
        turn = np.arange(len(present)) % (2 * n_groups)
        group_of[by_load] = np.where(turn < n_groups, turn, 2 * n_groups - 1 - turn)
        place[present] = column * n_groups + group_of[present]
    number = np.empty(len(left), np.int32)
    number[np.argsort(place, kind="stable")] = np.arange(len(left), dtype=np.int32)
    return PairGroups(n_groups, group_of, number)


def tile_order(
    pairs: npt.NDArray[np.int32], groups: PairGroups, rng: np.random.Generator, *, shuffle: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Order rows by tile.

    Parameters
    ----------
    pairs : ndarray of shape (n_rows, 2), int32
    groups : PairGroups
    rng : Generator
    shuffle : bool
        Whether rows of a tile are shuffled; else they keep their order.

    Returns
    -------
    (order, starts)
        Of shapes (n_rows,) and (n_groups * n_groups + 1,), int64.
    """
    n = groups.n_groups
    tile = groups.group_of[pairs[:, 0]] * n + groups.group_of[pairs[:, 1]]
    first = rng.permutation(len(pairs)) if shuffle else np.arange(len(pairs))
    order = first[np.argsort(tile[first].astype(np.uint16), kind="stable")]
    starts = np.zeros(n * n + 1, np.int64)
    np.cumsum(np.bincount(tile, minlength=n * n), out=starts[1:])
    return order.astype(np.int64), starts
