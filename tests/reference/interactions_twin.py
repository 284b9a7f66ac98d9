"""Field-aware, field-weighted and higher-order machines again: slow, in float64, one tuple of features at a time.

References: Juan et al., RecSys 2016; Pan et al., WWW 2018; Blondel et al., NIPS 2016; Duchi, Hazan and Singer, JMLR
2011.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pairloom.rows import RowBatch

ORDERS = {"field-aware": 2, "field-weighted": 2, "order-3": 3, "order-4": 4}


@dataclass
class Step:
    """Rates, decays and the rule of a step."""

    rates: tuple[float, float, float] = (0.05, 0.1, 0.1)
    decays: tuple[float, float, float] = (0.0, 0.0, 0.0)
    adagrad: bool = True
    clip: float = 0.0


class InteractionTwin:
    """Parameters and their sums of squared gradients.

    `factors` is of shape (n_features, n_blocks, n_factors): a block for each field, one, or one for each order.
    """

    def __init__(self, kind, bias, weights, factors, pair_weights=None, *, normalize=False, accumulator=1.0):
        self.kind, self.bias, self.normalize = kind, float(bias), normalize
        self.weights, self.factors = weights.astype(float).copy(), factors.astype(float).copy()
        self.pair_weights = None if pair_weights is None else pair_weights.astype(float).copy()
        self.bias_squares = accumulator
        self.squares = [np.full(a.shape, accumulator) for a in (self.weights, self.factors)]
        if pair_weights is not None:
            self.pair_squares = np.full(pair_weights.shape, accumulator)

    def row(self, batch: RowBatch, r: int) -> list[tuple[int, float, int]]:
        """Features that are known, with their values and fields."""
        part = slice(int(batch.indptr[r]), int(batch.indptr[r + 1]))
        x = np.ones(part.stop - part.start) if batch.values is None else batch.values[part].astype(float)
        fields = np.zeros(len(x), int) if batch.fields is None else batch.fields[part]
        if self.normalize and (x**2).sum() > 0:
            x = x / np.sqrt((x**2).sum())
        entries = zip(batch.indices[part], x, fields, strict=True)
        return [(int(i), float(v), int(f)) for i, v, f in entries if i < len(self.weights)]

    def terms(self, entries: list[tuple[int, float, int]]) -> list[float]:
        """Every interaction of a row."""
        found = []
        for (i, x, f), (j, y, g) in combinations(entries, 2):
            if self.kind == "field-aware":
                found.append(float(self.factors[i, g] @ self.factors[j, f]) * x * y)
            elif self.kind == "field-weighted":
                found.append(float(self.factors[i, 0] @ self.factors[j, 0]) * self.pair_weights[f, g] * x * y)
        if self.kind.startswith("order"):
            for order in range(2, ORDERS[self.kind] + 1):
                for members in combinations(entries, order):
                    product = np.ones(self.factors.shape[2])
                    for i, x, _ in members:
                        product = product * self.factors[i, order - 2] * x
                    found.append(float(product.sum()))
        return found

    def score(self, batch: RowBatch, r: int) -> float:
        """Bias, linear terms and interactions."""
        entries = self.row(batch, r)
        return self.bias + sum(self.weights[i] * x for i, x, _ in entries) + sum(self.terms(entries))

    def _move(self, gradient, value, squares, step: Step, kind: int):
        if step.clip > 0:
            gradient = np.clip(gradient, -step.clip, step.clip)
        gradient = gradient + step.decays[kind] * value
        if not step.adagrad:
            return value - step.rates[kind] * gradient, squares
        squares = squares + gradient**2
        return value - step.rates[kind] * gradient / np.sqrt(squares), squares

    def learn(self, batch: RowBatch, r: int, step: Step, *, logistic: bool) -> None:
        """Take one step down the loss of a row."""
        score, label = self.score(batch, r), float(batch.labels[r])
        error = 1 / (1 + np.exp(-score)) - label if logistic else score - label
        error *= 1.0 if batch.weights is None else float(batch.weights[r])
        entries = self.row(batch, r)
        self.bias, self.bias_squares = self._move(error, self.bias, self.bias_squares, step, 0)
        for i, x, _ in entries:
            self.weights[i], self.squares[0][i] = self._move(
                error * x, self.weights[i], self.squares[0][i], step, 1
            )
        if self.kind == "field-aware":
            self._learn_pairs(entries, error, step)
        else:
            self._learn_sums(entries, error, step)

    def _learn_pairs(self, entries, error: float, step: Step) -> None:
        v, squares = self.factors, self.squares[1]
        for (i, x, f), (j, y, g) in combinations(entries, 2):
            left, right = v[i, g].copy(), v[j, f].copy()
            v[i, g], squares[i, g] = self._move(error * x * y * right, left, squares[i, g], step, 2)
            v[j, f], squares[j, f] = self._move(error * x * y * left, right, squares[j, f], step, 2)

    def _learn_sums(self, entries, error: float, step: Step) -> None:
        gradient = np.zeros_like(self.factors)
        of_pairs = None if self.pair_weights is None else np.zeros_like(self.pair_weights)
        if of_pairs is not None:
            for (i, x, f), (j, y, g) in combinations(entries, 2):
                gradient[i, 0] += x * y * self.pair_weights[f, g] * self.factors[j, 0]
                gradient[j, 0] += x * y * self.pair_weights[f, g] * self.factors[i, 0]
                product = x * y * float(self.factors[i, 0] @ self.factors[j, 0])
                of_pairs[f, g] += product
                if f != g:
                    of_pairs[g, f] += product
        else:
            for order in range(2, ORDERS[self.kind] + 1):
                for members in combinations(entries, order):
                    for i, x, _ in members:
                        others = np.full(self.factors.shape[2], x)
                        for j, y, _ in members:
                            if j != i:
                                others = others * self.factors[j, order - 2] * y
                        gradient[i, order - 2] += others
        for i, _, _ in entries:
            moved = self._move(error * gradient[i], self.factors[i], self.squares[1][i], step, 2)
            self.factors[i], self.squares[1][i] = moved
        if of_pairs is not None:
            touched = of_pairs != 0
            undecayed = Step(step.rates, (0.0, 0.0, 0.0), step.adagrad, step.clip)
            moved = self._move(error * of_pairs, self.pair_weights, self.pair_squares, undecayed, 2)
            self.pair_weights = np.where(touched, moved[0], self.pair_weights)
            self.pair_squares = np.where(touched, moved[1], self.pair_squares)
