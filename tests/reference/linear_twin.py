"""Linear models side by side again: slow, in float64, one row, one model and one feature at a time.

Reference: Duchi, Hazan and Singer, "Adaptive Subgradient Methods", JMLR 2011.
"""

from dataclasses import dataclass

import numpy as np

from pairloom.rows import RowBatch


def loss_and_slope(name, parameter, scores, label):
    """One model's loss for one row and its derivative by each of its scores."""
    score = float(scores[0])
    sign = 1.0 if label > 0.5 else -1.0
    error = score - label
    match name:
        case "logistic":
            return np.logaddexp(0, -sign * score), np.array([-sign / (1 + np.exp(sign * score))])
        case "hinge":
            lacking = parameter - sign * score
            return max(lacking, 0), np.array([-sign if lacking > 0 else 0.0])
        case "squared":
            return error**2, np.array([2 * error])
        case "absolute":
            return abs(error), np.array([np.sign(error)])
        case "quantile":
            return max((1 - parameter) * error, -parameter * error), np.array(
                [1 - parameter if error > 0 else -parameter]
            )
        case "eps_insensitive_absolute":
            return max(abs(error) - parameter, 0), np.array([np.sign(error) * (abs(error) > parameter)])
        case "eps_insensitive_squared":
            beyond = max(abs(error) - parameter, 0)
            return beyond**2, np.array([2 * np.sign(error) * beyond])
        case "huber":
            if abs(error) <= parameter:
                return error**2 / 2, np.array([error])
            return parameter * (abs(error) - parameter / 2), np.array([parameter * np.sign(error)])
        case "softmax":
            p = np.exp(scores - scores.max())
            p /= p.sum()
            slope = p.copy()
            slope[int(label)] -= 1
            return -np.log(p[int(label)]), slope
    raise ValueError(name)


@dataclass
class LinearTwin:
    """AdaGrad row by row; penalties of a feature wait for its next visit."""

    weights: np.ndarray
    bias: np.ndarray
    n_outputs: int
    columns: np.ndarray
    accumulator: float

    def __post_init__(self):
        self.weights, self.bias = self.weights.astype(float).copy(), self.bias.astype(float).copy()
        self.sums = np.full(self.weights.shape, self.accumulator)
        self.bias_sums = np.full(self.bias.shape, self.accumulator)
        self.visits = np.zeros(len(self.weights))
        self.clock = 0

    def train(self, rows: RowBatch, order, name, parameter):
        """Visit rows in an order; return each model's summed loss before its steps."""
        losses = np.zeros(len(self.bias) // self.n_outputs)
        rates, l2, l1, bias_rates, _, positive = self.columns
        for row in order:
            self.clock += 1
            at = slice(rows.indptr[row], rows.indptr[row + 1])
            features = rows.indices[at]
            values = np.ones(len(features)) if rows.values is None else rows.values[at].astype(float)
            scores = self.bias + values @ self.weights[features]
            slopes = np.zeros_like(self.bias)
            for model in range(len(losses)):
                own = slice(model * self.n_outputs, (model + 1) * self.n_outputs)
                weight = 1.0 if rows.weights is None else float(rows.weights[row])
                if name in ("logistic", "hinge") and rows.labels[row] > 0.5:
                    weight *= positive[own.start]
                loss, slope = loss_and_slope(name, parameter, scores[own], float(rows.labels[row]))
                losses[model] += weight * loss
                slopes[own] = weight * slope
            self.bias_sums += slopes**2
            self.bias -= bias_rates * slopes / np.sqrt(self.bias_sums)
            for feature, value in zip(features, values, strict=True):
                gap = max(1, self.clock - self.visits[feature])
                self.sums[feature] += (slopes * value) ** 2
                step = rates / np.sqrt(self.sums[feature])
                moved = self.weights[feature] - step * slopes * value
                moved = np.sign(moved) * np.maximum(np.abs(moved) - step * l1 * gap, 0)
                self.weights[feature] = moved / (1 + step * l2 * gap)
                self.visits[feature] = self.clock
        return losses

    def settled(self):
        """Weights with all penalties taken; zeros where no row ever came."""
        rates, l2, l1, *_ = self.columns
        waited = (self.clock - self.visits)[:, None]
        step = rates / np.sqrt(self.sums) * waited
        shrunk = np.sign(self.weights) * np.maximum(np.abs(self.weights) - step * l1, 0) / (1 + step * l2)
        return np.where(self.visits[:, None] > 0, shrunk, 0.0)
