"""Clicks on categorical fields, with the best possible log loss known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.rows import RowBatch
from pairloom.synthetic.sigmoid import sigmoid

__all__ = ["ClickModel", "PlantedClicks"]

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PlantedClicks:
    """Clicks whose probabilities are known.

    Parameters
    ----------
    rows : RowBatch
        One-hot, one id per field, with labels 0 and 1 and the field of every non-zero.
    probabilities : ndarray of shape (n_rows,), float64
        Chance of a click: what the best predictor answers.
    best_log_loss : float
        Mean entropy of the labels given the rows.
    """

    rows: RowBatch
    probabilities: Float64Array
    best_log_loss: float


class ClickModel:
    """A planted factorization machine over categorical fields with Zipf-distributed ids.

    Parameters
    ----------
    n_fields : int
        Ids in each row, one of each field.
    ids_per_field : int
    n_factors : int
    click_rate : float
        Chance of a click at the mean score.
    zipf : float
        Exponent of the popularity of ids within a field.
    random_state : int
        Seed of the planted parameters.
    """

    def __init__(
        self,
        n_fields: int = 8,
        ids_per_field: int = 50,
        n_factors: int = 4,
        *,
        click_rate: float = 0.3,
        zipf: float = 1.1,
        random_state: int = 0,
    ) -> None:
        random = np.random.default_rng(random_state)
        self.n_fields, self.ids_per_field = n_fields, ids_per_field
        self.n_features = n_fields * ids_per_field
        self.bias = float(np.log(click_rate / (1 - click_rate)))
        self.weights = random.normal(0, 0.7 / np.sqrt(n_fields), self.n_features)
        n_pairs = max(n_fields * (n_fields - 1) / 2, 1.0)
        self.factors = random.normal(0, (n_pairs * max(n_factors, 1)) ** -0.25, (self.n_features, n_factors))
        popularity = np.arange(1.0, ids_per_field + 1) ** -zipf
        self._cumulative = np.cumsum(popularity / popularity.sum())

    def sample(self, n_rows: int, random_state: int) -> PlantedClicks:
        """Draw rows and labels; two samples of one model serve as training and test set."""
        random = np.random.default_rng(random_state)
        ranks = np.searchsorted(self._cumulative, random.random((n_rows, self.n_fields)), side="right")
        ids = np.minimum(ranks, self.ids_per_field - 1) + np.arange(self.n_fields) * self.ids_per_field
        scores = self.bias + self.weights[ids].sum(axis=1)
        sums, squares = np.zeros((n_rows, self.factors.shape[1])), np.zeros((n_rows, self.factors.shape[1]))
        for column in ids.T:
            factors = self.factors[column]
            sums += factors
            squares += factors**2
        scores += 0.5 * (sums**2 - squares).sum(axis=1)
        probabilities = sigmoid(scores)
        labels = (random.random(n_rows) < probabilities).astype(np.float32)
        indptr = np.arange(0, n_rows * self.n_fields + 1, self.n_fields, dtype=np.int64)
        fields = np.tile(np.arange(self.n_fields, dtype=np.int32), n_rows)
        rows = RowBatch(
            indptr, ids.astype(np.int32).ravel(), None, self.n_features, labels=labels, fields=fields
        )
        entropy = np.logaddexp(0, scores) - probabilities * scores
        return PlantedClicks(rows, probabilities, float(entropy.mean()))
