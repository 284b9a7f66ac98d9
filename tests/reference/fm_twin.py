"""A second-order factorization machine and its solvers again: slow, in float64, one row and one pair at a time.

References: Rendle, ICDM 2010; Duchi, Hazan and Singer, JMLR 2011; McMahan et al., KDD 2013; Kingma and Ba, ICLR 2015.
"""

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from pairloom.rows import RowBatch


@dataclass
class Rates:
    """Step size, L2 and L1 penalty of one kind of parameter."""

    rate: float
    decay: float = 0.0
    l1: float = 0.0


@dataclass
class FmTwin:
    """Parameters and what the solvers remember of each."""

    bias: float
    weights: np.ndarray
    factors: np.ndarray
    solver: str = "sgd"
    logistic: bool = False
    of_bias: Rates = field(default_factory=lambda: Rates(0.01))
    of_weights: Rates = field(default_factory=lambda: Rates(0.1))
    of_factors: Rates = field(default_factory=lambda: Rates(0.1))
    accumulator: float = 1.0
    beta: float = 1.0
    first_moment: float = 0.9
    second_moment: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        self.weights, self.factors = self.weights.astype(float).copy(), self.factors.astype(float).copy()
        self.squares = np.full(len(self.weights), self.accumulator)
        self.bias_squares = self.accumulator
        self.first = [0.0, np.zeros_like(self.weights), np.zeros_like(self.factors)]
        self.second = [0.0, np.zeros_like(self.weights), np.zeros_like(self.factors)]
        self.n_steps = 0
        if self.solver == "ftrl":
            kinds = (
                (self.bias, self.of_bias),
                (self.weights, self.of_weights),
                (self.factors, self.of_factors),
            )
            self.first = [
                -value * (self.beta / r.rate + r.decay) - np.sign(value) * r.l1 for value, r in kinds
            ]

    def score(self, features: np.ndarray, values: np.ndarray) -> float:
        """Bias, linear terms and every pair."""
        total = self.bias + float(self.weights[features] @ values)
        for a, b in combinations(range(len(features)), 2):
            total += float(self.factors[features[a]] @ self.factors[features[b]]) * values[a] * values[b]
        return total

    def gradient(self, features: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The score's derivative by the factors of the row's features, of shape (n, n_factors)."""
        weighted = self.factors[features] * values[:, None]
        return values[:, None] * (weighted.sum(axis=0) - weighted)

    def residual(self, score: float, label: float) -> float:
        """The loss's derivative by the score."""
        if not self.logistic:
            return score - label
        sign = 1.0 if label > 0.5 else -1.0
        return -sign / (1.0 + np.exp(sign * score))

    def epoch(self, rows: RowBatch, batch_rows: int = 1) -> None:
        """One pass in the order of the rows; "adam" in mini-batches."""
        if self.solver == "adam":
            for start in range(0, rows.n_rows, batch_rows):
                self._adam_batch(rows, start, min(rows.n_rows, start + batch_rows))
            return
        for row in range(rows.n_rows):
            features, values = entries(rows, row)
            e = self.residual(self.score(features, values), float(rows.labels[row]))
            e *= 1.0 if rows.weights is None else float(rows.weights[row])
            by_factors = e * self.gradient(features, values)
            if self.solver == "ftrl":
                self.bias = self._ftrl(0, (), self.bias, e, self.of_bias)
                self.weights[features] = self._ftrl(
                    1, features, self.weights[features], e * values, self.of_weights
                )
                self.factors[features] = self._ftrl(
                    2, features, self.factors[features], by_factors, self.of_factors
                )
                if self.of_weights.l1 > 0 and self.of_factors.l1 > 0:
                    self.factors[features[self.weights[features] == 0]] = 0
                continue
            scale, bias_scale = 1.0, 1.0
            bias_gradient = e + self.of_bias.decay * self.bias
            if self.solver == "adagrad":
                self.squares[features] += (e * values) ** 2
                scale = 1.0 / np.sqrt(self.squares[features])
                self.bias_squares += bias_gradient**2
                bias_scale = 1.0 / np.sqrt(self.bias_squares)
            self.bias -= self.of_bias.rate * bias_scale * bias_gradient
            self.weights[features] -= (
                self.of_weights.rate * scale * (e * values + self.of_weights.decay * self.weights[features])
            )
            self.factors[features] -= (
                self.of_factors.rate
                * np.broadcast_to(scale, len(features))[:, None]
                * (by_factors + self.of_factors.decay * self.factors[features])
            )

    def _ftrl(self, kind, at, value, gradient, rates: Rates):
        z, n = (
            (self.first[kind], self.second[kind])
            if kind == 0
            else (self.first[kind][at], self.second[kind][at])
        )
        grown = n + gradient**2
        z = z + gradient - (np.sqrt(grown) - np.sqrt(n)) / rates.rate * value
        if kind == 0:
            self.first[kind], self.second[kind] = z, grown
        else:
            self.first[kind][at], self.second[kind][at] = z, grown
        shrunk = np.sign(z) * np.maximum(np.abs(z) - rates.l1, 0.0)
        return -shrunk / ((self.beta + np.sqrt(grown)) / rates.rate + rates.decay)

    def _adam_batch(self, rows: RowBatch, start: int, stop: int) -> None:
        gradients = [0.0, np.zeros_like(self.weights), np.zeros_like(self.factors)]
        present = np.zeros(len(self.weights), bool)
        for row in range(start, stop):
            features, values = entries(rows, row)
            e = self.residual(self.score(features, values), float(rows.labels[row])) / (stop - start)
            e *= 1.0 if rows.weights is None else float(rows.weights[row])
            gradients[0] += e
            gradients[1][features] += e * values
            gradients[2][features] += e * self.gradient(features, values)
            present[features] = True
        self.n_steps += 1
        parameters = [self.bias, self.weights, self.factors]
        for kind, rates in enumerate((self.of_bias, self.of_weights, self.of_factors)):
            g = gradients[kind] + rates.decay * parameters[kind]
            first = self.first_moment * self.first[kind] + (1 - self.first_moment) * g
            second = self.second_moment * self.second[kind] + (1 - self.second_moment) * g**2
            unbiased = np.sqrt(1 - self.second_moment**self.n_steps) / (1 - self.first_moment**self.n_steps)
            moved = parameters[kind] - rates.rate * unbiased * first / (np.sqrt(second) + self.epsilon)
            if kind == 0:
                self.first[0], self.second[0], self.bias = first, second, moved
            else:
                self.first[kind][present], self.second[kind][present] = first[present], second[present]
                parameters[kind][present] = moved[present]


def entries(rows: RowBatch, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Features and values of one row."""
    part = slice(int(rows.indptr[row]), int(rows.indptr[row + 1]))
    features = rows.indices[part]
    values = np.ones(len(features)) if rows.values is None else rows.values[part].astype(float)
    return features, values
