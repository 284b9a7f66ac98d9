"""EASE: the best linear map from a history to a catalogue, in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Duplicates, Histories
from pairloom.recommenders.recommender import Recommender

__all__ = ["EASE"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Int32Array = npt.NDArray[np.int32]
BLOCK_USERS = 4096
FEW_ASKERS = 8
"""So many are better served by the rows of their items than by a product with all rows."""


class EASE(Recommender):
    """A weight from every item to every other, all of them at once.

    The most accurate of the simple models up to some 20,000 items; time grows with the cube of the items (or of the
    users, where these are fewer), memory with their square (20,000: 6.4 GB while it learns). An event changes its
    user's history at once; the weights stay until the next fit.

    Parameters
    ----------
    l2 : float
        Penalty; more of it for fewer events.
    binary : bool
        Whether every interaction counts as 1, whatever its weight.
    columns : Columns
    duplicates : {"sum", "last", "largest"}
    n_jobs : int, optional
        Threads that choose items; None is 1, -1 all cores.

    References
    ----------
    Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.
    """

    name: ClassVar[str] = "ease"

    def __init__(
        self,
        *,
        l2: float = 300.0,
        binary: bool = True,
        columns: Columns = USUAL_COLUMNS,
        duplicates: Duplicates = "sum",
        n_jobs: int | None = None,
    ) -> None:
        if not 0 < l2 < np.inf:
            raise UserError(f"EASE: 'l2' must be a finite number above 0. Got {l2}.")
        self.l2, self.binary = l2, binary
        self.columns, self.duplicates, self.n_jobs = columns, duplicates, n_jobs

    def _learn(self) -> None:
        inverse = self._inverse_by_users() if self._few_users() else self._inverse_by_items()
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0)
        self._weights = weights.astype(np.float32)

    def _few_users(self) -> bool:
        return self.histories_.n_users <= min(self.histories_.n_items, BLOCK_USERS)

    def _inverse_by_items(self) -> Float64Array:
        n_items = self.histories_.n_items
        gram = np.zeros((n_items, n_items), np.float64)
        for begin in range(0, self.histories_.n_users, BLOCK_USERS):
            users = np.arange(begin, min(begin + BLOCK_USERS, self.histories_.n_users))
            rows = self._dense(self.histories_.take(users))
            gram += rows.T @ rows
        gram[np.diag_indices(n_items)] += self.l2
        return np.asarray(np.linalg.inv(gram), np.float64)

    def _inverse_by_users(self) -> Float64Array:
        """Woodbury's identity: with fewer users than items, their Gram matrix is the smaller one to invert."""
        rows = self._dense(self.histories_).astype(np.float64)
        gram = rows @ rows.T
        gram[np.diag_indices(len(gram))] += self.l2
        inverse: Float64Array = np.asarray(rows.T @ (np.linalg.solve(gram, rows) / -self.l2), np.float64)
        inverse[np.diag_indices(len(inverse))] += 1 / self.l2
        return inverse

    def _learn_again(self, users: Int32Array) -> None:
        del users
        grown = self.histories_.n_items - len(self._weights)
        self._weights = np.pad(self._weights, ((0, grown), (0, grown)))

    def _dense(self, histories: Histories) -> Float32Array:
        rows = np.zeros((histories.n_users, histories.n_items), np.float32)
        rows[histories.owners(), histories.items] = 1 if self.binary else histories.weights
        return rows

    def _scores(self, askers: Askers) -> Float32Array:
        histories = askers.histories
        if len(askers) > FEW_ASKERS:
            return self._dense(histories) @ self._weights
        scores = np.empty((len(askers), len(self._weights)), np.float32)
        for user in range(len(askers)):
            items, weights = histories.of(user)
            rows = self._weights[items]
            scores[user] = rows.sum(axis=0) if self.binary else weights @ rows
        return scores

    def _related(self, item: int) -> Float32Array:
        return self._weights[item].copy()

    def _contributions(self, items: Int32Array, weights: Float32Array, target: int) -> Float32Array:
        return self._weights[items, target] * (1 if self.binary else weights)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"weights": self._weights}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._weights = np.array(arrays["weights"])
        if self._weights.shape != (self.histories_.n_items, self.histories_.n_items):
            raise ValueError("weights that do not fit the items")
