"""The mean loss of one candidate over all rows, with its penalties: what the finish minimises."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pairloom.collective import Collective
from pairloom.kernels.linear import linear_gradient, linear_scores
from pairloom.kernels.native_rows import native_rows
from pairloom.linear.blocks import Block
from pairloom.linear.candidates import Candidate
from pairloom.linear.losses import KINKED
from pairloom.linear.machines import row_weights
from pairloom.linear.settings import LinearSettings
from pairloom.rows import RowBatch

__all__ = ["RowsObjective", "block_scores"]

Float64Array = npt.NDArray[np.float64]
WIDEST_HESSIAN = 1024
LEAST_CURVATURE = 1e-8


def block_scores(block: Block, weights: Float64Array, bias: Float64Array, n_threads: int = 1) -> Float64Array:
    """Score the scaled rows of a block, of shape (n_rows, n_columns)."""
    if isinstance(block.features, RowBatch):
        return linear_scores(
            np.ascontiguousarray(weights),
            np.ascontiguousarray(bias),
            block.native(),
            block.n_rows,
            n_threads=n_threads,
        )
    return (block.features @ weights.astype(np.float32)).astype(np.float64) + bias


class RowsObjective:
    """Mean over rows of weighted losses, plus ``l2 / 2 * |w|^2``.

    Its parameters are of shape (1 + n_features, n_outputs), bias first.

    Parameters
    ----------
    blocks : list of Block
        This host's rows.
    n_features : int
    candidate : Candidate
    settings : LinearSettings
    collective : Collective
    """

    def __init__(
        self,
        blocks: list[Block],
        n_features: int,
        candidate: Candidate,
        settings: LinearSettings,
        collective: Collective,
    ) -> None:
        self.blocks, self.settings, self.collective = blocks, settings, collective
        self.positive_weights = np.array([candidate.positive_weight], np.float32)
        self.kinked = settings.loss.name in KINKED
        self.n_rows = float(collective.allreduce(np.array([float(sum(b.n_rows for b in blocks))]))[0])
        shape = (1 + n_features, settings.n_outputs)
        self.l2 = np.full(shape, candidate.l2)
        self.l2[0] *= settings.bias_l2_factor
        self.l1 = np.full(shape, candidate.l1)
        self.l1[0] = 0.0
        self.curvature: tuple[Float64Array, Float64Array] | None = None
        self._at: tuple[Float64Array, list[Float64Array]] | None = None
        self._line: tuple[list[Float64Array], list[Float64Array]] = ([], [])

    def value_and_gradient(self, parameters: Float64Array, width: float) -> tuple[float, Float64Array]:
        """Mean loss with the L2 penalty, and its gradient."""
        sums = np.zeros(1 + parameters.size)
        total, gradient = sums[:1], sums[1:].reshape(parameters.shape)
        for block, scores in zip(self.blocks, self._scores(parameters), strict=True):
            losses, slopes = self.settings.loss.losses_and_slopes(scores, block.labels, width)
            weights = row_weights(block, self.positive_weights)
            if weights is not None:
                losses, slopes = losses * weights, slopes * weights
            total += losses.sum()
            gradient[0] += slopes.sum(axis=0)
            gradient[1:] += _transposed_product(block, slopes, len(parameters) - 1)
        sums = self.collective.allreduce(sums) / self.n_rows
        value = float(sums[0]) + 0.5 * float((self.l2 * parameters * parameters).sum())
        gradient = sums[1:].reshape(parameters.shape) + self.l2 * parameters
        if not self.settings.use_bias:
            gradient[0] = 0.0
        return value, gradient

    def value(self, parameters: Float64Array, width: float) -> float:
        """Mean loss with the L2 penalty."""
        total = 0.0
        for block, scores in zip(self.blocks, self._scores(parameters), strict=True):
            losses = self.settings.loss.losses_and_slopes(scores, block.labels, width)[0]
            weights = row_weights(block, self.positive_weights)
            total += float((losses if weights is None else losses * weights).sum())
        total = float(self.collective.allreduce(np.array([total]))[0])
        return total / self.n_rows + 0.5 * float((self.l2 * parameters * parameters).sum())

    def along(
        self, parameters: Float64Array, direction: Float64Array, width: float
    ) -> Callable[[float], float]:
        """Return the objective on a line: scores are read off it, rows are not read again."""
        base = self._scores(parameters)
        slope = [block_scores(block, direction[1:], direction[0]) for block in self.blocks]
        self._line = (base, slope)
        weights = [row_weights(block, self.positive_weights) for block in self.blocks]

        def value(step: float) -> float:
            total = 0.0
            for block, at, by, weight in zip(self.blocks, base, slope, weights, strict=True):
                losses = self.settings.loss.losses_and_slopes(at + step * by, block.labels, width)[0]
                total += float((losses if weight is None else losses * weight).sum())
            moved = parameters + step * direction
            total = float(self.collective.allreduce(np.array([total]))[0])
            penalty = 0.5 * float((self.l2 * moved * moved).sum()) + float((self.l1 * np.abs(moved)).sum())
            return total / self.n_rows + penalty

        return value

    def arrived(self, parameters: Float64Array, step: float) -> None:
        """Note that `parameters` lie on the last line, at `step`: their scores are known."""
        base, slope = self._line
        self._at = (parameters, [at + step * by for at, by in zip(base, slope, strict=True)])

    def _scores(self, parameters: Float64Array) -> list[Float64Array]:
        if self._at is None or self._at[0] is not parameters:
            self._at = (
                parameters,
                [block_scores(block, parameters[1:], parameters[0]) for block in self.blocks],
            )
        return self._at[1]

    def preconditioner(
        self, parameters: Float64Array, width: float
    ) -> Callable[[Float64Array], Float64Array]:
        """Invert the curvature: the whole matrix of few dense columns from a sample of rows, else its diagonal."""
        n_features, n_outputs = len(parameters) - 1, self.settings.n_outputs
        dense = all(isinstance(block.features, np.ndarray) for block in self.blocks)
        whole = dense and n_features <= WIDEST_HESSIAN
        n_sampled = max(4096, 4 * n_features) if whole else int(self.n_rows)
        n_rows = sum(block.n_rows for block in self.blocks)
        share = min(1.0, n_sampled / max(1, n_rows))
        matrix = np.zeros((1 + n_features, 1 + n_features) if whole else (1 + n_features, 1))
        by_output, n_seen = np.zeros(n_outputs), 0.0
        for block in self.blocks:
            part = block.part(0, max(1, round(share * block.n_rows))) if share < 1 else block
            scores = block_scores(part, parameters[1:], parameters[0])
            curvatures = self.settings.loss.curvatures(scores, part.labels, width)
            weights = row_weights(part, self.positive_weights)
            if weights is not None:
                curvatures = curvatures * weights
            by_output += curvatures.sum(axis=0)
            n_seen += part.n_rows
            _add_curvature(matrix, part, curvatures.mean(axis=1), n_features, whole=whole)
        sums = self.collective.allreduce(np.concatenate([[n_seen], by_output, matrix.ravel()]))
        n_seen, by_output = max(float(sums[0]), 1.0), sums[1 : 1 + n_outputs]
        matrix = sums[1 + n_outputs :].reshape(matrix.shape) / n_seen
        mean = max(float(by_output.mean()) / n_seen, LEAST_CURVATURE)
        relative = np.maximum(by_output / n_seen / mean, 0.01)
        if not whole:
            diagonal = np.maximum(matrix * relative + self.l2, LEAST_CURVATURE)
            return lambda gradient: gradient / diagonal
        ridge = float(self.l2[-1, 0]) if n_features else 0.0
        matrix[np.diag_indices(len(matrix))] += ridge + 1e-6 * mean + LEAST_CURVATURE
        if self.l1.any():
            self.curvature = (matrix, relative)
        inverse = np.linalg.inv(matrix)
        return lambda gradient: (inverse @ gradient) / relative


def _transposed_product(block: Block, slopes: npt.NDArray[np.floating], n_features: int) -> Float64Array:
    if isinstance(block.features, RowBatch):
        return linear_gradient(block.native(), slopes.astype(np.float64), n_features)
    return (block.features.T @ slopes.astype(np.float32)).astype(np.float64)


def _add_curvature(
    matrix: Float64Array, block: Block, curvatures: Float64Array, n_features: int, *, whole: bool
) -> None:
    """Add sums of ``curvature * (1, x) (1, x)^T``, or of its diagonal."""
    matrix[0, 0] += curvatures.sum()
    if isinstance(block.features, RowBatch):
        rows = block.features
        squares = None if rows.values is None else np.square(rows.values)
        squared = native_rows(RowBatch(rows.indptr, rows.indices, squares, rows.n_features))
        matrix[1:] += linear_gradient(squared, curvatures[:, None], n_features)
        return
    weights = curvatures.astype(np.float32)[:, None]
    if not whole:
        matrix[1:, 0] += (np.square(block.features).T @ weights)[:, 0]
        return
    weighted = block.features * weights
    matrix[1:, 1:] += block.features.T @ weighted
    mixed = weighted.sum(axis=0, dtype=np.float64)
    matrix[0, 1:] += mixed
    matrix[1:, 0] += mixed
