"""A part of some users' items that training does not see, to stop in time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.recommenders.interactions import Histories

__all__ = ["LIST_LENGTH", "hold_back", "mean_ndcg"]

Float32Array = npt.NDArray[np.float32]
MOST_ASKED, LEAST_ITEMS, HELD_SHARE, LIST_LENGTH = 1000, 5, 0.2, 20


def hold_back(
    histories: Histories, share: float, rng: np.random.Generator
) -> tuple[Histories, tuple[npt.NDArray[np.int32], Histories] | None]:
    """Hold back a fifth of the items of a share of the users, of those with five or more.

    Returns
    -------
    (Histories, (users, Histories) or None)
        What training sees; whom to ask about what was held back, None where that leaves nobody.
    """
    able = np.flatnonzero(np.diff(histories.offsets) >= LEAST_ITEMS)
    n_asked = min(MOST_ASKED, round(share * len(able)))
    if n_asked == 0:
        return histories, None
    users = np.sort(rng.choice(able, n_asked, replace=False)).astype(np.int32)
    rows = histories.owners()
    draws = np.where(np.isin(rows, users), rng.random(len(rows)), 2.0)
    order = np.lexsort((draws, rows))
    ranks = np.empty(len(rows), np.int64)
    ranks[order] = np.arange(len(rows)) - histories.offsets[rows[order]]
    held = (draws < 2) & (ranks < np.maximum(1, HELD_SHARE * np.diff(histories.offsets)[rows]))
    return _part(histories, ~held), (users, _part(histories, held).take(users))


def _part(histories: Histories, chosen: npt.NDArray[np.bool_]) -> Histories:
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(chosen, dtype=np.int64)))[histories.offsets]
    return Histories(offsets, histories.items[chosen], histories.weights[chosen], histories.n_items)


def mean_ndcg(
    vectors: Float32Array, biases: Float32Array, queries: Float32Array, shown: Histories, held: Histories
) -> float:
    """Return the mean NDCG@20 over the whole catalogue, less what is shown, of finding what was held back.

    Parameters
    ----------
    vectors, biases : ndarrays of shape (n_items, n_columns) and (n_items,), float32
    queries : ndarray of shape (n_askers, n_columns), float32
    shown, held : Histories of n_askers
    """
    n = min(LIST_LENGTH, len(vectors))
    discounts = 1 / np.log2(np.arange(n) + 2)
    values: list[float] = []
    for asker, query in enumerate(queries):
        scores = vectors @ query + biases
        scores[shown.of(asker)[0]] = -np.inf
        best = np.argpartition(-scores, n - 1)[:n]
        best = best[np.argsort(-scores[best], kind="stable")]
        wanted = held.of(asker)[0]
        values.append(float(discounts[np.isin(best, wanted)].sum() / discounts[: len(wanted)].sum()))
    return float(np.mean(values))
