"""Batches of rows as one scipy matrix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pairloom.errors import MissingExtraError
from pairloom.rows import RowBatch

__all__ = ["to_csr"]


def to_csr(batches: Iterable[RowBatch]) -> Any:
    """Join batches into a scipy.sparse.csr_matrix of float32, repeated indices of a row added up."""
    try:
        from scipy.sparse import csr_matrix
    except ImportError as error:
        raise MissingExtraError("FeatureEncoder.transform", "sklearn") from error
    joined = list(batches)
    n_nonzeros = sum(len(batch.indices) for batch in joined)
    lengths = np.concatenate([np.diff(batch.indptr) for batch in joined])
    indptr = np.zeros(len(lengths) + 1, np.int32 if n_nonzeros < 2**31 else np.int64)
    np.cumsum(lengths, out=indptr[1:])
    indices = np.concatenate([batch.indices for batch in joined])
    values = np.ones(n_nonzeros, np.float32)
    begin = 0
    for batch in joined:
        if batch.values is not None:
            values[begin : begin + len(batch.values)] = batch.values
        begin += len(batch.indices)
    matrix = csr_matrix((values, indices, indptr), shape=(len(lengths), joined[-1].n_features))
    matrix.sum_duplicates()
    return matrix
