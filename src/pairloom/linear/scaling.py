"""Means and scales of features and labels, learned from rows as they come and merged between hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from pairloom.collective import Collective
from pairloom.kernels import _native
from pairloom.rows import RowBatch

__all__ = ["FeatureScale", "FeatureSums", "LabelScale", "LabelSums"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
NEGLIGIBLE = 1e-7
"""Deviations below this share of a feature's size are its rounding: the feature is constant."""


@dataclass(frozen=True, slots=True)
class LabelScale:
    """Labels as trained on are ``(label - mean) / scale``."""

    mean: float = 0.0
    scale: float = 1.0

    def apply(self, labels: Float32Array) -> Float32Array:
        """Centre and scale labels."""
        if self == LabelScale():
            return labels
        return ((labels.astype(np.float64) - self.mean) / self.scale).astype(np.float32)


@dataclass(frozen=True, slots=True)
class FeatureScale:
    """Features as trained on are ``(x - mean) * inverse``.

    Parameters
    ----------
    means, inverses : ndarray of shape (n_features,), float32, or None
        None where nothing is centred or scaled. Means are of dense rows alone: zeros stay zero in sparse ones.
    """

    means: Float32Array | None = None
    inverses: Float32Array | None = None

    def apply_dense(self, matrix: Float32Array) -> None:
        """Centre and scale a matrix in place."""
        if self.means is not None:
            matrix -= self.means
        if self.inverses is not None:
            matrix *= self.inverses

    def apply_sparse(self, rows: RowBatch) -> RowBatch:
        """Return scaled rows; features beyond those that were measured stay as they are."""
        if self.inverses is None or (rows.values is None and (self.inverses == 1).all()):
            return rows
        inside = np.minimum(rows.indices, len(self.inverses) - 1)
        factors = np.where(rows.indices < len(self.inverses), self.inverses[inside], np.float32(1))
        values = factors if rows.values is None else rows.values * factors
        return RowBatch(
            rows.indptr, rows.indices, values.astype(np.float32), rows.n_features, rows.labels, rows.weights
        )

    def fold(self, weights: Float64Array, bias: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return weights and bias that score unscaled rows as the given ones score scaled rows."""
        weights = weights.copy()
        if self.inverses is not None:
            weights[: len(self.inverses)] *= self.inverses[:, None]
        if self.means is not None:
            bias = bias - self.means.astype(np.float64) @ weights[: len(self.means)]
        return weights, bias


@dataclass(slots=True)
class FeatureSums:
    """Sums over rows from which means and deviations of features follow.

    Sums are of differences from `origin`, the mean of the first host's rows, against cancellation.

    Parameters
    ----------
    n_rows : float
    origin, sums, squares : ndarray of shape (n_features,), float64
    counts : ndarray of shape (n_features,), float64
        Rows in which a feature is stored; sparse rows alone.
    """

    n_rows: float
    origin: Float64Array
    sums: Float64Array
    squares: Float64Array
    counts: Float64Array

    @classmethod
    def of_dense(cls, matrix: Float32Array, collective: Collective) -> Self:
        """Sum over a matrix on every host."""
        origin = (
            np.nan_to_num(matrix.mean(axis=0, dtype=np.float64)) if len(matrix) else np.zeros(matrix.shape[1])
        )
        origin = collective.broadcast(origin)
        shifted = matrix - origin
        n_rows = float(collective.allreduce(np.array([float(len(matrix))]))[0])
        sums, squares = (
            collective.allreduce(part) for part in (shifted.sum(axis=0), np.square(shifted).sum(axis=0))
        )
        return cls(n_rows, origin, sums, squares, np.zeros(0))

    @classmethod
    def of_sparse(cls, rows: RowBatch, n_features: int, collective: Collective) -> Self:
        """Sum over what sparse rows store on every host."""
        counts = np.zeros(n_features, np.int64)
        _native.count_features(rows.indices, counts)
        squares = counts.astype(np.float64)
        if rows.values is not None:
            squares = np.bincount(rows.indices, np.square(rows.values, dtype=np.float64), n_features)
        counted, squared = (collective.allreduce(part) for part in (counts.astype(np.float64), squares))
        zeros = np.zeros(n_features)
        return cls(float(rows.n_rows), zeros, zeros, squared, counted)

    def dense_scale(self, *, center: bool, scale: bool) -> FeatureScale:
        """Return means and inverse deviations; a constant feature keeps its scale."""
        n = max(self.n_rows, 1.0)
        shift = self.sums / n
        means = self.origin + shift
        variances = np.maximum(self.squares / n - shift * shift, 0.0)
        deviations = np.sqrt(variances)
        varies = deviations > NEGLIGIBLE * np.maximum(np.abs(means), 1e-30)
        inverses = np.where(varies, 1 / np.where(varies, deviations, 1.0), 1.0)
        with np.errstate(over="ignore", under="ignore"):
            return FeatureScale(
                means.astype(np.float32) if center else None,
                np.clip(inverses, 1e-30, 1e30).astype(np.float32) if scale else None,
            )

    def sparse_scale(self, *, scale: bool) -> FeatureScale:
        """Return the inverse root of the mean square of what is stored; ones stay ones."""
        if not scale:
            return FeatureScale()
        stored = (self.counts > 0) & (self.squares > 0)
        sizes = np.sqrt(np.where(stored, self.squares, 1.0) / np.where(stored, self.counts, 1.0))
        return FeatureScale(None, np.clip(1 / sizes, 1e-30, 1e30).astype(np.float32))


@dataclass(slots=True)
class LabelSums:
    """Streaming mean and variance of labels by weight, and their number by class."""

    weight: float = 0.0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, labels: Float32Array, weights: Float32Array | None) -> None:
        """Take in the labels of a batch."""
        amounts = np.ones(len(labels)) if weights is None else weights.astype(np.float64)
        total = float(amounts.sum())
        if total <= 0:
            return
        exact = labels.astype(np.float64)
        mean = float(amounts @ exact) / total
        self.merge(LabelSums(total, mean, float(amounts @ (exact - mean) ** 2)))

    def merge(self, other: LabelSums) -> None:
        """Add another's rows."""
        both = self.weight + other.weight
        if both <= 0:
            return
        shift = other.mean - self.mean
        self.squares += other.squares + shift * shift * self.weight * other.weight / both
        self.mean += shift * other.weight / both
        self.weight = both

    def over_hosts(self, collective: Collective) -> LabelSums:
        """Return the sums of all hosts."""
        merged = LabelSums()
        for part in collective.allgather(np.array([[self.weight, self.mean, self.squares]])):
            merged.merge(LabelSums(*(float(number) for number in part[0])))
        return merged

    def scale(self, *, center: bool, scale: bool) -> LabelScale:
        """Return how labels are centred and scaled; equal labels keep their scale."""
        deviation = float(np.sqrt(self.squares / self.weight)) if self.weight > 0 else 0.0
        varies = deviation > NEGLIGIBLE * max(abs(self.mean), 1e-30)
        return LabelScale(self.mean if center else 0.0, deviation if scale and varies else 1.0)
