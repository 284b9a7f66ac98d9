"""Twin of native/src/kernels/gibbs_level.cpp: column by column over a dense matrix, in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pairloom.kernels.gibbs import column_normals

CHUNK = 16


@dataclass
class TwinTerm:
    """Columns `first` to ``first + n``: those of a field are moved one by one, those of a block factor by factor."""

    first: int
    n: int
    is_block: bool
    priors: list[int]


@dataclass
class TwinPriors:
    means: np.ndarray
    precisions: np.ndarray
    linear_means: np.ndarray
    linear_precisions: np.ndarray


class GibbsTwin:
    """Parameters and what moves them; `matrix` is of shape (n_rows, n_columns)."""

    def __init__(self, matrix, terms, linear, factors, weights=None):
        self.matrix, self.terms = np.asarray(matrix, np.float64), terms
        self.linear, self.factors = linear.astype(np.float64), factors.astype(np.float64)
        self.weights = np.ones(len(self.matrix)) if weights is None else np.asarray(weights, np.float64)

    def scores(self):
        x, v = self.matrix, self.factors
        return x @ self.linear + 0.5 * (np.square(x @ v).sum(1) - np.square(x) @ np.square(v).sum(1))

    def sweep(self, labels, priors, noise_precision, key, *, draws, chunks_first=False):
        """Move every column once: term by term and within it in chunks of factors, or the other way round."""
        starts = range(0, self.factors.shape[1], CHUNK)
        pairs = [(term, start) for term in self.terms for start in starts]
        for term, start in sorted(pairs, key=lambda pair: pair[1]) if chunks_first else pairs:
            factors = range(start, min(start + CHUNK, self.factors.shape[1]))
            moves = [(None, c) for c in range(term.n)] if start == 0 else []
            moves += [(f, c) for f in factors for c in range(term.n)]
            if not term.is_block:
                moves.sort(key=lambda move: move[1])  # stable: the linear weight first, then factors in order
            for factor, column in moves:
                prior = term.priors[column]
                if factor is None:
                    self._move_weight(term.first + column, labels, priors, prior, noise_precision, key, draws)
                else:
                    self._move_factor(
                        term.first + column, factor, labels, priors, prior, noise_precision, key, draws
                    )

    def _move_weight(self, i, labels, priors, prior, alpha, key, draws):
        x, errors = self.matrix[:, i], self.scores() - labels
        mean, precision = priors.linear_means[prior], priors.linear_precisions[prior]
        normal = float(column_normals(key, i, 0, 1)[0]) if draws else 0.0
        self.linear[i] = self._drawn(self.linear[i], x, errors, mean, precision, alpha, normal)

    def _move_factor(self, i, f, labels, priors, prior, alpha, key, draws):
        x, errors = self.matrix[:, i], self.scores() - labels
        slope = x * (self.matrix @ self.factors[:, f] - x * self.factors[i, f])
        mean, precision = priors.means[prior, f], priors.precisions[prior, f]
        normal = float(column_normals(key, i, 1 + f, 1)[0]) if draws else 0.0
        self.factors[i, f] = self._drawn(self.factors[i, f], slope, errors, mean, precision, alpha, normal)

    def _drawn(self, old, slope, errors, mean, precision, alpha, normal):
        total = alpha * (self.weights * slope**2).sum() + precision
        best = (alpha * (self.weights * slope * (old * slope - errors)).sum() + precision * mean) / total
        return best + normal / np.sqrt(total)
