"""What several recommenders would list, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.recommenders.askers import Askers
from pairloom.recommenders.recommender import Recommender

__all__ = ["Candidates", "find_candidates"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Items that may be listed for each asker, by asker and item.

    Parameters
    ----------
    askers, items : ndarray of shape (n_candidates,), int32
        Place of the asker, number of the item.
    ranks : ndarray of shape (n_candidates, n_parts), int32
        Place in the list of each part, from 1; 0 where it has the item not.
    scores : ndarray of shape (n_candidates, n_parts), float32
        Score in the list of each part, in standard deviations from the list's mean; 0 where it has the item not.
    """

    askers: Int32Array
    items: Int32Array
    ranks: Int32Array
    scores: Float32Array

    def __len__(self) -> int:
        return len(self.items)


def find_candidates(
    parts: Sequence[Recommender],
    askers: Askers,
    n: int,
    refused: npt.NDArray[np.bool_] | None = None,
    *,
    seen: bool = False,
) -> Candidates:
    """Ask each part for its n best items for each asker that it knows."""
    n_items = max(1, askers.histories.n_items)
    found_keys: list[npt.NDArray[np.int64]] = []
    found_ranks: list[Int32Array] = []
    found_scores: list[Float32Array] = []
    for part in parts:
        lists, scores = part._best(askers, min(n, n_items), refused, None, seen=seen)  # pyright: ignore[reportPrivateUsage]
        listed = (lists >= 0) & part._knows(askers)[:, None]  # pyright: ignore[reportPrivateUsage]
        owners, places = np.nonzero(listed)
        found_keys.append(owners * np.int64(n_items) + lists[listed])
        found_ranks.append((places + 1).astype(np.int32))
        found_scores.append(_standardised(scores, listed)[listed])
    keys = np.unique(np.concatenate(found_keys))
    ranks = np.zeros((len(keys), len(parts)), np.int32)
    relative = np.zeros((len(keys), len(parts)), np.float32)
    for part, own in enumerate(found_keys):
        rows = np.searchsorted(keys, own)
        ranks[rows, part], relative[rows, part] = found_ranks[part], found_scores[part]
    return Candidates((keys // n_items).astype(np.int32), (keys % n_items).astype(np.int32), ranks, relative)


def _standardised(scores: Float32Array, listed: npt.NDArray[np.bool_]) -> Float32Array:
    counts = np.maximum(listed.sum(axis=1, keepdims=True), 1)
    values = np.where(listed, scores, 0).astype(np.float64)
    centred = np.where(listed, values - values.sum(axis=1, keepdims=True) / counts, 0)
    spread = np.sqrt(np.square(centred).sum(axis=1, keepdims=True) / counts)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12).astype(np.float32)
