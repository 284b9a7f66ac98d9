"""Matrix factorization by stochastic gradient descent, linear or through a shared layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.embeddings import EmbeddingRecommender
from pairloom.recommenders.factor_descent import DescentSettings, Factors, descend
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Duplicates, Histories
from pairloom.recommenders.retrieval.building import Retrieval, checked_retrieval

__all__ = ["MatrixFactorization"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Int32Array = npt.NDArray[np.int32]
Loss = Literal["squared", "logistic"]
LARGEST, LEAST_PENALTY = 1e6, 1e-3
RATES, PENALTIES = {"squared": 0.005, "logistic": 0.002}, {"squared": 0.08, "logistic": 0.01}


class MatrixFactorization(EmbeddingRecommender):
    """Users and items as vectors whose product, with a bias of each, is the rating or the chance of an event.

    For ratings to be predicted (`predict`, `loss="squared"`, where the weights of interactions are the ratings) or for
    lists from what was taken (`loss="logistic"`, against items drawn at random). With ``layer="relu"`` both vectors go
    through one dense layer with a ReLU before their product. Time grows with events times factors (with a layer: times
    their square) times epochs, memory with users and items times factors.

    A known user is asked about by the vector that training found. Another's is solved from the history when it is asked
    for: a weight stands for a rating, an item without one for the highest. `update` solves the vectors of users with
    new events and of new items, and leaves the others.

    Parameters
    ----------
    loss : {"logistic", "squared"}
    n_factors : int
    layer : {"relu"}, optional
        Default: none, the product of the vectors themselves.
    epochs : int
    batch_size : int
        Events of a step; for "logistic" with the items drawn for them.
    learning_rate : float, optional
        Of one event; batches add theirs up. Default: 0.002 for "logistic", 0.005 for "squared".
    momentum : float
        In [0, 1). Rows move when a batch touches them.
    dropout : float
        In [0, 1): share of a vector's numbers that a step leaves out.
    l2 : float, optional
        Penalty of a vector, for each of its events. Default: 0.01 for "logistic", 0.08 for "squared".
    n_negatives : int
        Items drawn for each event, for "logistic".
    binary : bool
        For "logistic": whether every interaction counts as 1, whatever its weight.
    retrieval : {"exact", "int8", "ann"}
        How items are found, as for `ImplicitALS`.
    columns : Columns
        For "squared", `weight` must name the column of ratings, which are above 0.
    duplicates : {"last", "sum", "largest"}
    n_jobs : int, optional
        Threads that find items; None is 1, -1 all cores. Learning takes one.
    random_state : int

    References
    ----------
    Koren, Bell and Volinsky, "Matrix factorization techniques for recommender systems", Computer 42(8), 2009; Glorot
    and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010 (how vectors
    begin).
    """

    name: ClassVar[str] = "matrix-factorization"
    bias_columns: ClassVar[int] = 2

    def __init__(
        self,
        *,
        loss: Loss = "logistic",
        n_factors: int = 64,
        layer: Literal["relu"] | None = None,
        epochs: int = 20,
        batch_size: int = 50,
        learning_rate: float | None = None,
        momentum: float = 0.9,
        dropout: float = 0.2,
        l2: float | None = None,
        n_negatives: int = 8,
        binary: bool = True,
        retrieval: Retrieval = "exact",
        columns: Columns = USUAL_COLUMNS,
        duplicates: Duplicates = "last",
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        who = "MatrixFactorization"
        if loss not in ("squared", "logistic") or layer not in (None, "relu"):
            raise UserError(
                f"{who}: 'loss' must be squared or logistic, and 'layer' relu or none. Got {loss!r} and {layer!r}."
            )
        if min(n_factors, epochs, batch_size, n_negatives) < 1:
            raise UserError(
                f"{who}: 'n_factors', 'epochs', 'batch_size' and 'n_negatives' must be 1 or more. Got {n_factors}, "
                f"{epochs}, {batch_size} and {n_negatives}."
            )
        rate = RATES[loss] if learning_rate is None else learning_rate
        penalty = PENALTIES[loss] if l2 is None else l2
        if not 0 < rate < np.inf or not 0 <= penalty < np.inf:
            raise UserError(
                f"{who}: 'learning_rate' must be a finite number above 0 and 'l2' one of 0 or more. Got "
                f"{rate} and {penalty}."
            )
        if not 0 <= momentum < 1 or not 0 <= dropout < 1:
            raise UserError(
                f"{who}: 'momentum' and 'dropout' must be in [0, 1). Got {momentum} and {dropout}."
            )
        self.loss: Loss = loss
        self.n_factors, self.layer, self.epochs, self.batch_size = n_factors, layer, epochs, batch_size
        self.learning_rate, self.momentum, self.dropout, self.l2 = rate, momentum, dropout, penalty
        self.n_negatives, self.binary, self.random_state = n_negatives, binary, random_state
        self.retrieval = checked_retrieval(retrieval)
        self.columns, self.duplicates, self.n_jobs = columns, duplicates, n_jobs

    def _learn(self) -> None:
        if self.loss == "squared" and self.columns.weight is None:
            raise UserError(
                "MatrixFactorization: loss='squared' must have ratings. Name their column: "
                "columns=Columns(weight='rating'), or take loss='logistic'."
            )
        settings = DescentSettings(
            self.loss, self.epochs, self.batch_size, self.learning_rate, self.momentum, self.dropout, self.l2,
            self.n_negatives,
        )  # fmt: skip
        rng = np.random.default_rng(self.random_state)
        shape = self.histories_.n_users, self.histories_.n_items, self.n_factors
        factors = Factors.begin(shape, rng, has_layer=self.layer is not None)
        descend(factors, self._weighted(self.histories_), settings, rng)
        learned = factors.users(), factors.items(), factors.user_biases, factors.item_biases
        if not all((np.abs(each) < LARGEST).all() for each in learned):
            raise UserError(
                f"MatrixFactorization: learning must stay within numbers below {LARGEST:g}. It went beyond them with a "
                f"'learning_rate' of {self.learning_rate:g}. Lower the rate."
            )
        weights = self.histories_.weights
        self._limits = np.array([weights.min(initial=1), weights.max(initial=1)], np.float32)
        self._keep(*learned, factors.mean)

    def _weighted(self, histories: Histories) -> Histories:
        if self.loss == "squared" or not self.binary:
            return histories
        ones = np.ones_like(histories.weights)
        return Histories(histories.offsets, histories.items, ones, histories.n_items)

    def _learn_again(self, users: Int32Array) -> None:
        known_items = len(self._item_factors)
        shape = self.histories_.n_users, self.histories_.n_items
        user_factors, item_factors = (
            _grown(rows, n) for rows, n in zip((self._user_factors, self._item_factors), shape, strict=True)
        )
        user_biases, item_biases = (
            _grown(rows, n) for rows, n in zip((self._user_biases, self._item_biases), shape, strict=True)
        )
        solved = self._solve(self.histories_.take(users), self._item_factors, self._item_biases)
        user_factors[users], user_biases[users] = solved
        new = np.arange(known_items, shape[1])
        if len(new):
            turned = self.histories_.by_item().take(new)
            item_factors[new], item_biases[new] = self._solve(turned, user_factors, user_biases)
        self._keep(user_factors, item_factors, user_biases, item_biases, self._mean)

    def _solve(
        self, side: Histories, factors: Float32Array, biases: Float32Array
    ) -> tuple[Float32Array, Float32Array]:
        """Solve for the vectors of one side by the other's, by least squares.

        Events have a margin of 1 as their target, and all other pairs together, weighing as many as were drawn against
        an event, one of -1.
        """
        vectors = np.zeros((side.n_users, factors.shape[1]), np.float32)
        own = np.zeros(side.n_users, np.float32)
        against = self._items_against if factors is self._item_factors else _against(factors, biases)
        for place in range(side.n_users):
            others, weights = side.of(place)
            known = others < len(factors)
            others, weights = others[known], weights[known]
            if len(others):
                system, events, rest = self._normal(
                    _with_ones(factors[others]), weights, biases[others], against, len(factors)
                )
                found = np.linalg.solve(system, events.sum(axis=0) + rest)
                vectors[place], own[place] = found[:-1], found[-1]
        return vectors, own

    def _normal(
        self,
        taken: Float64Array,
        weights: Float32Array,
        biases: Float32Array,
        against: tuple[Float64Array, Float64Array],
        n_others: int,
    ) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Return the normal equations of one vector: the matrix, each event's part of the right side, and the rest."""
        penalty = max(self.l2, LEAST_PENALTY) * len(taken)
        if self.loss == "squared":
            system, rest = taken.T @ taken, np.zeros(taken.shape[1])
            amounts = weights - self._mean - biases
        else:
            weight = self.n_negatives * len(taken) / n_others
            penalty *= 1 + self.n_negatives
            system, rest = weight * against[0] + (taken.T * (weights - weight)) @ taken, weight * against[1]
            amounts = weights * (1 - biases) + weight * (1 + biases)
        system[np.diag_indices(len(system))] += penalty
        return system, taken * amounts[:, None], rest

    def _keep(
        self,
        users: Float32Array,
        items: Float32Array,
        user_biases: Float32Array,
        item_biases: Float32Array,
        mean: float,
    ) -> None:
        self._user_factors, self._item_factors = users, items
        self._user_biases, self._item_biases = user_biases, item_biases
        self._mean = mean
        self._items_against = _against(items, item_biases)
        self._item_vectors = np.column_stack((items, np.ones(len(items), np.float32), item_biases))

    def _queries(self, askers: Askers) -> Float32Array:
        known = (askers.users >= 0) & (askers.users < len(self._user_factors))
        found = np.ones((len(askers), self._item_vectors.shape[1]), np.float32)
        found[known, :-2] = self._user_factors[askers.users[known]]
        found[known, -2] = self._user_biases[askers.users[known]] + self._mean
        unknown = np.flatnonzero(~known)
        if len(unknown):
            histories = self._rated(askers.histories.take(unknown))
            vectors, biases = self._solve(histories, self._item_factors, self._item_biases)
            found[unknown, :-2], found[unknown, -2] = vectors, biases + self._mean
        return found

    def _rated(self, histories: Histories) -> Histories:
        """A history of ones is one without ratings: what somebody took stands for the highest."""
        if self.loss != "squared" or not (histories.weights == 1).all():
            return self._weighted(histories)
        highest = np.full_like(histories.weights, self._limits[1])
        return Histories(histories.offsets, histories.items, highest, histories.n_items)

    def predict(self, users: Any, items: Any) -> Float32Array:
        """Predict the rating, or the chance of an event, of each pair of a user and an item.

        Parameters
        ----------
        users, items : sequences of ids, of shape (n_pairs,)
            Who or what is unknown has a bias and a vector of 0.

        Returns
        -------
        ndarray of shape (n_pairs,), float32
            For "squared" within the ratings of the fit, for "logistic" in (0, 1).
        """
        now = self._now()
        u, i = now.users_.numbers(list(users), "user"), now.items_.numbers(list(items), "item")
        if len(u) != len(i):
            raise UserError(f"predict: 'users' and 'items' must be of one length. Got {len(u)} and {len(i)}.")
        known_user, known_item = u >= 0, i >= 0
        scores = np.full(len(u), now._mean, np.float32)
        scores += np.where(known_user, now._user_biases[u], 0) + np.where(known_item, now._item_biases[i], 0)
        products = np.einsum("nk,nk->n", now._user_factors[u], now._item_factors[i])
        scores += np.where(known_user & known_item, products, 0)
        if now.loss == "squared":
            return np.clip(scores, *now._limits).astype(np.float32)
        return (1 / (1 + np.exp(-np.clip(scores, -80, 80)))).astype(np.float32)

    def _contributions(self, items: Int32Array, weights: Float32Array, target: int) -> Float32Array:
        """Split the score, but for the item's bias, in the metric of the user's own system, as for `ImplicitALS`.

        What stands there without any event is shared alike.
        """
        history = self._rated(Histories.single(items, weights, self.histories_.n_items))
        taken, biases = _with_ones(self._item_factors[history.items]), self._item_biases[history.items]
        n_items = len(self._item_factors)
        system, events, rest = self._normal(taken, history.weights, biases, self._items_against, n_items)
        direction = np.linalg.solve(system, _with_ones(self._item_factors[target][None, :])[0])
        added = np.empty(len(items))
        added[np.argsort(items, kind="stable")] = events @ direction
        return (added + (rest @ direction + self._mean) / max(1, len(items))).astype(np.float32)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {
            "user_factors": self._user_factors, "item_factors": self._item_factors, "user_biases": self._user_biases,
            "item_biases": self._item_biases, "mean": np.array([self._mean], np.float64), "limits": self._limits,
        }  # fmt: skip

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        n_users, n_items = self.histories_.n_users, self.histories_.n_items
        shapes = {
            "user_factors": (n_users, self.n_factors), "item_factors": (n_items, self.n_factors),
            "user_biases": (n_users,), "item_biases": (n_items,), "limits": (2,),
        }  # fmt: skip
        found = {name: np.array(arrays[name]) for name in shapes}
        for name, shape in shapes.items():
            if found[name].shape != shape or found[name].dtype != np.float32:
                raise ValueError(f"{name} that do not fit the users and items")
            if not (np.abs(found[name]) < LARGEST).all():
                raise ValueError(f"{name} that are not numbers below {LARGEST:g}")
        mean = arrays["mean"]
        if mean.shape != (1,) or not abs(float(mean[0])) < LARGEST:
            raise ValueError("a mean that is none")
        self._limits = found["limits"]
        self._keep(
            found["user_factors"],
            found["item_factors"],
            found["user_biases"],
            found["item_biases"],
            float(mean[0]),
        )


def _against(factors: Float32Array, biases: Float32Array) -> tuple[Float64Array, Float64Array]:
    """Return the normal equations of a margin of -1 with every row."""
    rows = _with_ones(factors)
    return rows.T @ rows, rows.T @ (-1.0 - biases)


def _with_ones(factors: Float32Array) -> Float64Array:
    return np.column_stack((factors, np.ones(len(factors)))).astype(np.float64)


def _grown(rows: Float32Array, n: int) -> Float32Array:
    grown = np.zeros((n, *rows.shape[1:]), np.float32)
    grown[: len(rows)] = rows
    return grown
