"""A trained factorization machine as the contract asks for it: answers by name, saved in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from pairloom.algorithms.contract import Predictions
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.model_file import load_model, save_model
from pairloom.rows import RelationalRows, RowBatch

__all__ = ["FactorizationMachinesModel"]

THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class FactorizationMachinesModel:
    """Answers ``score``, and for a classifier ``predicted_label`` too.

    Parameters
    ----------
    machine : FactorizationMachine
    """

    machine: FactorizationMachine

    @property
    def n_features(self) -> int:
        """Width of the rows it scores; columns beyond add nothing."""
        return self.machine.n_features

    @property
    def scores_shared_parts(self) -> bool:
        """Whether rows with shared parts are better left as they are: samples score each part once."""
        return self.machine.posterior is not None

    def predict(self, rows: RowBatch | RelationalRows, *, n_threads: int = 1) -> Predictions:
        """Score rows.

        Returns
        -------
        dict of ndarrays of shape (n_rows,), float32
            ``score``, a number or the probability of label 1, and for a classifier ``predicted_label``: 1
            where the score is at least 0.5, otherwise 0.
        """
        scores = self.machine.predict(rows, n_threads=n_threads)
        if self.machine.task == "regression":
            return {"score": scores}
        return {"score": scores, "predicted_label": (scores >= THRESHOLD).astype(np.float32)}

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``model.safetensors`` into a folder."""
        save_model(self.machine, folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; DataError when it is not there or damaged."""
        machine, _ = load_model(folder)
        return cls(machine)
