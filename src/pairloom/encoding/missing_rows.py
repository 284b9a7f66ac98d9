"""Rows with any number of non-zeros, and one for missing where there is none."""

from __future__ import annotations

import numpy as np

from pairloom.encoding.features import Int32Array, Int64Array
from pairloom.encoding.lending import Lending
from pairloom.kernels.row_assembly import RowPart

__all__ = ["with_missing_rows"]


def with_missing_rows(
    indptr: Int64Array, encoded: Int32Array, missing: np.int32, lending: Lending | None, *, normalize: bool
) -> RowPart:
    """Put the column of missing values into rows that are empty or lent to it.

    Parameters
    ----------
    indptr : ndarray of shape (n_rows + 1,), int64
    encoded : ndarray of shape (n_cells,), int32
        Column of each cell.
    missing : int
        Column of missing values.
    lending : Lending, optional
    normalize : bool
        Give the n cells of a row the value 1/n.
    """
    lengths = np.diff(indptr)
    replaced = lengths == 0
    if lending is not None and lending.missing_share > 0:
        replaced |= lending.as_missing(len(lengths))
    if replaced.any():
        encoded = encoded[~np.repeat(replaced, lengths)]
        lengths = np.where(replaced, 1, lengths)
        indptr = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        joined = np.full(indptr[-1], missing, np.int32)
        joined[~np.repeat(replaced, lengths)] = encoded
        encoded = joined
    values = np.repeat(1.0 / lengths, lengths).astype(np.float32) if normalize else None
    return RowPart(encoded, values, indptr)
