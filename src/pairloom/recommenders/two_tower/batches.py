"""What each step of training is asked: histories, what was taken besides, and what it must be told from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pairloom.recommenders.interactions import Histories

__all__ = ["LOSSES", "Batch", "Loss", "multi_label_batches", "pair_batches"]

Loss = Literal["in-batch", "multi-label"]
LOSSES: tuple[Loss, ...] = ("in-batch", "multi-label")
Int32Array = npt.NDArray[np.int32]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Batch:
    """One step.

    Parameters
    ----------
    users : ndarray of shape (n_askers,), int32
    histories : Histories
        What is shown of each asker's history.
    target_rows, targets : ndarrays of shape (n_targets,)
        Asker and item of each thing to be found.
    target_weights : ndarray of shape (n_targets,), float32
    taken_rows, taken : ndarrays
        Asker and item of everything that an asker has, shown or to be found.
    """

    users: Int32Array
    histories: Histories
    target_rows: npt.NDArray[np.int64]
    targets: Int32Array
    target_weights: npt.NDArray[np.float32]
    taken_rows: npt.NDArray[np.int64]
    taken: Int32Array


def pair_batches(
    histories: Histories, size: int, hidden_share: float, longest: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Yield every pair of a user and an item once, in random order, each beside a part of the rest of the history."""
    owners = histories.owners()
    order = rng.permutation(len(owners))
    for begin in range(0, len(order), size):
        pairs = order[begin : begin + size]
        users, targets = owners[pairs], histories.items[pairs]
        whole = histories.take(users)
        rows = whole.owners().astype(np.int64)
        shown = rng.random(len(rows)) < _keeping(whole, hidden_share, longest)
        shown &= whole.items != targets[rows]
        yield Batch(
            users, _shown(whole, shown), np.arange(len(pairs)), targets, histories.weights[pairs],
            rows, whole.items,
        )  # fmt: skip


def multi_label_batches(
    histories: Histories, size: int, hidden_share: float, longest: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Yield every user once, in random order: a part of the history is shown, all the rest is to be found."""
    users = np.flatnonzero(np.diff(histories.offsets) > 0)
    order = rng.permutation(users).astype(np.int32)
    for begin in range(0, len(order), size):
        chosen = order[begin : begin + size]
        whole = histories.take(chosen)
        rows = whole.owners().astype(np.int64)
        hidden = rng.random(len(rows)) < hidden_share
        hidden[whole.offsets[:-1] + (rng.random(len(chosen)) * np.diff(whole.offsets)).astype(np.int64)] = (
            True
        )
        shown = ~hidden & (rng.random(len(rows)) < _keeping(whole, 0.0, longest))
        yield Batch(
            chosen, _shown(whole, shown), rows[hidden], whole.items[hidden], whole.weights[hidden],
            rows, whole.items,
        )  # fmt: skip


def _keeping(whole: Histories, hidden_share: float, longest: int) -> Float64Array:
    """Return the chance of each pair to be shown: so that about `longest` of a long history are."""
    chances = np.minimum(1 - hidden_share, longest / np.maximum(1, np.diff(whole.offsets)))
    return np.repeat(chances, np.diff(whole.offsets))


def _shown(whole: Histories, shown: npt.NDArray[np.bool_]) -> Histories:
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(shown, dtype=np.int64)))[whole.offsets]
    return Histories(offsets, whole.items[shown], whole.weights[shown], whole.n_items)
