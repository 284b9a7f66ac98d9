"""What a tower reads of each item or user, besides its id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.recommenders.attributes import Attribute, Attributes
from pairloom.recommenders.fields.encoding import category_rows, number_rows, trigram_rows
from pairloom.recommenders.fields.kinds import FieldKind, field_kinds, texts_of
from pairloom.recommenders.fields.sparse_rows import SparseRows

__all__ = ["TowerInputs"]


@dataclass(frozen=True, slots=True)
class TowerInputs:
    """Features of items or users.

    Parameters
    ----------
    rows : SparseRows of shape (n_rows, n_features)
        Categories, shared between the values of a row; numbers, shared between quantiles; text, shared between the
        buckets of its letter trigrams. The shares of a field add up to 1.
    vectors : ndarray of shape (n_rows, n_columns), float32
        Given vectors, of length 1 or 0 each, side by side.
    """

    rows: SparseRows
    vectors: npt.NDArray[np.float32]

    @classmethod
    def of(
        cls,
        attributes: Attributes,
        text: Sequence[str] | None,
        categories: Sequence[str] | None,
        n_buckets: int,
    ) -> TowerInputs:
        """Read a table; columns are taken for what `field_kinds` says."""
        kinds = field_kinds(attributes, text, categories, "TwoTower")
        parts = [
            _shared(_field(attributes.columns[name], kind, n_buckets))
            for name, kind in kinds.items()
            if kind != "vector"
        ]
        vectors = [column.vectors for column in attributes.columns.values() if column.vectors is not None]
        empty = np.zeros((attributes.n_rows, 0), np.float32)
        return cls(
            SparseRows.beside(parts, attributes.n_rows),
            np.concatenate([empty, *(_of_length_one(part) for part in vectors)], axis=1),
        )

    @property
    def any(self) -> bool:
        """Whether anything is known of anybody."""
        return bool(len(self.rows.features)) or self.vectors.size > 0


def _field(column: Attribute, kind: FieldKind, n_buckets: int) -> SparseRows:
    if kind == "text":
        return trigram_rows(texts_of(column), n_buckets)
    if kind == "number":
        assert column.numbers is not None
        return number_rows(column.numbers)
    rows = category_rows(column)
    return SparseRows(rows.offsets, rows.features, np.ones_like(rows.values), rows.n_features)


def _shared(rows: SparseRows) -> SparseRows:
    owners = rows.owners()
    totals = np.bincount(owners, rows.values, rows.n_rows)
    values = (rows.values / np.where(totals > 0, totals, 1)[owners]).astype(np.float32)
    return SparseRows(rows.offsets, rows.features, values, rows.n_features)


def _of_length_one(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
