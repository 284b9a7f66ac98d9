"""Factors learned from sampled pairs of what a user took and what the user did not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.kernels._native import PairwiseTotals
from pairloom.kernels.arrays import check_vector
from pairloom.kernels.levels import chosen_level

__all__ = [
    "LANES",
    "Negatives",
    "PairwiseFactors",
    "PairwiseLoss",
    "PairwiseSteps",
    "PairwiseTotals",
    "PairwiseTraining",
    "TakenPairs",
    "draw_negatives",
]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
PairwiseLoss = Literal["bpr", "warp"]
LANES = 16
"""Rows of factors are padded with zeros to a multiple of it."""
EULER_GAMMA = 0.5772156649015329
LOSSES = {"bpr": _native.PairwiseLoss.BPR, "warp": _native.PairwiseLoss.WARP}


@dataclass(frozen=True, slots=True)
class PairwiseFactors:
    """What is learned, in place: a user's score of an item is their vectors' product plus the item's bias.

    Parameters
    ----------
    users : ndarray of shape (n_users, n_padded), float32
        `n_padded` is a multiple of 16, and padding is 0.
    items : ndarray of shape (n_items, n_padded), float32
    biases : ndarray of shape (n_items,), float32
    sums : triple of ndarrays of these shapes, float32, optional
        Of squared slopes, for AdaGrad; without them steps are plain. Those of items and biases may be None where only
        users are learned.
    """

    users: Float32Array
    items: Float32Array
    biases: Float32Array
    sums: tuple[Float32Array, Float32Array | None, Float32Array | None] | None = None

    def __post_init__(self) -> None:
        width = self.items.shape[-1]
        if width % LANES or self.users.ndim != 2 or self.items.ndim != 2 or self.users.shape[1] != width:
            raise UserError(
                f"PairwiseFactors: 'users' and 'items' must be of shapes (n, k), k a multiple of {LANES}. Got "
                f"{self.users.shape} and {self.items.shape}."
            )
        check_vector("PairwiseFactors", "biases", self.biases, np.float32, len(self.items))
        for own, sums in zip((self.users, self.items, self.biases), self.sums or (), strict=False):
            if sums is not None and (sums.shape != own.shape or sums.dtype != np.float32):
                raise UserError(
                    f"PairwiseFactors: 'sums' must be float32 of shape {own.shape}. Got {sums.dtype} of {sums.shape}."
                )


@dataclass(frozen=True, slots=True)
class TakenPairs:
    """Who took what, each user's items ascending without repeats.

    Parameters
    ----------
    offsets : ndarray of shape (n_users + 1,), int64
    items : ndarray of shape (n_pairs,), int32
    n_items : int
    weights : ndarray of shape (n_pairs,), float32, optional
        0 or more; what a step of each pair is multiplied by.
    """

    offsets: Int64Array
    items: Int32Array
    n_items: int
    weights: Float32Array | None = None

    def __post_init__(self) -> None:
        check_vector("TakenPairs", "offsets", self.offsets, np.int64)
        check_vector("TakenPairs", "items", self.items, np.int32)
        offsets, items = self.offsets, self.items
        if (
            not len(offsets)
            or offsets[0] != 0
            or offsets[-1] != len(items)
            or (offsets[1:] < offsets[:-1]).any()
        ):
            raise UserError("TakenPairs: 'offsets' must rise from 0 to the number of pairs.")
        if len(items) and not 0 <= items.min() <= items.max() < self.n_items:
            raise UserError(f"TakenPairs: 'items' must be in [0, {self.n_items - 1}].")
        rising = items[1:] > items[:-1]
        starts = offsets[1:-1]
        rising[starts[(starts > 0) & (starts < len(items))] - 1] = True
        if not rising.all():
            raise UserError("TakenPairs: 'items' of a user must ascend, without repeats.")
        if self.weights is not None:
            check_vector("TakenPairs", "weights", self.weights, np.float32, len(items))
            if not (self.weights >= 0).all():
                raise UserError("TakenPairs: 'weights' must be 0 or more.")

    def owners(self) -> Int32Array:
        """User of each pair, of shape (n_pairs,)."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int32), np.diff(self.offsets))


class Negatives:
    """Items drawn by weight, in constant time.

    Parameters
    ----------
    weights : ndarray of shape (n_items,), float64
        0 or more, and not all 0.

    References
    ----------
    Walker, "An efficient method for generating discrete random variables with general distributions", ACM TOMS 1977.
    """

    def __init__(self, weights: Float64Array) -> None:
        check_vector("Negatives", "weights", weights, np.float64)
        if not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
            raise UserError("Negatives: 'weights' must be finite, 0 or more, and not all 0.")
        self.keep, self.other = np.empty(len(weights), np.float32), np.empty(len(weights), np.int32)
        _native.alias_table(weights, self.keep, self.other)


