"""A factorization machine that learns an order: a pass over events against items that are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.kernels.arrays import check_vector
from pairloom.kernels.fm import Table, allocate_table
from pairloom.kernels.levels import chosen_level
from pairloom.kernels.native_rows import checked_rows, native_rows
from pairloom.rows import RowBatch

__all__ = [
    "LARGEST_GROUP",
    "RANKING_LOSSES",
    "Groups",
    "Negatives",
    "RankingEvents",
    "RankingLoss",
    "RankingStep",
    "RankingTotals",
    "Sides",
    "allocate_ranking_table",
    "fm_train_ranking",
    "padded_factors",
]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
RankingLoss = Literal["bpr", "warp", "softmax"]
RANKING_LOSSES = ("bpr", "warp", "softmax")
WHO = "fm_train_ranking"
LANES = 16
LARGEST_GROUP = 64
EMPTY = RowBatch(np.zeros(1, np.int64), np.zeros(0, np.int32), None, 0)
WEIGHT, FACTOR_SUM, WEIGHT_SUM = 0, 1, 2
"""Places of a table's row behind the padded factors."""


def padded_factors(n_factors: int) -> int:
    """Return how many floats the factors of a row take."""
    return -(-n_factors // LANES) * LANES


def allocate_ranking_table(
    n_features: int, n_factors: int, *, scale: float, accumulator: float, rng: np.random.Generator
) -> Table:
    """Return a table of normal factors, weights of 0 and AdaGrad's first sums, of shape (n_features, stride).

    A row holds its factors, padded with zeros to whole vectors, its weight, and the sums of both.
    """
    width = padded_factors(n_factors)
    table = allocate_table(n_features, width + LANES)
    table[:, :n_factors] = rng.standard_normal((n_features, n_factors), np.float32) * np.float32(scale)
    table[:, width + FACTOR_SUM] = table[:, width + WEIGHT_SUM] = accumulator
    return table


@dataclass(frozen=True, slots=True)
class Sides:
    """What asks and what is ranked, each stored once, in columns of one matrix.

    Parameters
    ----------
    items : RowBatch
        One row an item.
    history_offsets : ndarray of shape (n_users + 1,), int64
    history_items : ndarray of shape (n_pairs,), int32
        What each user took, ascending and without repeats: it is never drawn against him.
    users : RowBatch, optional
        One row a user.
    contexts : RowBatch, optional
        One row an event.
    first_history : int, optional
        Column of item 0 as a part of a history, the others' follow; None where a history is no feature.
    history_power : float
        A history of n items has each with the value n^-power.
    """

    items: RowBatch
    history_offsets: Int64Array
    history_items: Int32Array
    users: RowBatch | None = None
    contexts: RowBatch | None = None
    first_history: int | None = None
    history_power: float = 0.5

    @property
    def n_users(self) -> int:
        """Number of users."""
        return len(self.history_offsets) - 1

    def checked(self, n_features: int) -> Sides:
        """Return them with sound rows; UserError or DataError for what a kernel must not read."""
        n_items = self.items.n_rows
        check_vector("Ranking", "history_offsets", self.history_offsets, np.int64)
        check_vector("Ranking", "history_items", self.history_items, np.int32)
        offsets, taken = self.history_offsets, self.history_items
        if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(taken) or (np.diff(offsets) < 0).any():
            raise UserError("Ranking: 'history_offsets' must rise from 0 to the number of pairs.")
        inner = np.ones(len(taken), np.bool_)
        inner[offsets[:-1][np.diff(offsets) > 0]] = False
        if len(taken) and (
            not 0 <= taken.min() <= taken.max() < n_items or (np.diff(taken, prepend=-1)[inner] <= 0).any()
        ):
            raise UserError(f"Ranking: 'history_items' must ascend within [0, {n_items - 1}] for each user.")
        if self.users is not None and self.users.n_rows != self.n_users:
            raise UserError(
                f"Ranking: 'users' must have {self.n_users} rows, one a user. Got {self.users.n_rows}."
            )
        if self.first_history is not None and not 0 <= self.first_history <= n_features - n_items:
            raise UserError(
                f"Ranking: 'first_history' must leave room for {n_items} items below {n_features}. Got "
                f"{self.first_history}."
            )
        users, contexts = (
            None if rows is None else checked_rows(rows, n_features=n_features)
            for rows in (self.users, self.contexts)
        )
        return Sides(
            checked_rows(self.items, n_features=n_features), offsets, taken, users, contexts, self.first_history,
            self.history_power,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RankingEvents:
    """Who took what.

    Parameters
    ----------
    users, items : ndarray of shape (n_events,), int32
    weights : ndarray of shape (n_events,), float32, optional
        How much each counts.
    """

    users: Int32Array
    items: Int32Array
    weights: Float32Array | None = None


@dataclass(frozen=True, slots=True)
class Groups:
    """Events of one user that are learned together, while they are left out of the history.

    Parameters
    ----------
    users : ndarray of shape (n_groups,), int32
    offsets : ndarray of shape (n_groups + 1,), int64
    events : ndarray of shape (n_events,), int64
        Numbers of events, group by group.
    """

    users: Int32Array
    offsets: Int64Array
    events: Int64Array


@dataclass(frozen=True, slots=True)
class Negatives:
    """What is drawn against events: items by their probabilities, in constant time.

    Parameters
    ----------
    accept : ndarray of shape (n_items,), float32
    aliases : ndarray of shape (n_items,), int32
    logs : ndarray of shape (n_items,), float32
        Logarithms of the probabilities; 0 where an item is never drawn.

    References
    ----------
    Walker, "An efficient method for generating discrete random variables with general distributions", ACM
    Transactions on Mathematical Software 3(3), 1977.
    """

    accept: Float32Array
    aliases: Int32Array
    logs: Float32Array

    @classmethod
    def of_weights(cls, weights: npt.NDArray[np.floating]) -> Negatives:
        """Draw each item as often as its weight says; an item of weight 0 never."""
        amounts = np.asarray(weights, np.float64)
        total = float(amounts.sum())
        if amounts.ndim != 1 or not (amounts >= 0).all() or not 0 < total < np.inf:
            raise UserError("Negatives: weights must be finite numbers of 0 or more, one of them above 0.")
        shares = amounts / total
        accept = shares * len(shares)
        aliases = np.arange(len(shares), dtype=np.int32)
        small = np.flatnonzero(accept < 1).tolist()
        large = np.flatnonzero(accept >= 1).tolist()
        heights = accept.tolist()
        while small and large:
            low, high = small.pop(), large[-1]
            aliases[low] = high
            heights[high] -= 1 - heights[low]
            if heights[high] < 1:
                small.append(large.pop())
        full = np.array(heights)
        full[small + large] = np.where(shares[small + large] > 0, 1.0, 0.0)
        spare = int(np.argmax(shares))
        aliases[(full == 0) & (aliases == np.arange(len(shares)))] = spare
        logs = np.log(shares, out=np.zeros(len(shares)), where=shares > 0)
        return cls(full.astype(np.float32), aliases, logs.astype(np.float32))


@dataclass(frozen=True, slots=True)
class RankingStep:
    """How one pass learns.

    Parameters
    ----------
    loss : {"bpr", "warp", "softmax"}
        BPR: each event's item against each that is drawn, as a log loss of their difference. WARP: against the first
        that comes within 1 of it, by the logarithm of the rank that this suggests. Softmax: against all that are drawn
        at once, each standing for one over the number of times that it is drawn.
    n_negatives : int
        Items that are drawn for a group.
    factors_rate, weights_rate : float
        AdaGrad's.
    factors_decay, weights_decay : float
        L2 penalties, paid as far as events pull at a feature.
    user_dropout, item_dropout : float
        Probability that the first feature of a row, an id, is left out.
    """

    loss: RankingLoss = "softmax"
    n_negatives: int = 128
    factors_rate: float = 0.05
    weights_rate: float = 0.05
    factors_decay: float = 0.0
    weights_decay: float = 0.0
    user_dropout: float = 0.0
    item_dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class RankingTotals:
    """Sums over the events of a pass, before they are learned from.

    Parameters
    ----------
    loss, weight : float
    n_drawn : float
        Items that were scored against an event.
    """

    loss: float
    weight: float
    n_drawn: float


def fm_train_ranking(
    table: Table,
    n_factors: int,
    sides: Sides,
    events: RankingEvents,
    *,
    groups: Groups,
    negatives: Negatives,
    step: RankingStep,
    seed: int = 0,
    n_threads: int = 1,
) -> RankingTotals:
    """Learn one pass over groups of events, in place.

    The score of an item is ``<q, s> + c``: q the sum of the factors of user, context and history, s that of the item's
    features, c their weights and the pairs among them. Time is O(n_factors * (non-zeros of what a group holds and
    draws, and of the user's history)), besides O(n_factors * n_events * n_negatives) for scores.

    Parameters
    ----------
    table : ndarray of shape (n_features, stride), float32
        Of `allocate_ranking_table`.
    n_factors : int
    sides : Sides
        Checked.
    events : RankingEvents
    groups : Groups
    negatives : Negatives
    step : RankingStep
    seed : int
        What is drawn depends on it and the group alone.
    n_threads : int
        Several share the table without locks: the result is then not the same every time.

    References
    ----------
    Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009; Weston, Bengio and Usunier,
    "WSABIE: scaling up to large vocabulary image annotation", IJCAI 2011; Bengio and Senécal, "Adaptive importance
    sampling to accelerate training of a neural probabilistic language model", IEEE Transactions on Neural Networks
    19(4), 2008; Duchi, Hazan and Singer, "Adaptive subgradient methods", JMLR 2011.
    """
    _check_table(table, n_factors, step)
    _check_events(sides, events, groups, negatives)
    width = padded_factors(n_factors)
    if not len(groups.users):
        return RankingTotals(0.0, 0.0, 0.0)
    corrections = negatives.logs + np.float32(np.log(step.n_negatives))
    loss, weight, n_drawn = _native.fm_train_ranking(
        table, n_factors, width, native_rows(sides.users or EMPTY), native_rows(sides.items),
        native_rows(sides.contexts or EMPTY), sides.history_offsets, sides.history_items,
        -1 if sides.first_history is None else sides.first_history, sides.history_power, groups.users, groups.offsets,
        int(np.diff(groups.offsets).max()), groups.events, events.items, events.weights, step.n_negatives,
        negatives.accept, negatives.aliases, corrections, getattr(_native.RankingLoss, step.loss.upper()),
        (step.factors_rate, step.weights_rate), (step.factors_decay, step.weights_decay),
        (step.user_dropout, step.item_dropout), seed, n_threads, chosen_level(),
    )  # fmt: skip
    return RankingTotals(loss, weight, n_drawn)


def _check_table(table: Table, n_factors: int, step: RankingStep) -> None:
    width = padded_factors(n_factors)
    if table.ndim != 2 or table.shape[1] < width + LANES or table.dtype != np.float32:
        raise UserError(
            f"{WHO}: 'table' must be float32 and {width + LANES} wide or more. Got {table.dtype} of {table.shape}."
        )
    if step.loss not in RANKING_LOSSES:
        raise UserError(f"{WHO}: 'loss' must be one of {', '.join(RANKING_LOSSES)}. Got {step.loss!r}.")
    if step.n_negatives < 1:
        raise UserError(f"{WHO}: 'n_negatives' must be 1 or more. Got {step.n_negatives}.")


def _check_events(sides: Sides, events: RankingEvents, groups: Groups, negatives: Negatives) -> None:
    n_items, n_events = sides.items.n_rows, len(events.items)
    check_vector(WHO, "items of events", events.items, np.int32)
    check_vector(WHO, "accept", negatives.accept, np.float32, n_items)
    check_vector(WHO, "aliases", negatives.aliases, np.int32, n_items)
    check_vector(WHO, "users of groups", groups.users, np.int32)
    check_vector(WHO, "offsets of groups", groups.offsets, np.int64, len(groups.users) + 1)
    check_vector(WHO, "events of groups", groups.events, np.int64)
    if events.weights is not None:
        check_vector(WHO, "weights of events", events.weights, np.float32, n_events)
    if sides.contexts is not None and sides.contexts.n_rows != n_events:
        raise UserError(
            f"{WHO}: 'contexts' must have {n_events} rows, one an event. Got {sides.contexts.n_rows}."
        )
    sizes = np.diff(groups.offsets)
    if (
        groups.offsets[0] != 0
        or groups.offsets[-1] != len(groups.events)
        or (len(sizes) and not 1 <= sizes.min() <= sizes.max() <= LARGEST_GROUP)
    ):
        raise UserError(f"{WHO}: groups must hold 1 to {LARGEST_GROUP} events each and all of them.")
    for name, numbers, limit in (
        ("items of events", events.items, n_items),
        ("aliases", negatives.aliases, n_items),
        ("users of groups", groups.users, sides.n_users),
        ("events of groups", groups.events, n_events),
    ):
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < limit:
            raise UserError(f"{WHO}: '{name}' must be in [0, {limit - 1}].")
