"""Matrix factorization of implicit feedback by alternating least squares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels.implicit_als import LANES, implicit_als
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.embeddings import EmbeddingRecommender
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Duplicates, Histories
from pairloom.recommenders.retrieval.building import Retrieval, checked_retrieval

__all__ = ["ImplicitALS"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
FOLD_IN_STEPS = 10
LARGEST = 1e6


class ImplicitALS(EmbeddingRecommender):
    """Users and items as vectors whose product tells what goes together.

    What was taken should score 1, everything else about 0, which counts less: both sides are solved in turn, each in
    closed form given the other. Memory and time grow with the pairs, not with users times items, so it suits catalogues
    that are too large for `EASE`. A new user, or new events of a known one, need no training: the user's vector is
    solved from the history when it is asked for.

    Parameters
    ----------
    n_factors : int
    epochs : int
        Times that both sides are solved.
    unobserved_weight : float
        What every pair of a user and an item counts, taken or not; a pair that was taken counts its weight besides.
    l2 : float
        Penalty of a vector, times what its row counts in all raised to `frequency_power`.
    frequency_power : float
        In [0, 1]: 0 gives every row the same penalty, 1 penalises those of many pairs more.
    init_scale : float
        Standard deviation of the length that vectors begin with.
    binary : bool
        Whether every interaction counts as 1, whatever its weight.
    retrieval : {"exact", "int8", "ann"}
        How items are found; "exact" and "int8" give the same answers, the second in a quarter of the time where the
        catalogue is large; "ann" (extra ``ann``) nearly the same, for catalogues of a million items and more. See
        `pairloom.recommenders.retrieval`.
    columns : Columns
    duplicates : {"sum", "last", "largest"}
    n_jobs : int, optional
        Threads; None is 1, -1 all cores. The result does not depend on them.
    random_state : int

    References
    ----------
    Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008; Rendle, Krichene, Zhang
    and Koren, "Revisiting the performance of iALS on item recommendation benchmarks", RecSys 2022.
    """

    name: ClassVar[str] = "implicit-als"

    def __init__(
        self,
        *,
        n_factors: int = 64,
        epochs: int = 15,
        unobserved_weight: float = 0.2,
        l2: float = 0.02,
        frequency_power: float = 1.0,
        init_scale: float = 0.1,
        binary: bool = True,
        retrieval: Retrieval = "exact",
        columns: Columns = USUAL_COLUMNS,
        duplicates: Duplicates = "sum",
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        if n_factors < 1 or epochs < 1:
            raise UserError(
                f"ImplicitALS: 'n_factors' and 'epochs' must be 1 or more. Got {n_factors} and {epochs}."
            )
        if not 0 < l2 < np.inf or not 0 < unobserved_weight < np.inf or not 0 < init_scale < np.inf:
            raise UserError(
                "ImplicitALS: 'l2', 'unobserved_weight' and 'init_scale' must be finite numbers above 0. Got "
                f"{l2}, {unobserved_weight} and {init_scale}."
            )
        if not 0 <= frequency_power <= 1:
            raise UserError(f"ImplicitALS: 'frequency_power' must be in [0, 1]. Got {frequency_power}.")
        self.n_factors, self.epochs = n_factors, epochs
        self.unobserved_weight, self.l2, self.frequency_power = unobserved_weight, l2, frequency_power
        self.init_scale, self.binary, self.random_state = init_scale, binary, random_state
        self.retrieval = checked_retrieval(retrieval)
        self.columns, self.duplicates, self.n_jobs = columns, duplicates, n_jobs

    def _learn(self) -> None:
        rng = np.random.default_rng(self.random_state)
        by_user = self._weighted(self.histories_)
        by_item = by_user.by_item()
        users, items = (self._begin(rng, side.n_users) for side in (by_user, by_item))
        for _ in range(self.epochs):
            self._solve(by_user, items, users)
            self._solve(by_item, users, items)
        if not np.isfinite(items).all():
            raise UserError(
                "ImplicitALS: interactions must weigh what float32 can square and add up. Got weights up to "
                f"{by_user.weights.max():g}. Scale them, or use binary=True."
            )
        self._take(items)

    def _learn_again(self, users: Int32Array) -> None:
        """Known vectors stay; a new item's is solved from the users who took it."""
        del users
        known = len(self._item_vectors)
        if known == self.histories_.n_items:
            return
        by_user = self._weighted(self.histories_)
        grown = np.zeros((by_user.n_items, self._item_vectors.shape[1]), np.float32)
        grown[:known] = self._item_vectors
        new = np.arange(known, by_user.n_items)
        vectors = np.zeros((by_user.n_users, grown.shape[1]), np.float32)
        self._solve(by_user, grown, vectors, FOLD_IN_STEPS)
        found = grown[known:].copy()
        self._solve(by_user.by_item().take(new), vectors, found, FOLD_IN_STEPS)
        grown[known:] = found
        self._take(grown)

    def _take(self, item_vectors: Float32Array) -> None:
        self._item_vectors = item_vectors
        self._item_gram = self._gram(item_vectors)

    def _gram(self, fixed: Float32Array) -> Float32Array:
        return (fixed.T @ fixed) * np.float32(self.unobserved_weight)

    def _weighted(self, histories: Histories) -> Histories:
        weights = np.ones(len(histories.items), np.float32) if self.binary else histories.weights
        return Histories(histories.offsets, histories.items, weights, histories.n_items)

    def _begin(self, rng: np.random.Generator, n_rows: int) -> Float32Array:
        padded = -(-self.n_factors // LANES) * LANES
        vectors = np.zeros((n_rows, padded), np.float32)
        scale = self.init_scale / np.sqrt(self.n_factors)
        vectors[:, : self.n_factors] = rng.normal(0, scale, (n_rows, self.n_factors))
        return vectors

    def _solve(
        self,
        side: Histories,
        fixed: Float32Array,
        solved: Float32Array,
        n_steps: int = 3,
        gram: Float32Array | None = None,
    ) -> None:
        gram = self._gram(fixed) if gram is None else gram
        counts = np.add.reduceat(np.append(side.weights, 0), side.offsets[:-1].clip(max=len(side.weights)))
        counts = np.where(np.diff(side.offsets) > 0, counts, 0) + self.unobserved_weight * len(fixed)
        penalties = (self.l2 * counts**self.frequency_power).astype(np.float32)
        implicit_als(
            offsets=side.offsets, others=side.items, weights=side.weights, fixed=fixed, gram=gram, penalties=penalties,
            solved=solved, n_steps=n_steps, n_threads=self._threads(),
        )  # fmt: skip

    def _queries(self, askers: Askers) -> Float32Array:
        vectors = np.zeros((len(askers), self._item_vectors.shape[1]), np.float32)
        histories = self._weighted(askers.histories)
        self._solve(histories, self._item_vectors, vectors, FOLD_IN_STEPS, self._item_gram)
        return vectors

    def _contributions(self, items: Int32Array, weights: Float32Array, target: int) -> Float32Array:
        """Split the score by the history, in the metric of the user's own system (Hu et al., section 5)."""
        history = Histories.single(items, weights, self.histories_.n_items)
        amounts = self._weighted(history).weights
        vectors = self._item_vectors[items].astype(np.float64)
        counts = float(amounts.sum()) + self.unobserved_weight * len(self._item_vectors)
        system = self._item_gram.astype(np.float64) + (vectors.T * amounts) @ vectors
        system[np.diag_indices(len(system))] += self.l2 * counts**self.frequency_power
        return (amounts * (vectors @ np.linalg.solve(system, self._item_vectors[target]))).astype(np.float32)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"item_vectors": self._item_vectors}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        vectors = np.array(arrays["item_vectors"])
        n_items = self.histories_.n_items
        padded = -(-self.n_factors // LANES) * LANES
        if vectors.shape != (n_items, padded) or vectors.dtype != np.float32:
            raise ValueError("vectors that do not fit the items")
        if not (np.abs(vectors) < LARGEST).all():
            raise ValueError(f"vectors that are not numbers below {LARGEST:g}")
        self._take(vectors)