@dataclass(frozen=True, slots=True)
class PairwiseSteps:
    """How a step is taken.

    Parameters
    ----------
    loss : {"bpr", "warp"}
    rate : float
    l2 : float
        Penalty of vectors, taken at each step of a row.
    bias_l2 : float
    learn_biases : bool
    max_sampled : int
        Negatives that WARP draws for one pair before it is content.
    negatives : Negatives, optional
        How likely each item is drawn; without it all are alike.
    """

    loss: PairwiseLoss
    rate: float
    l2: float = 0.0
    bias_l2: float = 0.0
    learn_biases: bool = True
    max_sampled: int = 10
    negatives: Negatives | None = None


class PairwiseTraining:
    """Steps of one set of factors on one set of pairs.

    Parameters
    ----------
    factors : PairwiseFactors
        They change in place.
    pairs : TakenPairs
    steps : PairwiseSteps
    learn_users : bool
    first_item : int
        Items before it stay as they are.
    """

    def __init__(
        self,
        factors: PairwiseFactors,
        pairs: TakenPairs,
        steps: PairwiseSteps,
        *,
        learn_users: bool = True,
        first_item: int = 0,
    ) -> None:
        if len(pairs.offsets) - 1 != len(factors.users) or pairs.n_items != len(factors.items):
            raise UserError(
                f"PairwiseTraining: 'pairs' must be of {len(factors.users)} users and {len(factors.items)} items. Got "
                f"{len(pairs.offsets) - 1} and {pairs.n_items}."
            )
        if steps.max_sampled < 1:
            raise UserError(f"PairwiseTraining: 'max_sampled' must be 1 or more. Got {steps.max_sampled}.")
        if steps.negatives is not None and len(steps.negatives.keep) != pairs.n_items:
            raise UserError(
                f"PairwiseTraining: 'negatives' must be of {pairs.n_items} items. Got {len(steps.negatives.keep)}."
            )
        self._items_learn = factors.sums is None or all(each is not None for each in factors.sums)
        keep, other = (
            (None, None) if steps.negatives is None else (steps.negatives.keep, steps.negatives.other)
        )
        users, items, biases = factors.sums or (None, None, None)
        self._native = _native.Pairwise(
            LOSSES[steps.loss], users=factors.users, items=factors.items, biases=factors.biases, user_sums=users,
            item_sums=items, bias_sums=biases, offsets=pairs.offsets, owners=pairs.owners(), taken=pairs.items,
            weights=pairs.weights, keep=keep, other=other, rank_weights=_rank_weights(pairs.n_items, steps.max_sampled),
            rate=steps.rate, user_l2=steps.l2, item_l2=steps.l2, bias_l2=steps.bias_l2,
            learn_biases=steps.learn_biases, learn_users=learn_users, first_item=first_item,
        )  # fmt: skip

    def epoch(self, seed: int, *, n_threads: int = 1) -> PairwiseTotals:
        """Take a step after every pair, in an order drawn from the seed; the same each time on one thread only."""
        if not self._items_learn:
            raise UserError(
                "PairwiseTraining: 'sums' of items and biases must be given where these are learned."
            )
        return self._native.train(seed, n_threads, chosen_level())

    def fold_in(self, epochs: int, seed: int, *, n_threads: int = 1) -> PairwiseTotals:
        """Learn the users' vectors alone; each depends on that user's pairs and the seed only."""
        return self._native.fold_in(seed, epochs, n_threads, chosen_level())


def draw_negatives(pairs: TakenPairs, users: Int32Array, seed: int) -> Int32Array:
    """Return for each user of an array an item that the user does not have, each as likely; -1 where there is none."""
    check_vector("draw_negatives", "users", users, np.int32)
    if len(users) and not 0 <= users.min() <= users.max() < len(pairs.offsets) - 1:
        raise UserError(f"draw_negatives: 'users' must be in [0, {len(pairs.offsets) - 2}].")
    drawn = np.empty(len(users), np.int32)
    _native.draw_negatives(pairs.offsets, pairs.items, pairs.n_items, users, seed, drawn)
    return drawn


def _rank_weights(n_items: int, max_sampled: int) -> Float32Array:
    """Weight of a violation by the draw that found it: 1 + 1/2 + ... + 1/rank, of the rank this tells.

    References
    ----------
    Weston, Bengio and Usunier, IJCAI 2011, equations 4 and 8.
    """
    ranks = np.maximum(1, (n_items - 1) // np.arange(1, max_sampled + 1))
    few = np.cumsum(1 / np.arange(1, 33))
    many = np.log(ranks) + EULER_GAMMA + 1 / (2 * ranks)
    return np.where(ranks <= len(few), few[np.minimum(ranks, len(few)) - 1], many).astype(np.float32)
