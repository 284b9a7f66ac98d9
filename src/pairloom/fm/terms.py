"""Why a row scores as it does: the exact terms of the sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.fm.interactions.described import Interactions
from pairloom.fm.interactions.exact import interaction_terms, row_parts
from pairloom.fm.model import FactorizationMachine
from pairloom.kernels.native_rows import sum_repeated
from pairloom.rows import RowBatch

__all__ = ["ScoreTerms", "score_terms"]


@dataclass(frozen=True, slots=True)
class ScoreTerms:
    """The terms of one row's score; they add up to it.

    Parameters
    ----------
    bias : float
    features : ndarray of shape (n,), int32
        Columns of the row, ascending.
    linear : ndarray of shape (n,), float64
        ``w_i x_i``.
    pairs : ndarray of shape (n_pairs, 2), int32
        Positions in `features`, the smaller first.
    interactions : ndarray of shape (n_pairs,), float64
        ``<v_i, v_j> x_i x_j``, or what stands for it in field-aware and field-weighted machines.
    higher : mapping of int to (ndarray of shape (n, order), int32, ndarray of shape (n,), float64)
        Of machines of order 3 and 4: positions of three and of four features, and their interactions.
    """

    bias: float
    features: npt.NDArray[np.int32]
    linear: npt.NDArray[np.float64]
    pairs: npt.NDArray[np.int32]
    interactions: npt.NDArray[np.float64]
    higher: Mapping[int, tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]] = field(
        default_factory=dict[int, tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]]
    )

    @property
    def score(self) -> float:
        """The raw score: the sum of all terms."""
        higher = sum(float(values.sum()) for _, values in self.higher.values())
        return self.bias + float(self.linear.sum()) + float(self.interactions.sum()) + higher


def score_terms(model: FactorizationMachine, rows: RowBatch, row: int = 0) -> ScoreTerms:
    """Split the score of one row into its terms, in float64.

    Parameters
    ----------
    model : FactorizationMachine
    rows : RowBatch
    row : int
        Which row, counted from 0.

    References
    ----------
    Rendle, "Factorization Machines", ICDM 2010, eq. 1.
    """
    if not 0 <= row < rows.n_rows:
        raise UserError(f"score_terms: 'row' must be in [0, {rows.n_rows - 1}]. Got {row}.")
    if model.interactions is not None:
        return _other_terms(model, model.interactions, rows.part(row, row + 1))
    single = sum_repeated(rows.part(row, row + 1))
    inside = single.indices < model.n_features
    features = single.indices[inside]
    values = (np.ones(len(single.indices)) if single.values is None else single.values.astype(np.float64))[
        inside
    ]
    factors = model.factors[features].astype(np.float64) * values[:, None]
    left, right = np.triu_indices(len(features), 1)
    return ScoreTerms(
        model.bias,
        features,
        model.weights[features].astype(np.float64) * values,
        np.stack([left, right], axis=1).astype(np.int32),
        np.einsum("pk,pk->p", factors[left], factors[right]),
    )


def _other_terms(model: FactorizationMachine, interactions: Interactions, rows: RowBatch) -> ScoreTerms:
    parts = row_parts(interactions, model.n_features, interactions.prepared(rows), 0)
    found = interaction_terms(interactions, model.blocks, parts)
    pairs, values = found.pop(2)
    linear = model.weights[parts.features].astype(np.float64) * parts.values
    return ScoreTerms(model.bias, parts.features, linear, pairs, values, found)
