"""A trained linear model: what it scores and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.kernels.linear import linear_scores
from pairloom.kernels.native_rows import find_repeated, native_rows
from pairloom.linear.losses import LossName
from pairloom.linear.settings import Task
from pairloom.rows import RowBatch

__all__ = ["LinearModel"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]


@dataclass(slots=True)
class LinearModel:
    """Scores ``x @ weights + bias``, of rows as they came: scales of training are folded in.

    Parameters
    ----------
    task : {"binary", "regression", "multiclass"}
    loss : str
    weights : ndarray of shape (n_features, n_outputs), float64
        n_outputs is the number of classes for "multiclass", else 1.
    bias : ndarray of shape (n_outputs,), float64
    threshold : float, optional
        Least score of "binary" that counts as positive: a probability for the logistic loss, a raw score for
        the hinge.
    metadata : mapping
        What else belongs to the model (JSON values).
    """

    task: Task
    loss: LossName
    weights: Float64Array
    bias: Float64Array
    threshold: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def n_features(self) -> int:
        """Width of the rows it scores; columns beyond add nothing."""
        return len(self.weights)

    @property
    def n_outputs(self) -> int:
        """Scores of one row."""
        return self.weights.shape[1]

    def raw_scores(self, rows: RowBatch, *, n_threads: int = 1) -> Float64Array:
        """Return ``x @ weights + bias`` of shape (n_rows, n_outputs), the same in any batch."""
        bare = RowBatch(rows.indptr, rows.indices, rows.values, rows.n_features)
        find_repeated(bare)
        return linear_scores(self.weights, self.bias, native_rows(bare), bare.n_rows, n_threads=n_threads)

    def predict(self, rows: RowBatch, *, n_threads: int = 1) -> dict[str, npt.NDArray[Any]]:
        """Answer rows.

        Returns
        -------
        dict of ndarrays, float32
            ``score``: a number, the probability of label 1 (the raw score for the hinge), or the probabilities
            of all classes, of shape (n_rows, n_outputs). Classifiers add ``predicted_label``.
        """
        return self.answers(self.raw_scores(rows, n_threads=n_threads))

    def answers(self, raw: Float64Array) -> dict[str, npt.NDArray[Any]]:
        """Turn raw scores into answers."""
        if self.task == "multiclass":
            with np.errstate(under="ignore"):
                shares = np.exp(raw - raw.max(axis=1, keepdims=True, initial=-np.inf))
                shares /= shares.sum(axis=1, keepdims=True)
            return {
                "score": shares.astype(np.float32),
                "predicted_label": raw.argmax(axis=1).astype(np.float32),
            }
        largest = float(np.finfo(np.float32).max)
        score = raw[:, 0]
        if self.loss == "logistic":
            with np.errstate(over="ignore", under="ignore"):
                score = 1 / (1 + np.exp(-score))
        score = np.clip(score, -largest, largest).astype(np.float32)
        if self.task == "regression" or self.threshold is None:
            return {"score": score}
        return {"score": score, "predicted_label": (score >= np.float32(self.threshold)).astype(np.float32)}
