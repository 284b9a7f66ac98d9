"""A matrix as rows."""

import numpy as np

from pairloom.rows import RowBatch


def as_rows(features, labels=None, weights=None):
    """Rows that store every column, zeros too."""
    n_rows, width = features.shape
    return RowBatch(
        np.arange(0, n_rows * width + 1, width, dtype=np.int64),
        np.tile(np.arange(width, dtype=np.int32), n_rows),
        np.ascontiguousarray(features, np.float32).ravel(),
        width,
        None if labels is None else np.asarray(labels, np.float32),
        None if weights is None else np.asarray(weights, np.float32),
    )


def without_zeros(rows):
    """The same rows with zeros left out."""
    kept = rows.values != 0
    lengths = np.bincount(
        np.repeat(np.arange(rows.n_rows), np.diff(rows.indptr))[kept], minlength=rows.n_rows
    )
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return RowBatch(indptr, rows.indices[kept], rows.values[kept], rows.n_features, rows.labels, rows.weights)
