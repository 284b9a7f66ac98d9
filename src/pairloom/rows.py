"""The one form in which sparse rows travel from formats to kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["RowBatch"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RowBatch:
    """A batch of sparse rows in CSR form, with labels and weights if there are any.

    Parameters
    ----------
    indptr : ndarray of shape (n_rows + 1,), int64
        Row i holds the non-zeros ``indptr[i]`` to ``indptr[i + 1] - 1``.
    indices : ndarray of shape (n_nonzeros,), int32
        Columns, counted from 0; an index may repeat within a row, its values then add up.
    values : ndarray of shape (n_nonzeros,), float32, optional
        None when every value is one.
    n_features : int
        Width of the matrix as far as it is known: more than every index.
    labels : ndarray of shape (n_rows,), float32, optional
    weights : ndarray of shape (n_rows,), float32, optional
        Sample weights.
    fields : ndarray of shape (n_nonzeros,), int32, optional
        Field of each non-zero, for field-aware models.
    """

    indptr: Int64Array
    indices: Int32Array
    values: Float32Array | None
    n_features: int
    labels: Float32Array | None = None
    weights: Float32Array | None = None
    fields: Int32Array | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    def __len__(self) -> int:
        return self.n_rows

    def part(self, start: int, stop: int) -> RowBatch:
        """Return rows start to stop - 1, as views."""
        first, last = int(self.indptr[start]), int(self.indptr[stop])
        return RowBatch(
            self.indptr[start : stop + 1] - first,
            self.indices[first:last],
            None if self.values is None else self.values[first:last],
            self.n_features,
            None if self.labels is None else self.labels[start:stop],
            None if self.weights is None else self.weights[start:stop],
            None if self.fields is None else self.fields[first:last],
        )
