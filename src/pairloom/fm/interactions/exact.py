"""Scores of single rows in float64, whole and term by term."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.fm.interactions.described import Interactions
from pairloom.rows import RowBatch

__all__ = ["RowParts", "exact_interactions", "interaction_terms", "row_parts"]

Float64Array = npt.NDArray[np.float64]
Int32Array = npt.NDArray[np.int32]
MOST_TERMS = 1 << 20


@dataclass(frozen=True, slots=True)
class RowParts:
    """One prepared row, without columns that the table has not.

    Parameters
    ----------
    features : ndarray of shape (n,), int32
    fields : ndarray of shape (n,), int32
        Zeros where fields do not matter.
    values : ndarray of shape (n,), float64
        Scaled to unit length where the machine does so.
    """

    features: Int32Array
    fields: Int32Array
    values: Float64Array


def row_parts(interactions: Interactions, n_features: int, rows: RowBatch, row: int) -> RowParts:
    """Return one row of prepared rows."""
    part = slice(int(rows.indptr[row]), int(rows.indptr[row + 1]))
    features = rows.indices[part]
    values = np.ones(len(features)) if rows.values is None else rows.values[part].astype(np.float64)
    fields = np.zeros(len(features), np.int32) if rows.fields is None else rows.fields[part]
    length = float(np.sqrt(np.square(values).sum()))
    if interactions.normalize_rows and length > 0:
        values = values / length
    inside = features < n_features
    return RowParts(features[inside], fields[inside], values[inside])


def exact_interactions(interactions: Interactions, blocks: npt.NDArray[np.float32], parts: RowParts) -> float:
    """Return the sum of all interactions of a row, in float64.

    Parameters
    ----------
    interactions : Interactions
    blocks : ndarray of shape (n_features, n_blocks, n_factors), float32
    parts : RowParts
    """
    if interactions.order == 2:
        return float(_pair_terms(interactions, blocks, parts)[1].sum())
    total = 0.0
    for degree in range(2, interactions.order + 1):
        z = blocks[parts.features, degree - 2].astype(np.float64) * parts.values[:, None]
        sums = np.zeros((degree + 1, z.shape[1]))
        sums[0] = 1
        for of_feature in z:
            sums[1:] = sums[1:] + sums[:-1] * of_feature
        total += float(sums[degree].sum())
    return total


def interaction_terms(
    interactions: Interactions, blocks: npt.NDArray[np.float32], parts: RowParts
) -> dict[int, tuple[Int32Array, Float64Array]]:
    """Return every interaction of a row by its order: positions of shape (n_terms, order), and values.

    Raises
    ------
    UserError
        For so long a row that there are more than a million.
    """
    n = len(parts.features)
    n_terms = sum(comb(n, degree) for degree in range(2, interactions.order + 1))
    if n_terms > MOST_TERMS:
        raise UserError(
            f"score_terms: a row must have at most {MOST_TERMS:,} interactions. Got {n_terms:,} of {n} features. Ask "
            "for the score, or train without the highest orders."
        )
    if interactions.order == 2:
        return {2: _pair_terms(interactions, blocks, parts)}
    found: dict[int, tuple[Int32Array, Float64Array]] = {}
    for degree in range(2, interactions.order + 1):
        members = np.array(list(combinations(range(n), degree)), np.int32).reshape(-1, degree)
        z = blocks[parts.features, degree - 2].astype(np.float64) * parts.values[:, None]
        product = np.ones((len(members), z.shape[1]))
        for place in range(degree):
            product *= z[members[:, place]]
        found[degree] = members, product.sum(axis=1)
    return found


def _pair_terms(
    interactions: Interactions, blocks: npt.NDArray[np.float32], parts: RowParts
) -> tuple[Int32Array, Float64Array]:
    left, right = np.triu_indices(len(parts.features), 1)
    pairs = np.stack([left, right], axis=1).astype(np.int32)
    of_left, of_right = parts.features[left], parts.features[right]
    f, g = parts.fields[left], parts.fields[right]
    weights = parts.values[left] * parts.values[right]
    if interactions.pair_weights is None:
        ours, theirs = blocks[of_left, g], blocks[of_right, f]
    else:
        ours, theirs = blocks[of_left, 0], blocks[of_right, 0]
        weights = weights * interactions.pair_weights[f, g]
    return pairs, np.einsum("pk,pk->p", ours.astype(np.float64), theirs.astype(np.float64)) * weights
