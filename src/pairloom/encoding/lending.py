"""Training the columns of unseen ids and of missing values.

A column that no training row uses learns nothing. In a pass over training data, therefore, rows lend cells
to it:

* a category met n times is taken as unseen with probability a / (a + n), a being `unseen_samples`: each
  gives up about a of its rows, a rare one the larger share (Kiperwasser and Goldberg, "Simple and Accurate
  Dependency Parsing Using Bidirectional LSTM Feature Representations", TACL 2016, on word dropout);
* where no value of a column was missing in `fit`, one is taken as missing with probability `missing_share`.

Which cells, follows from the seed, the column and the row's number alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Lending", "mix"]

BoolArray = npt.NDArray[np.bool_]
Int64Array = npt.NDArray[np.int64]
UInt64Array = npt.NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(x: UInt64Array) -> UInt64Array:
    """Scramble 64-bit integers, one to one: the finaliser of splitmix64, as in hashing.hpp."""
    x = x ^ (x >> np.uint64(30))
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


@dataclass(frozen=True, slots=True)
class Lending:
    """Which cells of one column are lent in one batch.

    Parameters
    ----------
    unseen_samples : float
    missing_share : float
    seed : int
    field : int
        Place of the column among the encoder's.
    first_row : int
        Row of the pass at which the batch begins, counted from 0.
    """

    unseen_samples: float
    missing_share: float
    seed: int
    field: int
    first_row: int

    def as_missing(self, n_rows: int) -> BoolArray:
        """Choose the rows to be taken as missing."""
        return _uniform(self._rows(n_rows)) >= 1 - self.missing_share

    def as_unseen(self, counts: Int64Array, indptr: Int64Array | None = None) -> BoolArray:
        """Choose the cells to be taken as unseen.

        Parameters
        ----------
        counts : ndarray of shape (n_cells,), int64
            How often the cell's category was met.
        indptr : ndarray of shape (n_rows + 1,), int64, optional
            Cells of each row; None for one.
        """
        cells = self._rows(len(counts) if indptr is None else len(indptr) - 1)
        if indptr is not None:
            lengths = np.diff(indptr)
            within = np.arange(1, len(counts) + 1) - np.repeat(indptr[:-1], lengths)
            cells = mix(np.repeat(cells, lengths) + within.astype(np.uint64) * GOLDEN)
        return _uniform(cells) * (self.unseen_samples + counts) < self.unseen_samples

    def _rows(self, n_rows: int) -> UInt64Array:
        """Return the numbers of a splitmix64 stream that belong to the rows."""
        start = mix(np.array([(self.seed << 32) + self.field], np.uint64) + GOLDEN)
        rows = np.arange(self.first_row, self.first_row + n_rows, dtype=np.uint64)
        rows *= GOLDEN
        rows += start
        return mix(rows)


def _uniform(hashes: UInt64Array) -> npt.NDArray[np.float64]:
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53
