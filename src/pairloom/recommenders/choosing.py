"""From scores to a list: what may not be chosen, how many of a kind, how different from one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.recommenders.attributes import Attributes

__all__ = ["Wishes", "choose_diverse", "choose_under_caps"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a list must and should be.

    Parameters
    ----------
    seen : bool
        Whether items that the user has may be in it.
    block : iterable of ids
        Items that must not be in it.
    only : iterable of ids, optional
        Items that it is chosen from, such as those in stock.
    where : mapping of str to condition
        By column of the items table: a value, a list of values, or a pair (lowest, highest) of numbers.
    caps : mapping of str to int
        By column of the items table: at most so many items of each value.
    boosts : mapping of id to float
        What an item's score is multiplied by: above 1 for more, below for less. A score below 0 is divided.
    diversity : float
        From 0, the best scores, to 1, the most different items (maximal marginal relevance).
    """

    seen: bool = False
    block: Any = ()
    only: Any = None
    where: Mapping[str, Any] = field(default_factory=dict[str, Any])
    caps: Mapping[str, int] = field(default_factory=dict[str, int])
    boosts: Mapping[Any, float] = field(default_factory=dict[Any, float])
    diversity: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.diversity <= 1:
            raise UserError(f"recommend: 'diversity' must be in [0, 1]. Got {self.diversity}.")
        for name, most in self.caps.items():
            if most < 1:
                raise UserError(f"recommend: 'caps' must be 1 or more. Got {most} for {name!r}.")
        for item, factor in self.boosts.items():
            if not 0 < factor < np.inf:
                raise UserError(
                    f"recommend: 'boosts' must be finite numbers above 0. Got {factor} for {item!r}."
                )

    @property
    def needs_a_pool(self) -> bool:
        """Whether the list is made of more than the best scores alone."""
        return bool(self.caps) or self.diversity > 0


def choose_under_caps(
    items: Int32Array, n: int, caps: Mapping[str, int], attributes: Attributes
) -> npt.NDArray[np.int64]:
    """Go down a list, best first, and pass over an item when all its kind's places are taken.

    Returns
    -------
    ndarray of int64
        Places in `items` that are chosen, at most n.
    """
    columns = [(attributes.column(name, "caps"), most) for name, most in caps.items()]
    taken: list[dict[str, int]] = [{} for _ in columns]
    chosen: list[int] = []
    for place, item in enumerate(items.tolist()):
        if len(chosen) == n:
            break
        kinds = [column.of(item) for column, _ in columns]
        full = any(
            counts.get(value, 0) >= most
            for (_, most), counts, values in zip(columns, taken, kinds, strict=True)
            for value in values
        )
        if full:
            continue
        chosen.append(place)
        for counts, values in zip(taken, kinds, strict=True):
            for value in values:
                counts[value] = counts.get(value, 0) + 1
    return np.array(chosen, np.int64)


def choose_diverse(
    items: Int32Array,
    scores: Float32Array,
    n: int,
    diversity: float,
    similarity: Callable[[Int32Array], Float32Array],
) -> npt.NDArray[np.int64]:
    """Choose one by one what is good and unlike what was chosen before.

    Parameters
    ----------
    items, scores : ndarrays of shape (n_candidates,)
        Best first.
    n : int
    diversity : float
        Weight of being different against the score, which is brought to [0, 1].
    similarity : callable
        Gives the similarities of items with one another, of shape (n_candidates, n_candidates), in [0, 1].

    Returns
    -------
    ndarray of int64
        Places in `items`, in the order of choice.

    References
    ----------
    Carbonell and Goldstein, "The use of MMR, diversity-based reranking", SIGIR 1998.
    """
    if not len(items):
        return np.zeros(0, np.int64)
    spread = float(scores.max() - scores.min()) or 1.0
    worth = (scores - scores.min()) / spread
    alike = similarity(items)
    nearest = np.zeros(len(items), np.float32)
    open_ = np.ones(len(items), np.bool_)
    chosen: list[int] = []
    while len(chosen) < min(n, len(items)):
        gain = np.where(open_, (1 - diversity) * worth - diversity * nearest, -np.inf)
        best = int(np.argmax(gain))
        chosen.append(best)
        open_[best] = False
        nearest = np.maximum(nearest, alike[best])
    return np.array(chosen, np.int64)
