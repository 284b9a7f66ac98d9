"""What writers of rows with a stated width have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from pairloom.errors import DataError
from pairloom.rows import RowBatch

__all__ = ["check_indices", "with_width"]


def with_width(batches: Iterable[RowBatch], n_features: int | None) -> Iterator[tuple[RowBatch, int, int]]:
    """Yield (batch, width, rows before it); the width is `n_features`, or else that of the first batch."""
    n_rows = 0
    for batch in batches:
        n_features = batch.n_features if n_features is None else n_features
        yield batch, n_features, n_rows
        n_rows += batch.n_rows


def check_indices(batch: RowBatch, n_features: int, source: str, n_rows_before: int) -> None:
    """Check that every index is below `n_features`.

    Raises
    ------
    DataError
        With the row of the first that is not.
    """
    if len(batch.indices) == 0 or 0 <= batch.indices.min() <= batch.indices.max() < n_features:
        return
    outside = np.flatnonzero((batch.indices < 0) | (batch.indices >= n_features))
    raise DataError(
        f"a column index in [0, {n_features})",
        got=str(batch.indices[outside[0]]),
        action="Pass n_features, the width of the widest row",
        source=source,
        row=n_rows_before + int(np.searchsorted(batch.indptr, outside[0], side="right")),
    )
