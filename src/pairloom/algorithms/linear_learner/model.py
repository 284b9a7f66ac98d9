"""A trained linear learner as the contract asks for it: answers by name, saved in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pairloom.algorithms.contract import Predictions
from pairloom.linear.model import LinearModel
from pairloom.linear.model_file import load_model, save_model
from pairloom.rows import RowBatch

__all__ = ["LinearLearnerModel"]


@dataclass(frozen=True, slots=True)
class LinearLearnerModel:
    """Answers ``score``, and for classifiers ``predicted_label`` too.

    In the units of the rows as they came: ``machine.weights`` (n_features, n_outputs) and ``machine.bias``
    (n_outputs,), float64, give the raw scores ``x @ weights + bias``. A binary classifier has one output; its score is
    the logistic function of the raw score (the raw score itself where ``machine.loss`` is "hinge"), its label 1 from
    ``machine.threshold`` on. A multiclass classifier has an output for each class and answers their softmax.

    Parameters
    ----------
    machine : LinearModel
    """

    machine: LinearModel

    @property
    def n_features(self) -> int:
        """Width of the rows it scores; columns beyond add nothing."""
        return self.machine.n_features

    def predict(self, rows: RowBatch, *, n_threads: int = 1) -> Predictions:
        """Score rows.

        Returns
        -------
        dict of ndarrays, float32
            ``score`` of shape (n_rows,), a number or the probability of label 1, or of shape (n_rows, n_classes)
            for a multiclass classifier; and for classifiers ``predicted_label`` of shape (n_rows,).
        """
        return self.machine.predict(rows, n_threads=n_threads)

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``model.safetensors`` into a folder."""
        save_model(self.machine, folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; DataError when it is not there or damaged."""
        return cls(load_model(folder))
