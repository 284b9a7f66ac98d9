"""What moves a model's scores over many rows: fields, pairs of fields, features.

A score is a sum of exact terms (`pairloom.fm.terms`). Gathered by field, such as the user or the item, each row has
one linear term a field and one interaction a pair of fields. How far a term spreads over the rows is how far it
moves the score: a term that is the same in every row moves nothing, however large it is, and one that is large in
one row of a thousand moves little. So strengths weigh terms by how often they occur.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.fm.interactions.described import Interactions
from pairloom.fm.interactions.exact import interaction_terms, row_parts
from pairloom.fm.model import FactorizationMachine, refuse_interactions
from pairloom.kernels.native_rows import sum_repeated
from pairloom.rows import RowBatch

__all__ = ["FeatureStrength", "GlobalImportance", "Term", "global_importance", "nearest_features"]

Float64Array = npt.NDArray[np.float64]
BLOCK_ROWS = 4096
MOST_FIELDS = 512


class Term(NamedTuple):
    """One field or pair of fields.

    Parameters
    ----------
    name : str
    strength : float
        Standard deviation of the term over the rows, in units of the score.
    mean : float
        Its mean: what it adds in every row.
    """

    name: str
    strength: float
    mean: float


@dataclass(frozen=True, slots=True)
class FeatureStrength:
    """One feature.

    Parameters
    ----------
    feature : int
    count : int
        Rows that it occurs in.
    linear : float
        Mean of ``w_i x_i`` over those.
    interactions : float
        Mean size of all its interactions with the rest of the row, over those.
    strength : float
        Mean size of all that it adds, over *all* rows: the order of the table.
    """

    feature: int
    count: int
    linear: float
    interactions: float
    strength: float


@dataclass(frozen=True, slots=True)
class GlobalImportance:
    """How far fields, pairs of fields and features move the score over some rows.

    Parameters
    ----------
    n_rows : int
    field_names : sequence of str
    means, deviations : ndarray of shape (n_fields, n_fields), float64
        Of each term over the rows, in the upper triangle: the linear term of a field with the interactions inside it on
        the diagonal, interactions of two fields above.
    counts : ndarray of shape (n_features,), int64
        Rows that each feature occurs in.
    linear, interactions, strengths : ndarray of shape (n_features,), float64
        As `FeatureStrength` tells.
    """

    n_rows: int
    field_names: Sequence[str]
    means: Float64Array
    deviations: Float64Array
    counts: npt.NDArray[np.int64]
    linear: Float64Array
    interactions: Float64Array
    strengths: Float64Array

    def terms(self) -> list[Term]:
        """Every field and pair of fields, the strongest first."""
        names = self.field_names
        found = [
            Term(
                names[left] if left == right else f"{names[left]} x {names[right]}",
                float(self.deviations[left, right]),
                float(self.means[left, right]),
            )
            for left in range(len(names))
            for right in range(left, len(names))
        ]
        return sorted(found, key=lambda term: -term.strength)

    def features(self, top: int = 20) -> list[FeatureStrength]:
        """The strongest features."""
        order = np.argsort(-self.strengths, kind="stable")[:top]
        return [
            FeatureStrength(
                int(i), int(self.counts[i]), float(self.linear[i]), float(self.interactions[i]),
                float(self.strengths[i]),
            )
            for i in order
            if self.counts[i]
        ]  # fmt: skip

    def pair_matrix(self) -> Float64Array:
        """Strengths of all pairs of fields, symmetric, of shape (n_fields, n_fields)."""
        return self.deviations + np.triu(self.deviations, 1).T

    def strength_of_fields(self) -> Float64Array:
        """Root of the summed squares of all terms that a field takes part in, of shape (n_fields,)."""
        return np.sqrt(np.square(self.pair_matrix()).sum(axis=1))


def global_importance(
    model: FactorizationMachine,
    batches: Iterable[RowBatch],
    *,
    fields: npt.NDArray[np.integer] | None = None,
    field_names: Sequence[str] | None = None,
) -> GlobalImportance:
    """Measure how far every field, pair of fields and feature moves the score over some rows.

    Time is O(n_factors * (nonzeros + n_rows * n_fields^2)), memory that of a few thousand rows.

    Parameters
    ----------
    model : FactorizationMachine
    batches : iterable of RowBatch
        Rows as they occur in use: the training rows, or a sample of them.
    fields : ndarray of shape (n_features,), optional
        Field of each feature, counted from 0; without it, each feature is a field of its own, up to 512 of them.
    field_names : sequence of str, optional

    Raises
    ------
    UserError
        For fields that do not fit the model, too many of them, or no rows.
    """
    if model.interactions is not None and model.interactions.order > 2:
        refuse_interactions(model, "global_importance")
    places, names = _checked_fields(model, fields, field_names)
    sums = _Sums(model, places, len(names))
    for batch in batches:
        for start in range(0, batch.n_rows, BLOCK_ROWS):
            sums.add(batch.part(start, min(start + BLOCK_ROWS, batch.n_rows)))
    return sums.result(names)


def nearest_features(
    model: FactorizationMachine, feature: int, *, among: npt.NDArray[np.integer] | None = None, n: int = 10
) -> list[tuple[int, float]]:
    """Return the features whose factors point most nearly the same way, and the cosine of each.

    Features that are near one another interact with everything else in the same way: items that the same users
    like, words of the same meaning.

    Parameters
    ----------
    model : FactorizationMachine
    feature : int
    among : ndarray of int, optional
        Features to choose from; those of the same field, as a rule. Default: all.
    n : int

    Raises
    ------
    UserError
        For a feature that the model has not, or that has no factors.
    """
    if not 0 <= feature < model.n_features:
        raise UserError(f"nearest_features: 'feature' must be in [0, {model.n_features - 1}]. Got {feature}.")
    own = model.factors[feature].astype(np.float64).ravel()
    length = float(np.linalg.norm(own))
    if length == 0:
        raise UserError(
            f"nearest_features: 'feature' must be one with factors. Those of {feature} are all 0: it never occurred "
            "in training, or a penalty removed it."
        )
    others = np.arange(model.n_features) if among is None else np.asarray(among)
    others = others[others != feature]
    factors = model.factors[others].astype(np.float64).reshape(len(others), -1)
    lengths = np.linalg.norm(factors, axis=1)
    cosines = np.divide(factors @ own, lengths * length, out=np.zeros(len(others)), where=lengths > 0)
    best = np.argsort(-cosines, kind="stable")[:n]
    return [(int(others[i]), float(cosines[i])) for i in best if lengths[i] > 0]


def _checked_fields(
    model: FactorizationMachine,
    fields: npt.NDArray[np.integer] | None,
    field_names: Sequence[str] | None,
) -> tuple[npt.NDArray[np.int64], Sequence[str]]:
    if fields is None and model.interactions is not None and (model.interactions.columns.of >= 0).any():
        fields = np.zeros(model.n_features, np.int64)
        fields[: len(model.interactions.columns.of)] = np.maximum(model.interactions.columns.of, 0)
    places = np.arange(model.n_features) if fields is None else np.asarray(fields).astype(np.int64)
    if places.shape != (model.n_features,) or (places < 0).any():
        raise UserError(
            f"global_importance: 'fields' must hold a field of 0 or more for each of the {model.n_features} features. "
            f"Got shape {places.shape}."
        )
    n_fields = int(places.max(initial=-1)) + 1 if field_names is None else len(field_names)
    if n_fields > MOST_FIELDS or places.max(initial=0) >= n_fields:
        raise UserError(
            f"global_importance: 'fields' must name 1 to {MOST_FIELDS} fields, and 'field_names' each of them. "
            f"Got {n_fields} names or features and fields up to {int(places.max(initial=0))}. Give the field of each "
            "feature, as FeatureEncoder.fields_ does."
        )
    names = [f"feature {i}" if fields is None else f"field {i}" for i in range(n_fields)]
    return places, names if field_names is None else field_names


class _Sums:
    """Sums and sums of squares of all terms, of one block of rows after the other."""

    def __init__(self, model: FactorizationMachine, fields: npt.NDArray[np.int64], n_fields: int) -> None:
        self.model, self.fields, self.n_fields = model, fields, n_fields
        self.n_rows = 0
        self.total, self.squares = np.zeros((n_fields, n_fields)), np.zeros((n_fields, n_fields))
        shape = model.n_features
        self.counts = np.zeros(shape, np.int64)
        self.linear, self.crossed, self.moved = np.zeros(shape), np.zeros(shape), np.zeros(shape)

    def add(self, rows: RowBatch) -> None:
        if self.model.interactions is not None:
            return self._add_pairs(self.model.interactions, rows)
        rows = sum_repeated(rows)
        owner = np.repeat(np.arange(rows.n_rows), np.diff(rows.indptr))
        inside = rows.indices < self.model.n_features
        features, owner = rows.indices[inside], owner[inside]
        values = np.ones(len(features)) if rows.values is None else rows.values[inside].astype(np.float64)
        some = values != 0
        features, owner, values = features[some], owner[some], values[some]
        factors = self.model.factors[features] * values[:, None]
        linear = self.model.weights[features] * values
        places = owner * self.n_fields + self.fields[features]
        by_field = np.zeros((rows.n_rows * self.n_fields, self.model.n_factors))
        np.add.at(by_field, places, factors)
        own = np.bincount(places, np.square(factors).sum(axis=1), len(by_field))
        terms = by_field.reshape(rows.n_rows, self.n_fields, -1)
        crossed = terms @ terms.transpose(0, 2, 1)
        diagonal = np.bincount(places, linear, len(by_field)) + 0.5 * (np.square(by_field).sum(axis=1) - own)
        every = np.arange(self.n_fields)
        crossed[:, every, every] = diagonal.reshape(rows.n_rows, self.n_fields)
        self.n_rows += rows.n_rows
        self.total += crossed.sum(axis=0)
        self.squares += np.square(crossed).sum(axis=0)
        whole = terms.sum(axis=1)[owner]
        with_others = np.einsum("nk,nk->n", factors, whole) - np.square(factors).sum(axis=1)
        width = len(self.counts)
        self.counts += np.bincount(features, minlength=width)
        self.linear += np.bincount(features, linear, width)
        self.crossed += np.bincount(features, np.abs(with_others), width)
        self.moved += np.bincount(features, np.abs(linear + with_others), width)
        return None

    def _add_pairs(self, interactions: Interactions, rows: RowBatch) -> None:
        """Take in rows whose pairs cannot be summed by field: pair by pair."""
        prepared = interactions.prepared(rows)
        for row in range(prepared.n_rows):
            parts = row_parts(interactions, self.model.n_features, prepared, row)
            pairs, values = interaction_terms(interactions, self.model.blocks, parts)[2]
            linear = self.model.weights[parts.features].astype(np.float64) * parts.values
            places = self.fields[parts.features]
            left, right = places[pairs[:, 0]], places[pairs[:, 1]]
            crossed = np.zeros((self.n_fields, self.n_fields))
            np.add.at(crossed, (np.minimum(left, right), np.maximum(left, right)), values)
            np.add.at(crossed, (places, places), linear)
            self.total += crossed
            self.squares += np.square(crossed)
            with_others = np.bincount(pairs.ravel(), np.repeat(values, 2), len(places))
            np.add.at(self.counts, parts.features, 1)
            np.add.at(self.linear, parts.features, linear)
            np.add.at(self.crossed, parts.features, np.abs(with_others))
            np.add.at(self.moved, parts.features, np.abs(linear + with_others))
        self.n_rows += prepared.n_rows

    def result(self, names: Sequence[str]) -> GlobalImportance:
        if not self.n_rows:
            raise UserError("global_importance: must be given at least one row. Got none.")
        means = np.triu(self.total / self.n_rows)
        spread = np.sqrt(np.maximum(np.triu(self.squares / self.n_rows) - np.square(means), 0.0))
        seen = np.maximum(self.counts, 1)
        return GlobalImportance(
            self.n_rows, names, means, spread, self.counts, self.linear / seen, self.crossed / seen,
            self.moved / self.n_rows,
        )  # fmt: skip
