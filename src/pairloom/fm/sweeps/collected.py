"""Training rows of a solver that keeps them in memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.fm.data import LARGEST_UNSCALED, LabelSums
from pairloom.fm.settings import Task
from pairloom.kernels.native_rows import checked_rows
from pairloom.rows import RowBatch

__all__ = ["collect_rows", "large_values"]


def collect_rows(batches: Iterable[RowBatch], task: Task) -> tuple[RowBatch, LabelSums]:
    """Read all rows into one batch, checked, and measure their labels.

    Raises
    ------
    DataError
        For no rows, a missing label, or one that does not fit the task.
    """
    parts: list[RowBatch] = []
    labels = LabelSums()
    n_rows = 0
    for batch in batches:
        if not batch.n_rows:
            continue
        if batch.labels is None:
            raise DataError("a label in every row", action="Give labels to the training data")
        if task == "classification":
            wrong = (batch.labels != 0) & (batch.labels != 1)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise DataError(
                    "a label of 0 or 1", got=f"{batch.labels[row]:g}", row=n_rows + row + 1, field="label",
                    action="Map the labels to 0 and 1",
                )  # fmt: skip
        n_rows += batch.n_rows
        labels.add(batch)
        parts.append(checked_rows(batch))
    if not parts:
        raise DataError(
            "at least one row of training data", got="none", action="Check the path and the format"
        )
    return joined(parts), labels


def joined(parts: list[RowBatch]) -> RowBatch:
    """Put batches one after the other."""
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(part.indices) for part in parts)])
    offsets = [part.indptr[1:] + start for part, start in zip(parts, starts, strict=False)]
    labels = [part.labels for part in parts if part.labels is not None]
    valued = any(part.values is not None for part in parts)
    weighted = any(part.weights is not None for part in parts)

    def ones(n: int) -> npt.NDArray[np.float32]:
        return np.ones(n, np.float32)

    return RowBatch(
        np.concatenate([np.zeros(1, np.int64), *offsets]),
        np.concatenate([part.indices for part in parts]),
        np.concatenate([ones(len(p.indices)) if p.values is None else p.values for p in parts])
        if valued
        else None,
        max(part.n_features for part in parts),
        np.concatenate(labels) if len(labels) == len(parts) else None,
        np.concatenate([ones(p.n_rows) if p.weights is None else p.weights for p in parts])
        if weighted
        else None,
    )


def large_values(rows: RowBatch, n_features: int) -> npt.NDArray[np.float32] | None:
    """Return what features are divided by: the largest absolute value where that exceeds four, else one."""
    if rows.values is None or np.abs(rows.values).max(initial=0) <= LARGEST_UNSCALED:
        return None
    scale = np.ones(n_features, np.float32)
    np.maximum.at(scale, rows.indices, np.abs(rows.values))
    scale[scale <= LARGEST_UNSCALED] = 1
    return scale
