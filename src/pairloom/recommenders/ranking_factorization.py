"""Matrix factorization that learns to rank what was taken above what was not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels.pairwise import (
    LANES,
    Negatives,
    PairwiseFactors,
    PairwiseLoss,
    PairwiseSteps,
    PairwiseTraining,
    TakenPairs,
)
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.embeddings import EmbeddingRecommender
from pairloom.recommenders.interactions import Columns, Duplicates, Histories
from pairloom.recommenders.retrieval.building import Retrieval, checked_retrieval

__all__ = ["RankingFactorization", "Solver"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
Solver = Literal["adagrad", "sgd"]
SOLVERS = ("adagrad", "sgd")
UPDATE_EPOCHS = 10
LARGEST = 1e6
MOST_COMPARED = 512
"""Items that a reason compares a history with."""


class RankingFactorization(EmbeddingRecommender):
    """Base of `BPR` and `WARP`; not public by itself."""

    loss: ClassVar[PairwiseLoss]
    bias_columns: ClassVar[int] = 1
    max_sampled: int = 1

    def __init__(
        self,
        *,
        n_factors: int,
        epochs: int,
        learning_rate: float,
        l2: float,
        bias_l2: float,
        solver: Solver,
        popularity_power: float,
        init_scale: float,
        fold_in_epochs: int,
        binary: bool,
        retrieval: Retrieval,
        columns: Columns,
        duplicates: Duplicates,
        n_jobs: int | None,
        random_state: int,
    ) -> None:
        who = type(self).__name__
        if n_factors < 1 or epochs < 1 or fold_in_epochs < 1:
            raise UserError(
                f"{who}: 'n_factors', 'epochs' and 'fold_in_epochs' must be 1 or more. Got {n_factors}, {epochs} and "
                f"{fold_in_epochs}."
            )
        if not 0 < learning_rate < np.inf or not 0 < init_scale < np.inf:
            raise UserError(
                f"{who}: 'learning_rate' and 'init_scale' must be finite numbers above 0. Got {learning_rate} and "
                f"{init_scale}."
            )
        if not 0 <= l2 < np.inf or not 0 <= bias_l2 < np.inf:
            raise UserError(
                f"{who}: 'l2' and 'bias_l2' must be finite numbers of 0 or more. Got {l2} and {bias_l2}."
            )
        if not 0 <= popularity_power <= 1:
            raise UserError(f"{who}: 'popularity_power' must be in [0, 1]. Got {popularity_power}.")
        if solver not in SOLVERS:
            raise UserError(f"{who}: 'solver' must be one of {', '.join(SOLVERS)}. Got {solver!r}.")
        self.n_factors, self.epochs, self.fold_in_epochs = n_factors, epochs, fold_in_epochs
        self.learning_rate, self.l2, self.bias_l2 = learning_rate, l2, bias_l2
        self.solver: Solver = solver
        self.popularity_power, self.init_scale = popularity_power, init_scale
        self.binary, self.random_state = binary, random_state
        self.retrieval = checked_retrieval(retrieval)
        self.columns, self.duplicates, self.n_jobs = columns, duplicates, n_jobs

    def _learn(self) -> None:
        rng = np.random.default_rng(self.random_state)
        users, items = (self._begin(rng, n) for n in (self.histories_.n_users, self.histories_.n_items))
        factors = self._factors_of(users, items, np.zeros(len(items), np.float32))
        self._steps = self._steps_now()
        training = PairwiseTraining(factors, self._pairs(self.histories_), self._steps)
        for epoch in range(self.epochs):
            training.epoch(self._seed(epoch), n_threads=self._threads())
        self._check(users, items, factors.biases)
        self._keep(users, items, factors.biases)

    def _learn_again(self, users: Int32Array) -> None:
        """Known items' vectors stay; new items and the changed users learn from these users' pairs."""
        known_users, known = len(self._user_vectors), len(self._items)
        rng = np.random.default_rng([self.random_state, known, known_users])
        grown_users = self._grown(self._user_vectors, self.histories_.n_users)
        items, biases = self._items, self._biases
        if known < self.histories_.n_items:
            items = self._grown(items, self.histories_.n_items)
            items[known:] = self._begin(rng, len(items) - known)
            biases = self._grown(biases, len(items))
            biases[known:] = np.median(biases[:known]) if known else 0
        pairs = self._pairs(self.histories_.take(users))
        vectors = grown_users[users]
        self._steps = self._steps_now()
        self._fold_in(vectors, pairs, items, biases, UPDATE_EPOCHS)
        if known < len(items):
            factors = self._factors_of(vectors, items, biases)
            training = PairwiseTraining(factors, pairs, self._steps, first_item=known)
            for epoch in range(UPDATE_EPOCHS):
                training.epoch(self._seed(epoch))
        self._check(vectors, items[known:], biases[known:])
        grown_users[users] = vectors
        self._keep(grown_users, items, biases)

    def _grown(self, rows: Float32Array, n: int) -> Float32Array:
        grown = np.zeros((n, *rows.shape[1:]), np.float32)
        grown[: len(rows)] = rows
        return grown

    def _begin(self, rng: np.random.Generator, n_rows: int) -> Float32Array:
        vectors = np.zeros((n_rows, -(-self.n_factors // LANES) * LANES), np.float32)
        scale = self.init_scale / np.sqrt(self.n_factors)
        vectors[:, : self.n_factors] = rng.normal(0, scale, (n_rows, self.n_factors))
        return vectors

    def _factors_of(self, users: Float32Array, items: Float32Array, biases: Float32Array) -> PairwiseFactors:
        """Sums of AdaGrad begin at 1: the first steps are not larger than the rate."""
        if self.solver == "sgd":
            return PairwiseFactors(users, items, biases)
        sums = np.ones_like(users), np.ones_like(items), np.ones_like(biases)
        return PairwiseFactors(users, items, biases, sums)

    def _pairs(self, histories: Histories) -> TakenPairs:
        weights = None if self.binary else histories.weights
        return TakenPairs(histories.offsets, histories.items, histories.n_items, weights)

    def _steps_now(self) -> PairwiseSteps:
        negatives = None
        if self.popularity_power > 0 and self.popularity_.any():
            negatives = Negatives(self.popularity_.astype(np.float64) ** self.popularity_power)
        return PairwiseSteps(
            self.loss, self.learning_rate, self.l2, self.bias_l2, max_sampled=self.max_sampled, negatives=negatives
        )  # fmt: skip

    def _seed(self, epoch: int) -> int:
        return int(np.random.SeedSequence([self.random_state, epoch]).generate_state(1, np.uint64)[0])

    def _check(self, *learned: Float32Array) -> None:
        if not all((np.abs(each) < LARGEST).all() for each in learned):
            raise UserError(
                f"{type(self).__name__}: learning must stay within numbers below {LARGEST:g}. It went beyond them with "
                f"a 'learning_rate' of {self.learning_rate:g} and weights up to {self.histories_.weights.max():g}. "
                "Lower the rate, scale the weights, or use binary=True."
            )

    def _keep(self, users: Float32Array, items: Float32Array, biases: Float32Array) -> None:
        if self.__dict__.get("_items") is not items or self.__dict__.get("_biases") is not biases:
            self._item_vectors = np.column_stack((items[:, : self.n_factors], biases))
        self._user_vectors, self._items, self._biases = users, items, biases

    def _queries(self, askers: Askers) -> Float32Array:
        found = np.ones((len(askers), self.n_factors + 1), np.float32)
        known = (askers.users >= 0) & (askers.users < len(self._user_vectors))
        found[known, :-1] = self._user_vectors[askers.users[known], : self.n_factors]
        unknown = np.flatnonzero(~known)
        if len(unknown):
            histories = askers.histories.take(unknown) if known.any() else askers.histories
            found[unknown, :-1] = self._folded_in(histories)[:, : self.n_factors]
        return found

    def _folded_in(self, histories: Histories) -> Float32Array:
        vectors = np.zeros((histories.n_users, self._items.shape[1]), np.float32)
        self._fold_in(vectors, self._pairs(histories), self._items, self._biases, self.fold_in_epochs)
        return vectors

    def _fold_in(
        self, vectors: Float32Array, pairs: TakenPairs, items: Float32Array, biases: Float32Array, epochs: int
    ) -> None:
        sums = None if self.solver == "sgd" else (np.ones_like(vectors), None, None)
        training = PairwiseTraining(PairwiseFactors(vectors, items, biases, sums), pairs, self._steps)
        training.fold_in(epochs, self._seed(0), n_threads=self._threads())

    def _contributions(self, items: Int32Array, weights: Float32Array, target: int) -> Float32Array:
        """Split the score by the history, as its slopes add up to the user's vector where learning ends.

        There the vector is a multiple of the sum, over what was taken, of how far each item's vector is from those that
        compete with it. What is left is no single item's, and is shared alike; the item's bias is nobody's doing.
        """
        history = Histories.single(items, weights, self.histories_.n_items)
        vector = self._folded_in(history)[0].astype(np.float64)
        others = np.setdiff1d(np.arange(self.histories_.n_items), items)
        others = others[:: max(1, len(others) // MOST_COMPARED)]
        score = float(vector @ self._items[target])
        if not len(others):
            return np.full(len(items), score / max(1, len(items)), np.float32)
        scores = self._items.astype(np.float64) @ vector + self._biases
        chances = 1 / (1 + np.exp(np.clip(scores[items][:, None] - scores[others], -50, 50)))
        slopes = chances.sum(axis=1)[:, None] * self._items[items] - chances @ self._items[others]
        slopes *= 1 if self.binary else weights[:, None]
        whole = slopes.sum(axis=0)
        length = whole @ whole
        share = (vector @ whole) / length if length > 0 else 0.0
        added = share * (slopes @ self._items[target])
        return (added + (score - added.sum()) / len(items)).astype(np.float32)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"user_vectors": self._user_vectors, "item_vectors": self._items, "item_biases": self._biases}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        users, items, biases = (
            np.array(arrays[name]) for name in ("user_vectors", "item_vectors", "item_biases")
        )
        padded = -(-self.n_factors // LANES) * LANES
        shapes = (
            (self.histories_.n_users, padded),
            (self.histories_.n_items, padded),
            (self.histories_.n_items,),
        )
        for array, shape in zip((users, items, biases), shapes, strict=True):
            if array.shape != shape or array.dtype != np.float32:
                raise ValueError("vectors that do not fit the users and items")
            if not (np.abs(array) < LARGEST).all():
                raise ValueError(f"vectors that are not numbers below {LARGEST:g}")
        if users[:, self.n_factors :].any() or items[:, self.n_factors :].any():
            raise ValueError("vectors with numbers behind the last factor")
        self._steps = self._steps_now()
        self._keep(users, items, biases)
