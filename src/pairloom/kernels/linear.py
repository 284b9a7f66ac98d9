"""Linear kernels: many models side by side over sparse rows, scores, the gradient of a whole batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.kernels._native import LinearLoss
from pairloom.kernels.fm import allocate_table
from pairloom.kernels.levels import chosen_level

__all__ = ["LinearLoss", "SparseTable", "linear_gradient", "linear_scores", "minimise_penalised"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
RATES, L2, L1, BIAS_RATES, BIAS_L2, POSITIVE_WEIGHTS = range(6)
N_SETTINGS = 6
BLOCK_ROWS = 512
LATEST_CLOCK = float(1 << 23)
"""Clocks are kept as float32, which counts single rows up to here."""


class SparseTable:
    """Weights of many models side by side and AdaGrad's sums, one short stretch of memory for each feature.

    Parameters
    ----------
    weights : ndarray of shape (n_features, n_columns)
    bias : ndarray of shape (n_columns,)
    n_outputs : int
        Columns of one model: one, or one for each class.
    columns : ndarray of shape (6, n_columns)
        By column: rates, L2, L1, rates of the bias, L2 of the bias, weights of rows with label 1.
    accumulator : float
        Where AdaGrad's sums of squared gradients begin.
    """

    def __init__(
        self,
        weights: npt.NDArray[np.floating],
        bias: npt.NDArray[np.floating],
        n_outputs: int,
        columns: npt.NDArray[np.floating],
        accumulator: float,
    ) -> None:
        n_features, self.n_columns = weights.shape
        if bias.shape != (self.n_columns,) or columns.shape != (N_SETTINGS, self.n_columns):
            raise UserError(
                f"SparseTable: 'bias' and 'columns' must be of shapes ({self.n_columns},) and "
                f"({N_SETTINGS}, {self.n_columns}). Got {bias.shape} and {columns.shape}."
            )
        self.n_outputs, self.accumulator, self.clock = n_outputs, accumulator, 0.0
        self.padded, self.stride = _native.linear_layout(self.n_columns)
        self.table = allocate_table(n_features, self.stride)
        self.table[:, : self.n_columns] = weights
        self.table[:, self.padded : self.padded + self.n_columns] = accumulator
        self.bias = np.zeros(2 * self.padded, np.float32)
        self.bias[: self.n_columns] = bias
        self.bias[self.padded : self.padded + self.n_columns] = accumulator
        self.columns = np.zeros((N_SETTINGS, self.padded), np.float32)
        self.columns[:, : self.n_columns] = columns

    def grow(self, n_features: int) -> None:
        """Append features whose weights are zero."""
        if n_features > len(self.table):
            old, self.table = self.table, allocate_table(n_features, self.stride)
            self.table[: len(old)] = old
            self.table[len(old) :, self.padded : self.padded + self.n_columns] = self.accumulator

    def train(
        self,
        rows: _native.Rows,
        n_rows: int,
        block_order: npt.NDArray[np.int32],
        loss: LinearLoss,
        parameter: float,
        *,
        n_threads: int = 1,
    ) -> Float64Array:
        """Step after every row of the given blocks of 512; rows have been checked.

        Returns
        -------
        ndarray of shape (n_models,), float64
            Weighted sums of the losses, each row's before its step.
        """
        losses = np.zeros(self.n_columns // self.n_outputs)
        _native.linear_train(
            self.table, self.n_columns, self.n_outputs, rows, block_order, BLOCK_ROWS, loss, parameter,
            self.columns, self.bias, losses, self.clock, n_threads, chosen_level(),
        )  # fmt: skip
        self.clock += float(rows_in(block_order, n_rows))
        if self.clock > LATEST_CLOCK:
            visits = self._visits()
            visits[visits != 0] -= np.float32(LATEST_CLOCK - 0.5)
            self.clock -= LATEST_CLOCK - 0.5
        return losses

    def weights(self) -> Float64Array:
        """Return weights of shape (n_features, n_columns), penalties taken for all rows until now."""
        weights = self.table[:, : self.n_columns].astype(np.float64)
        l1, l2 = (self.columns[i, : self.n_columns].astype(np.float64) for i in (L1, L2))
        if l1.any() or l2.any():
            sums = self.table[:, self.padded : self.padded + self.n_columns]
            waited = np.maximum(self.clock - self._visits().astype(np.float64), 0.0)[:, None]
            rate = self.columns[RATES, : self.n_columns] / np.sqrt(sums.astype(np.float64) + 1e-30) * waited
            weights = np.sign(weights) * np.maximum(np.abs(weights) - rate * l1, 0.0) / (1.0 + rate * l2)
        weights[self._visits() == 0] = 0.0
        return weights

    def _visits(self) -> Float32Array:
        """Clock of each feature's last visit, as a view; 0 where it had none."""
        return self.table[:, 2 if self.padded == 1 else 2 * self.padded - 1]


def rows_in(block_order: npt.NDArray[np.int32], n_rows: int) -> int:
    """Count the rows of some blocks: the last block may be short."""
    last = (n_rows - 1) // BLOCK_ROWS
    n_last = int((block_order == last).sum())
    return (len(block_order) - n_last) * BLOCK_ROWS + n_last * (n_rows - last * BLOCK_ROWS)


def linear_scores(
    weights: Float64Array, bias: Float64Array, rows: _native.Rows, n_rows: int, *, n_threads: int = 1
) -> Float64Array:
    """Score rows: a row's sum in its own order and in doubles, so that it does not depend on other rows.

    Parameters
    ----------
    weights : ndarray of shape (n_features, n_columns), float64
    bias : ndarray of shape (n_columns,), float64
    rows : Rows
        Indices beyond the weights add nothing.
    n_rows : int

    Returns
    -------
    ndarray of shape (n_rows, n_columns), float64
    """
    out = np.empty((n_rows, weights.shape[1]))
    _native.linear_scores(weights, bias, rows, out, n_threads, chosen_level())
    return out


def linear_gradient(rows: _native.Rows, residuals: Float64Array, n_features: int) -> Float64Array:
    """Return ``rows.T @ residuals`` of shape (n_features, n_columns), float64.

    Parameters
    ----------
    rows : Rows
        Indices are below n_features.
    residuals : ndarray of shape (n_rows, n_columns), float64
    """
    gradient = np.zeros((n_features, residuals.shape[1]))
    _native.linear_gradient(rows, np.ascontiguousarray(residuals), gradient)
    return gradient


def minimise_penalised(
    matrix: Float64Array,
    scale: float,
    gradient: Float64Array,
    start: Float64Array,
    l1: Float64Array,
    *,
    max_sweeps: int = 30,
) -> Float64Array:
    """Minimise ``gradient s + s (scale matrix) s / 2 + l1 |start + s|`` over s, one coordinate after the other.

    Parameters
    ----------
    matrix : ndarray of shape (n, n), float64
        Symmetric, its diagonal above zero.
    scale : float
    gradient, start, l1 : ndarray of shape (n,), float64
    max_sweeps : int
        Times that every coordinate is visited, at most.

    Returns
    -------
    ndarray of shape (n,), float64
    """
    if not (matrix.shape == (len(start), len(start)) and len(gradient) == len(l1) == len(start)):
        raise UserError(
            f"matrix, gradient, start and l1 must be of one size. Got {matrix.shape}, {len(gradient)}, "
            f"{len(start)} and {len(l1)}."
        )
    step = np.empty(len(start))
    own = [np.ascontiguousarray(array, np.float64) for array in (gradient, start, l1)]
    _native.minimise_penalised(np.ascontiguousarray(matrix), scale, own[0], own[1], own[2], max_sweeps, step)
    return step
