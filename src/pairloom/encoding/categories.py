"""Categories to columns: learned from the data, or hashed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from pairloom.encoding.features import Arrays, Int32Array, Int64Array, State
from pairloom.encoding.lending import Lending
from pairloom.errors import UserError
from pairloom.kernels.raw_keys import MISSING, Keys, hash_keys
from pairloom.kernels.vocabulary import Vocabulary

__all__ = ["Categories", "HashedCategories", "LearnedCategories"]


class LearnedCategories:
    """A column for missing values, one for unseen categories, then one for each category met often enough.

    These come in order of first appearance; one that becomes frequent enough after a settlement is added at
    the end.
    """

    def __init__(self, min_count: int) -> None:
        self._min_count = min_count
        self._vocabulary = Vocabulary()
        self._places = np.zeros(0, np.int32)  # own column of each number, 1 where too rare
        self._n_columns = 2
        self._cached: tuple[Int32Array, Int32Array] | None = None
        self._counts: Int64Array | None = None

    def learn(self, keys: Keys) -> int:
        """Count categories and return the number of missing values."""
        self._counts = None
        return self._vocabulary.add(keys)

    def settle(self) -> int:
        """Give a column to every category that is frequent enough and has none."""
        if self._counts is None:
            self._counts = self._vocabulary.counts()
            places = np.ones(len(self._counts), np.int32)
            places[: len(self._places)] = self._places
            new = np.flatnonzero((places == 1) & (self._counts >= self._min_count))
            places[new] = np.arange(self._n_columns, self._n_columns + len(new), dtype=np.int32)
            self._places, self._cached = places, None
            self._n_columns += len(new)
        return self._n_columns

    def labels(self) -> list[str]:
        """Names of the columns."""
        names = ["<missing>", "<unseen>", *[""] * (self._n_columns - 2)]
        for place, text in zip(self._places.tolist(), self._vocabulary.texts(), strict=False):
            if place > 1:
                names[place] = text
        return names

    def encode(
        self, keys: Keys, columns: Int32Array, lending: Lending | None, indptr: Int64Array | None = None
    ) -> Int32Array:
        """Return the matrix column of each key."""
        if self._cached is None or self._cached[0] is not columns:
            last_two = columns[[0, 1]]  # MISSING and ABSENT count from the end
            self._cached = columns, np.concatenate((columns[self._places], last_two))
        numbers = self._vocabulary.lookup(keys)
        encoded = self._cached[1][numbers]
        if (
            lending is not None
            and lending.unseen_samples > 0
            and self._counts is not None
            and len(self._counts)
        ):
            met = self._counts[np.maximum(numbers, 0)]
            encoded[lending.as_unseen(met, indptr) & (numbers >= 0)] = columns[1]
        return encoded

    def places_of(self, vocabulary: Vocabulary) -> Int32Array:
        """Return the own column of each id of another vocabulary, 1 where it is unseen."""
        numbers = self._vocabulary.numbers_of(vocabulary)
        return np.concatenate((self._places, np.ones(1, np.int32)))[numbers]

    def state(self) -> State:
        """What was learned."""
        return {}, {"places": self._places} | self._vocabulary.to_arrays()

    def restore(self, values: Mapping[str, Any], arrays: Arrays) -> Self:
        """Take over what `state` returned."""
        vocabulary, places = Vocabulary.from_arrays(arrays), arrays["places"]
        assigned = np.sort(places[places > 1]) if places.dtype == np.int32 and places.ndim == 1 else None
        if assigned is None or len(places) != len(vocabulary) or (places < 1).any():
            raise UserError("'places' must be a positive int32 for each category.")
        if not np.array_equal(assigned, np.arange(2, 2 + len(assigned))):
            raise UserError("'places' must number the categories from 2 on.")
        self._vocabulary, self._places, self._n_columns = vocabulary, places.copy(), 2 + len(assigned)
        self._counts, self._cached = vocabulary.counts(), None
        return self


class HashedCategories:
    """A column for missing values, then as many as asked for, which categories share by their hash."""

    def __init__(self, hash_dim: int) -> None:
        self._hash_dim = hash_dim
        self._cached: tuple[Int32Array, Int32Array] | None = None

    def learn(self, keys: Keys) -> int:
        """Return the number of missing values."""
        return int(np.count_nonzero(hash_keys(keys, 1) == MISSING))

    def settle(self) -> int:
        """Return the number of columns."""
        return 1 + self._hash_dim

    def labels(self) -> list[str]:
        """Names of the columns."""
        return ["<missing>", *(f"#{i}" for i in range(self._hash_dim))]

    def encode(
        self, keys: Keys, columns: Int32Array, lending: Lending | None, indptr: Int64Array | None = None
    ) -> Int32Array:
        """Return the matrix column of each key."""
        if self._cached is None or self._cached[0] is not columns:
            self._cached = columns, np.concatenate((columns[1:], columns[[0, 0]]))
        return self._cached[1][hash_keys(keys, self._hash_dim)]

    def state(self) -> State:
        """Nothing is learned."""
        return {}, {}

    def restore(self, values: Mapping[str, Any], arrays: Arrays) -> Self:
        """Take over nothing."""
        return self


Categories = LearnedCategories | HashedCategories
