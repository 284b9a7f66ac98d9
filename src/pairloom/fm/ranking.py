"""Factorization machines that learn an order of items: settings, epochs, and the two sides as vectors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.fm.model import FactorizationMachine
from pairloom.kernels.fm import fm_scores
from pairloom.kernels.fm_ranking import (
    LARGEST_GROUP,
    RANKING_LOSSES,
    Groups,
    Negatives,
    RankingEvents,
    RankingLoss,
    RankingStep,
    Sides,
    allocate_ranking_table,
    fm_train_ranking,
    padded_factors,
)
from pairloom.kernels.native_rows import native_rows
from pairloom.rows import RowBatch

__all__ = ["RankingEpoch", "RankingEvents", "RankingSettings", "item_vectors", "query_sums", "train_ranking"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
ACCUMULATOR = 1e-4
LARGEST_FACTORS = 4096
BLOCK_NONZEROS = 1 << 18


@dataclass(frozen=True, slots=True)
class RankingSettings:
    """Settings of one training run.

    Parameters
    ----------
    loss : {"softmax", "warp", "bpr"}
    n_factors, epochs : int
    learning_rate : float
        AdaGrad's, at the beginning; it falls to a tenth, linearly.
    l2 : float
        Penalty of factors and weights, which each event's features and rivals pay as far as it pulls at them.
    n_negatives : int
        Items that are drawn against a group; WARP stops at the first that comes too near.
    popularity_power : float
        In [0, 1]: items are drawn by how often they were taken raised to it; 0 draws all alike.
    group_share : float
        In (0, 1]: share of a user's events that is left out of the history to be learned at once.
    largest_group : int
        Most events of a group.
    user_dropout, item_dropout : float
        In [0, 1): how often the first feature of a row, an id, is left out, so that the rest learns to do without.
    init_scale : float
        Standard deviation of the length that the vector of a feature begins with.
    random_state : int
    n_threads : int
    """

    loss: RankingLoss = "softmax"
    n_factors: int = 64
    epochs: int = 20
    learning_rate: float = 0.1
    l2: float = 0.0
    n_negatives: int = 256
    popularity_power: float = 0.5
    group_share: float = 0.2
    largest_group: int = 32
    user_dropout: float = 0.0
    item_dropout: float = 0.0
    init_scale: float = 0.1
    random_state: int = 0
    n_threads: int = 1

    def check(self, who: str) -> None:
        """Raise `UserError` for a setting out of its range."""
        if self.loss not in RANKING_LOSSES:
            raise UserError(f"{who}: 'loss' must be one of {', '.join(RANKING_LOSSES)}. Got {self.loss!r}.")
        for name, most in (("n_factors", LARGEST_FACTORS), ("epochs", 10**6), ("n_negatives", 1 << 16)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or not 1 <= value <= most:
                raise UserError(f"{who}: '{name}' must be an integer in [1, {most}]. Got {value!r}.")
        for name in ("learning_rate", "init_scale"):
            value = getattr(self, name)
            if not (_is_number(value) and 0 < value <= 1e3):
                raise UserError(f"{who}: '{name}' must be a number in (0, 1000]. Got {value!r}.")
        if not (_is_number(self.l2) and 0 <= self.l2 <= 1e3):
            raise UserError(f"{who}: 'l2' must be a number in [0, 1000]. Got {self.l2!r}.")
        if not (_is_number(self.popularity_power) and 0 <= self.popularity_power <= 1):
            raise UserError(
                f"{who}: 'popularity_power' must be a number in [0, 1]. Got {self.popularity_power!r}."
            )
        for name in ("user_dropout", "item_dropout"):
            if not (_is_number(getattr(self, name)) and 0 <= getattr(self, name) < 1):
                raise UserError(f"{who}: '{name}' must be a number in [0, 1). Got {getattr(self, name)!r}.")
        if not (_is_number(self.group_share) and 0 < self.group_share <= 1):
            raise UserError(f"{who}: 'group_share' must be a number in (0, 1]. Got {self.group_share!r}.")
        if not 1 <= self.largest_group <= LARGEST_GROUP:
            raise UserError(
                f"{who}: 'largest_group' must be in [1, {LARGEST_GROUP}]. Got {self.largest_group}."
            )


@dataclass(frozen=True, slots=True)
class RankingEpoch:
    """What a pass did.

    Parameters
    ----------
    epoch : int
        Counted from 1.
    loss : float
        Mean over events, each before it was learned.
    n_drawn : float
        Items that were scored against an event, on average.
    """

    epoch: int
    loss: float
    n_drawn: float


def train_ranking(
    sides: Sides,
    events: RankingEvents,
    n_features: int,
    settings: RankingSettings,
    *,
    on_epoch: Callable[[RankingEpoch], object] | None = None,
) -> FactorizationMachine:
    """Train a machine that ranks what users took above what they did not.

    Time of an epoch grows with the events, the drawn items, the non-zeros of rows and the factors, and with the square
    of the length of histories over the size of groups. Memory is that of the parameters and the rows, stored once.

    Parameters
    ----------
    sides : Sides
        Rows of users, items and contexts in columns of one matrix, and histories.
    events : RankingEvents
    n_features : int
        Width of the matrix.
    settings : RankingSettings
    on_epoch : callable, optional
        Is told of each pass.

    Returns
    -------
    FactorizationMachine
        Features that no event touched have no weight and no factors.

    Raises
    ------
    UserError
        For settings out of range.
    """
    settings.check("train_ranking")
    sides = sides.checked(n_features)
    rng = np.random.default_rng(settings.random_state)
    table = allocate_ranking_table(
        n_features, settings.n_factors, scale=settings.init_scale / math.sqrt(settings.n_factors),
        accumulator=ACCUMULATOR, rng=rng,
    )  # fmt: skip
    counts = np.bincount(events.items, minlength=sides.items.n_rows).astype(np.float64)
    if counts.any():
        weights = np.where(counts > 0, counts**settings.popularity_power, 0)
        negatives = Negatives.of_weights(weights)
        for epoch in range(settings.epochs):
            groups = _groups(events.users, sides.n_users, settings, rng)
            rate = settings.learning_rate * (1 - 0.9 * epoch / settings.epochs)
            step = RankingStep(
                settings.loss, settings.n_negatives, rate, rate, settings.l2, settings.l2, settings.user_dropout,
                settings.item_dropout,
            )  # fmt: skip
            totals = fm_train_ranking(
                table, settings.n_factors, sides, events, groups=groups, negatives=negatives, step=step,
                seed=int(rng.integers(1 << 62)), n_threads=settings.n_threads,
            )  # fmt: skip
            if on_epoch is not None:
                scale = max(totals.weight, 1e-30)
                n_events = max(1, len(events.items))
                on_epoch(RankingEpoch(epoch + 1, totals.loss / scale, totals.n_drawn / n_events))
    table[~_touched(sides, counts, n_features)] = 0
    width = padded_factors(settings.n_factors)
    factors, weights = table[:, : settings.n_factors], table[:, width]
    return FactorizationMachine.from_arrays("classification", 0.0, weights, factors)


def _groups(users: Int32Array, n_users: int, settings: RankingSettings, rng: np.random.Generator) -> Groups:
    """Part the events of each user into groups at random, in random order."""
    counts = np.bincount(users, minlength=n_users)
    keys = (users.astype(np.uint64) << np.uint64(32)) | rng.integers(0, 1 << 32, len(users), np.uint64)
    by_user = np.argsort(keys)
    sizes = np.clip(np.ceil(settings.group_share * counts), 1, settings.largest_group).astype(np.int64)
    starts = np.cumsum(counts) - counts
    places = np.arange(len(users)) - np.repeat(starts, counts)
    owners = users[by_user]
    begins = np.flatnonzero(places % sizes[owners] == 0)
    lengths = np.diff(np.append(begins, len(users)))
    order = rng.permutation(len(begins))
    begins, lengths = begins[order], lengths[order]
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)))
    within = np.arange(len(users)) - np.repeat(offsets[:-1], lengths)
    return Groups(owners[begins], offsets, by_user[np.repeat(begins, lengths) + within])


def _touched(sides: Sides, counts: npt.NDArray[np.float64], n_features: int) -> npt.NDArray[np.bool_]:
    """Which features belong to somebody who took something, or to something that was taken."""
    touched = np.zeros(n_features, np.bool_)
    active = np.diff(sides.history_offsets) > 0
    for rows, chosen in ((sides.items, counts > 0), (sides.users, active), (sides.contexts, None)):
        if rows is not None:
            kept = slice(None) if chosen is None else np.repeat(chosen, np.diff(rows.indptr))
            touched[rows.indices[kept]] = True
    if sides.first_history is not None:
        touched[sides.first_history + sides.history_items] = True
    return touched


def query_sums(machine: FactorizationMachine, rows: RowBatch) -> Float32Array:
    """Return the sum of each row's factors, of shape (n_rows, n_factors)."""
    sums = np.zeros((rows.n_rows, machine.n_factors), np.float32)
    lengths = np.diff(rows.indptr)
    begin = 0
    while begin < rows.n_rows:
        stop = int(np.searchsorted(rows.indptr, rows.indptr[begin] + BLOCK_NONZEROS, side="right")) - 1
        end = min(rows.n_rows, max(begin + 1, stop))
        first, last = int(rows.indptr[begin]), int(rows.indptr[end])
        known = machine.factors[rows.indices[first:last]]
        if rows.values is not None:
            known = known * rows.values[first:last, None]
        filled = np.flatnonzero(lengths[begin:end]) + begin
        if len(filled):
            sums[filled] = np.add.reduceat(known, rows.indptr[filled] - first, axis=0)
        begin = end
    return sums


def item_vectors(machine: FactorizationMachine, rows: RowBatch, *, n_threads: int = 1) -> Float32Array:
    """Return what ranks items: the sums of their factors, and one more column of all that does not depend on who asks.

    Its product with the sum of what asks, and a 1, is the machine's score but for what is the same for all items.

    Returns
    -------
    ndarray of shape (n_rows, n_factors + 1), float32
    """
    sums = query_sums(machine, rows)
    own = fm_scores(machine.table, machine.k_padded, 0.0, native_rows(rows), rows.n_rows, n_threads=n_threads)
    return np.concatenate((sums, own[:, None]), axis=1)


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float | np.floating | np.integer)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )
