"""Batches of a wanted size out of batches of any size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.rows import RowBatch

__all__ = ["concatenate", "in_batches_of", "slice_rows"]

_OPTIONAL = ("labels", "weights", "fields", "groups")


def slice_rows(batch: RowBatch, start: int, stop: int) -> RowBatch:
    """Rows `start` to `stop` - 1 of a batch; indices, values and labels are views."""
    first, last = int(batch.indptr[start]), int(batch.indptr[stop])
    return RowBatch(
        indptr=batch.indptr[start : stop + 1] - first,
        indices=batch.indices[first:last],
        values=None if batch.values is None else batch.values[first:last],
        n_features=batch.n_features,
        labels=None if batch.labels is None else batch.labels[start:stop],
        weights=None if batch.weights is None else batch.weights[start:stop],
        fields=None if batch.fields is None else batch.fields[first:last],
        groups=None if batch.groups is None else batch.groups[start:stop],
    )


def concatenate(batches: Sequence[RowBatch]) -> RowBatch:
    """Join batches into one; all or none must have labels, weights, fields and groups.

    Raises
    ------
    DataError
        If only some of them have.
    """
    if len(batches) == 1:
        return batches[0]
    ends = np.cumsum([0] + [len(batch.indices) for batch in batches])
    shifted = [batch.indptr[1:] + end for batch, end in zip(batches, ends, strict=False)]
    values = None
    if any(batch.values is not None for batch in batches):
        values = np.concatenate([_values(batch) for batch in batches])
    optional = {name: _joined([getattr(batch, name) for batch in batches], name) for name in _OPTIONAL}
    return RowBatch(
        indptr=np.concatenate([np.zeros(1, np.int64), *shifted]),
        indices=np.concatenate([batch.indices for batch in batches]),
        values=values,
        n_features=max(batch.n_features for batch in batches),
        **optional,
    )


def in_batches_of(n_rows: int, batches: Iterable[RowBatch]) -> Iterator[RowBatch]:
    """Regroup batches so that each but the last has `n_rows` rows; what already fits is not copied."""
    held: list[RowBatch] = []
    n_held = 0
    for batch in batches:
        start = 0
        while n_held + batch.n_rows - start >= n_rows:
            stop = start + n_rows - n_held
            yield concatenate([*held, slice_rows(batch, start, stop)])
            held, n_held, start = [], 0, stop
        if start < batch.n_rows:
            held.append(slice_rows(batch, start, batch.n_rows))
            n_held += batch.n_rows - start
    if held:
        yield concatenate(held)


def _values(batch: RowBatch) -> npt.NDArray[np.float32]:
    return np.ones(len(batch.indices), np.float32) if batch.values is None else batch.values


def _joined(parts: list[npt.NDArray[Any] | None], name: str) -> npt.NDArray[Any] | None:
    present = [part for part in parts if part is not None]
    if not present:
        return None
    if len(present) != len(parts):
        raise DataError(f"{name} in all batches or in none", got=f"{name} in {len(present)} of {len(parts)}")
    return np.concatenate(present)
