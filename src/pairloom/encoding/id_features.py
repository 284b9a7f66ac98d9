"""Features of `Id` and `Multi`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from pairloom.encoding.categories import Categories, HashedCategories, LearnedCategories
from pairloom.encoding.column_views import as_items, as_keys
from pairloom.encoding.features import Arrays, Int32Array, State
from pairloom.encoding.lending import Lending
from pairloom.encoding.missing_rows import with_missing_rows
from pairloom.encoding.place import Place
from pairloom.encoding.raw_columns import RawColumn
from pairloom.encoding.specs import Id, Multi
from pairloom.kernels.row_assembly import RowPart
from pairloom.kernels.vocabulary import Vocabulary

__all__ = ["IdFeature", "MultiFeature"]


class _CategoryFeature:
    def __init__(self, spec: Id | Multi) -> None:
        hashed = spec.hash_dim is not None
        self._categories: Categories = (
            HashedCategories(spec.hash_dim)
            if spec.hash_dim is not None
            else LearnedCategories(spec.min_count)
        )
        self._template = "{}{}" if hashed else "{}={}"
        self._n_missing = 0

    def settle(self) -> int:
        return self._categories.settle()

    def labels(self, name: str) -> list[str]:
        missing, *others = self._categories.labels()
        return [f"{name}={missing}", *(self._template.format(name, label) for label in others)]

    def state(self) -> State:
        values, arrays = self._categories.state()
        return values | {"n_missing": self._n_missing}, arrays

    @classmethod
    def restored(cls, spec: Any, values: Mapping[str, Any], arrays: Arrays) -> Self:
        feature = cls(spec)
        feature._categories.restore(values, arrays)
        feature._n_missing = int(values["n_missing"])
        return feature


class IdFeature(_CategoryFeature):
    """One category in each row."""

    def learn(self, column: RawColumn, place: Place) -> None:
        """Count the categories."""
        self._n_missing += self._categories.learn(as_keys(column, place))

    def encode(
        self, column: RawColumn, place: Place, columns: Int32Array, lending: Lending | None
    ) -> RowPart:
        """One non-zero for each row."""
        encoded = self._categories.encode(as_keys(column, place), columns, lending)
        if lending is not None and self._n_missing == 0 and lending.missing_share > 0:
            encoded[lending.as_missing(len(encoded))] = columns[0]
        return RowPart(encoded)

    def places_of(self, vocabulary: Vocabulary) -> Int32Array:
        """Return the own column of each id of another vocabulary; of learned ids only."""
        assert isinstance(self._categories, LearnedCategories)
        return self._categories.places_of(vocabulary)


class MultiFeature(_CategoryFeature):
    """Any number of categories in each row."""

    def __init__(self, spec: Multi) -> None:
        super().__init__(spec)
        self._spec = spec

    def learn(self, column: RawColumn, place: Place) -> None:
        """Count the categories."""
        indptr, keys = as_items(column, self._spec.sep, place)
        self._categories.learn(keys)
        self._n_missing += int(np.count_nonzero(np.diff(indptr) == 0))

    def encode(
        self, column: RawColumn, place: Place, columns: Int32Array, lending: Lending | None
    ) -> RowPart:
        """One non-zero for each category of a row."""
        indptr, keys = as_items(column, self._spec.sep, place)
        encoded = self._categories.encode(keys, columns, lending, indptr)
        return with_missing_rows(
            indptr,
            encoded,
            columns[0],
            lending if self._n_missing == 0 else None,
            normalize=self._spec.normalize,
        )
