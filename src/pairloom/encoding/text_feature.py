"""Feature of `Text`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from pairloom.encoding.column_views import as_text
from pairloom.encoding.features import Arrays, Int32Array, Int64Array, State
from pairloom.encoding.lending import Lending
from pairloom.encoding.missing_rows import with_missing_rows
from pairloom.encoding.place import Place
from pairloom.encoding.raw_columns import RawColumn
from pairloom.encoding.specs import Text
from pairloom.kernels.raw_keys import StringKeys
from pairloom.kernels.raw_text import hash_text
from pairloom.kernels.row_assembly import RowPart
from pairloom.tables import StringColumn

__all__ = ["TextFeature"]


class TextFeature:
    """A column for missing text, then `hash_dim` for n-grams."""

    def __init__(self, spec: Text) -> None:
        self._spec = spec
        self._n_missing = 0

    def learn(self, column: RawColumn, place: Place) -> None:
        """Count missing text."""
        indptr, _ = self._hashed(column, place)
        self._n_missing += int(np.count_nonzero(np.diff(indptr) == 0))

    def settle(self) -> int:
        """Return the number of columns."""
        return 1 + self._spec.hash_dim

    def labels(self, name: str) -> list[str]:
        """Names of the columns."""
        return [f"{name}=<missing>", *(f"{name}#{i}" for i in range(self._spec.hash_dim))]

    def encode(
        self, column: RawColumn, place: Place, columns: Int32Array, lending: Lending | None
    ) -> RowPart:
        """One non-zero for each n-gram of a row."""
        indptr, buckets = self._hashed(column, place)
        return with_missing_rows(
            indptr,
            columns[1:][buckets],
            columns[0],
            lending if self._n_missing == 0 else None,
            normalize=self._spec.normalize,
        )

    def state(self) -> State:
        """What was learned."""
        return {"n_missing": self._n_missing}, {}

    @classmethod
    def restored(cls, spec: Text, values: Mapping[str, Any], arrays: Arrays) -> Self:
        """Undo `state`."""
        feature = cls(spec)
        feature._n_missing = int(values["n_missing"])
        return feature

    def _hashed(self, column: RawColumn, place: Place) -> tuple[Int64Array, Int32Array]:
        spec, texts = self._spec, as_text(column, place)
        return hash_text(
            _lowered(texts) if spec.lowercase else texts,
            spec.hash_dim,
            words=spec.words or (0, 0),
            characters=spec.characters or (0, 0),
            lowercase=spec.lowercase,
        )


def _lowered(texts: StringKeys) -> StringKeys:
    """Lower what native code does not: letters beyond ASCII."""
    if len(texts) == 0 or not (texts.data[texts.starts.min() : texts.ends.max()] > 127).any():
        return texts
    return StringKeys.of(StringColumn.from_strings(texts.text(row).lower() for row in range(len(texts))))
