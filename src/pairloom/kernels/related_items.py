"""Items that the same users took, counted natively, and the best of many scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.kernels.arrays import check_vector

__all__ = ["RELATIONS", "Baskets", "Relation", "best_items", "related_items"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Relation = Literal["conditional", "cosine", "surprise"]
RELATIONS: tuple[Relation, ...] = ("conditional", "cosine", "surprise")


@dataclass(frozen=True, slots=True)
class Baskets:
    """Who took what, from both sides; users and items ascending, without repeats.

    Parameters
    ----------
    user_offsets : ndarray of shape (n_users + 1,), int64
    user_items : ndarray of shape (n_events,), int32
        Items of user u are ``user_items[user_offsets[u]:user_offsets[u + 1]]``.
    item_offsets : ndarray of shape (n_items + 1,), int64
    item_users : ndarray of shape (n_events,), int32
    """

    user_offsets: Int64Array
    user_items: Int32Array
    item_offsets: Int64Array
    item_users: Int32Array

    def __post_init__(self) -> None:
        for name, offsets, places, n_others in (
            ("user", self.user_offsets, self.user_items, len(self.item_offsets) - 1),
            ("item", self.item_offsets, self.item_users, len(self.user_offsets) - 1),
        ):
            check_vector("Baskets", f"{name} offsets", offsets, np.int64)
            check_vector("Baskets", f"{name} places", places, np.int32)
            if (
                len(offsets) < 1
                or offsets[0] != 0
                or offsets[-1] != len(places)
                or (np.diff(offsets) < 0).any()
                or (len(places) and not 0 <= places.min() <= places.max() < n_others)
            ):
                raise UserError(f"Baskets: the {name}s' offsets and places do not fit one another.")
        if len(self.user_items) != len(self.item_users):
            raise UserError("Baskets: both sides must hold the same events.")

    @property
    def n_users(self) -> int:
        """Number of users."""
        return len(self.user_offsets) - 1

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.item_offsets) - 1


def related_items(
    baskets: Baskets,
    relation: Relation,
    n_related: int,
    *,
    least_common: int = 1,
    chances: npt.NDArray[np.float64] | None = None,
    discount: float = 0.5,
    rows: Int32Array | None = None,
    n_threads: int = 1,
) -> tuple[Int32Array, Float32Array]:
    """Find the items most related to each item, in time O(sum over users of their items squared).

    Parameters
    ----------
    baskets : Baskets
    relation : {"conditional", "cosine", "surprise"}
        ``common / users(row)``; ``common / sqrt(users(row) users(other))``; or how far the number of users that took
        both exceeds what chance would give, ``(common - expected) / expected**discount``.
    n_related : int
    least_common : int
        Pairs that fewer users took are left out.
    chances : ndarray of shape (n_items,), float64, optional
        Share of all events that each item has, for "surprise"; default: that of `baskets`.
    discount : float
        In [0, 1], for "surprise": 0 favours what is common, 1 what is rare.
    rows : ndarray of int32, optional
        Items to find relations of; default: all.
    n_threads : int

    Returns
    -------
    (items, scores), each of shape (n_rows, n_related)
        Best first; places that are not needed hold item -1 and score 0. Scores are above 0.

    References
    ----------
    Linden, Smith and York, "Amazon.com recommendations: item-to-item collaborative filtering", IEEE Internet
    Computing 7(1), 2003; Smith and Linden, "Two decades of recommender systems at Amazon.com", IEEE Internet
    Computing 21(3), 2017.
    """
    if relation not in RELATIONS:
        raise UserError(f"related_items: 'relation' must be one of {', '.join(RELATIONS)}. Got {relation!r}.")
    if n_related < 1 or least_common < 1:
        raise UserError(
            f"related_items: 'n_related' and 'least_common' must be 1 or more. Got {n_related} and {least_common}."
        )
    if not 0 <= discount <= 1:
        raise UserError(f"related_items: 'discount' must be in [0, 1]. Got {discount}.")
    if chances is None:
        counts = np.diff(baskets.item_offsets)
        chances = counts / max(1, int(counts.sum()))
    check_vector("related_items", "chances", chances, np.float64, baskets.n_items)
    if rows is None:
        rows = np.arange(baskets.n_items, dtype=np.int32)
    check_vector("related_items", "rows", rows, np.int32)
    if len(rows) and not 0 <= rows.min() <= rows.max() < baskets.n_items:
        raise UserError(f"related_items: 'rows' must be in [0, {baskets.n_items - 1}].")
    items = np.empty((len(rows), n_related), np.int32)
    scores = np.empty((len(rows), n_related), np.float32)
    _native.related_items(
        baskets.user_offsets, baskets.user_items, baskets.item_offsets, baskets.item_users,
        getattr(_native.Relation, relation.upper()), least_common, chances, discount, rows, items, scores, n_threads,
    )  # fmt: skip
    return items, scores


def best_items(scores: Float32Array, n_best: int, *, n_threads: int = 1) -> tuple[Int32Array, Float32Array]:
    """Return the best of each row of scores.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_items), float32
        Minus infinity is never chosen.
    n_best : int

    Returns
    -------
    (items, scores), each of shape (n_rows, n_best)
        Best first, the smaller item first among equals; places that are not needed hold item -1 and score 0.
    """
    if scores.ndim != 2 or scores.dtype != np.float32:
        raise UserError(
            f"best_items: 'scores' must be a float32 matrix. Got {scores.dtype} of {scores.ndim} dimensions."
        )
    if n_best < 1:
        raise UserError(f"best_items: 'n_best' must be 1 or more. Got {n_best}.")
    items = np.empty((len(scores), n_best), np.int32)
    best = np.empty((len(scores), n_best), np.float32)
    _native.best_items(np.ascontiguousarray(scores), items, best, n_threads)
    return items, best
