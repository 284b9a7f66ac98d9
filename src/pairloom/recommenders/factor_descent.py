"""Mini-batch gradient descent with momentum on the vectors of users and items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from pairloom.kernels.pairwise import TakenPairs, draw_negatives
from pairloom.recommenders.interactions import Histories

__all__ = ["DescentSettings", "Factors", "descend"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class DescentSettings:
    """How vectors are learned; members as of `pairloom.recommenders.MatrixFactorization`."""

    loss: Literal["squared", "logistic"]
    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    dropout: float
    l2: float
    n_negatives: int


@dataclass(slots=True)
class Factors:
    """What is learned.

    Parameters
    ----------
    user_vectors, item_vectors : ndarrays of shape (n, n_factors), float32
        As they are before the layer.
    user_biases, item_biases : ndarrays of shape (n,), float32
    layer, layer_bias : ndarrays of shapes (n_factors, n_factors) and (n_factors,), float32, optional
        Of the layer that both sides go through.
    mean : float
        What every score begins with.
    """

    user_vectors: Float32Array
    item_vectors: Float32Array
    user_biases: Float32Array
    item_biases: Float32Array
    layer: Float32Array | None
    layer_bias: Float32Array | None
    mean: float = 0.0

    @classmethod
    def begin(cls, shape: tuple[int, int, int], rng: np.random.Generator, *, has_layer: bool) -> Self:
        """Draw vectors uniformly, after Xavier Glorot, for so many users, items and factors."""
        n_users, n_items, k = shape

        def drawn(rows: int, columns: int) -> Float32Array:
            limit = np.sqrt(6 / (rows + columns))
            return rng.uniform(-limit, limit, (rows, columns)).astype(np.float32)

        layer = drawn(k, k) if has_layer else None
        bias = np.zeros(k, np.float32) if has_layer else None
        biases = np.zeros(n_users, np.float32), np.zeros(n_items, np.float32)
        return cls(drawn(n_users, k), drawn(n_items, k), *biases, layer, bias)

    def users(self) -> Float32Array:
        """Vectors of users as they are multiplied."""
        return self._through(self.user_vectors)

    def items(self) -> Float32Array:
        """Vectors of items as they are multiplied."""
        return self._through(self.item_vectors)

    def _through(self, vectors: Float32Array) -> Float32Array:
        if self.layer is None or self.layer_bias is None:
            return vectors
        return np.maximum(vectors @ self.layer.T + self.layer_bias, 0)


class _Rows:
    """One array of which a batch touches some rows, with their velocities."""

    def __init__(self, array: Float32Array, settings: DescentSettings) -> None:
        self.array, self._settings = array, settings
        self._velocity = np.zeros_like(array)

    def step(self, rows: Int32Array, slopes: Float32Array) -> None:
        """Add up the slopes of equal rows, with the penalty of each, and move these."""
        settings = self._settings
        touched, places = np.unique(rows, return_inverse=True)
        penalised = slopes + settings.l2 * self.array[rows]
        total = np.zeros((len(touched), *slopes.shape[1:]), np.float32)
        np.add.at(total, places, penalised)
        velocity = settings.momentum * self._velocity[touched] - settings.learning_rate * total
        self._velocity[touched] = velocity
        self.array[touched] += velocity


def descend(factors: Factors, taken: Histories, settings: DescentSettings, rng: np.random.Generator) -> None:
    """Learn from who took what, in place.

    Parameters
    ----------
    factors : Factors
    taken : Histories
        Its weights are ratings for "squared", and what an event counts for "logistic".
    settings : DescentSettings
    rng : numpy Generator
    """
    users, items = taken.owners(), taken.items
    pairs = TakenPairs(taken.offsets, taken.items, taken.n_items)
    is_rating = settings.loss == "squared"
    factors.mean = float(taken.weights.mean()) if is_rating and len(items) else 0.0
    learning = _Descent(factors, settings, rng)
    ones = np.ones_like(taken.weights)
    for _ in range(settings.epochs):
        order = rng.permutation(len(users))
        for begin in range(0, len(order), settings.batch_size):
            batch = order[begin : begin + settings.batch_size]
            if is_rating:
                learning.step(users[batch], items[batch], taken.weights[batch], ones[batch])
                continue
            against = np.repeat(users[batch], settings.n_negatives)
            drawn = draw_negatives(pairs, against, int(rng.integers(1 << 63)))
            against, drawn = against[drawn >= 0], drawn[drawn >= 0]  # a user with every item has none
            labels = np.zeros(len(batch) + len(drawn), np.float32)
            labels[: len(batch)] = 1
            counts = np.ones_like(labels)
            counts[: len(batch)] = taken.weights[batch]
            learning.step(
                np.concatenate((users[batch], against)), np.concatenate((items[batch], drawn)), labels, counts
            )


class _Descent:
    def __init__(self, factors: Factors, settings: DescentSettings, rng: np.random.Generator) -> None:
        self._factors, self._settings, self._rng = factors, settings, rng
        self._users, self._items = (
            _Rows(each, settings) for each in (factors.user_vectors, factors.item_vectors)
        )
        self._user_biases, self._item_biases = (
            _Rows(each, settings) for each in (factors.user_biases, factors.item_biases)
        )
        layer = (factors.layer, factors.layer_bias) if factors.layer is not None else ()
        self._layer = [(array, np.zeros_like(array)) for array in layer if array is not None]

    def step(self, users: Int32Array, items: Int32Array, labels: Float32Array, counts: Float32Array) -> None:
        """Move what one batch touches."""
        factors = self._factors
        own, other = self._dropped(factors.user_vectors[users]), self._dropped(factors.item_vectors[items])
        left, right = (self._forward(inputs) for inputs, _ in (own, other))
        scores = factors.mean + factors.user_biases[users] + factors.item_biases[items]
        scores += np.einsum("nk,nk->n", left, right)
        if self._settings.loss == "logistic":
            scores = 1 / (1 + np.exp(-np.clip(scores, -80, 80)))
        errors = ((scores - labels) * counts).astype(np.float32)
        back = [self._backward(errors[:, None] * right, left, own[0])]
        back.append(self._backward(errors[:, None] * left, right, other[0]))
        self._users.step(users, back[0][0] * own[1])
        self._items.step(items, back[1][0] * other[1])
        self._user_biases.step(users, errors)
        self._item_biases.step(items, errors)
        for place, (array, velocity) in enumerate(self._layer):
            slope = back[0][1][place] + back[1][1][place] + self._settings.l2 * array
            np.multiply(velocity, self._settings.momentum, out=velocity)
            np.subtract(velocity, self._settings.learning_rate / len(users) * slope, out=velocity)
            np.add(array, velocity, out=array)

    def _dropped(self, vectors: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Leave numbers out by lot; returns the vectors and what each number was multiplied by."""
        left_out = self._settings.dropout
        if not left_out:
            return vectors, np.ones_like(vectors)
        kept = (self._rng.random(vectors.shape, np.float32) >= left_out) * np.float32(1 / (1 - left_out))
        return vectors * kept, kept

    def _forward(self, inputs: Float32Array) -> Float32Array:
        factors = self._factors
        if factors.layer is None or factors.layer_bias is None:
            return inputs
        return np.maximum(inputs @ factors.layer.T + factors.layer_bias, 0)

    def _backward(
        self, slopes: Float32Array, outputs: Float32Array, inputs: Float32Array
    ) -> tuple[Float32Array, list[Float32Array]]:
        """Return the slopes of the inputs, and those of the layer."""
        layer = self._factors.layer
        if layer is None:
            return slopes, []
        slopes = slopes * (outputs > 0)
        return slopes @ layer, [slopes.T @ inputs, slopes.sum(axis=0)]
