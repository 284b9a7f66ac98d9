"""A trained booster as the contract asks for it: answers by name, saved in the library's own form."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Self

import numpy as np

from pairloom.algorithms.contract import Predictions
from pairloom.algorithms.xgboost.evaluation import evaluated
from pairloom.algorithms.xgboost.library import xgboost
from pairloom.algorithms.xgboost.model_file import load_booster
from pairloom.algorithms.xgboost.rows import in_order, matrix_of, within
from pairloom.errors import DataError
from pairloom.formats.batching import concatenate
from pairloom.metrics import MEASURED_HERE
from pairloom.rows import RowBatch

__all__ = ["XGBoostModel"]

MODEL, ABOUT = "xgboost-model", "model.json"


@dataclass(slots=True)
class XGBoostModel:
    """Answers ``score``: what plain xgboost predicts, bit for bit.

    Parameters
    ----------
    booster : xgboost.Booster
    about : dict
        What ``model.json`` says: objective, rounds, scores.

    Attributes
    ----------
    n_features : int
        Width of the rows it scores; columns beyond add nothing.
    """

    booster: Any
    about: dict[str, Any] = field(default_factory=dict[str, Any])
    n_features: int = field(init=False)
    _in_place: bool = field(init=False)
    _n_threads: int = field(default=0, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def __post_init__(self) -> None:
        self.n_features = self.booster.num_features()
        learner = json.loads(self.booster.save_config())["learner"]
        self._in_place = learner["gradient_booster"]["name"] == "gbtree"

    def predict(self, rows: RowBatch, *, n_threads: int = 1) -> Predictions:
        """Score rows; a column that a row does not hold is missing.

        Returns
        -------
        dict of ndarray
            ``score`` of shape (n_rows,), or (n_rows, n_classes) for multi:softprob, float32.
        """
        if rows.n_rows == 0:
            return {"score": self._score(_one_row())[:0]}
        return {"score": self._score(self._prepared(rows), n_threads)}

    def measure(self, batches: Iterable[RowBatch], *, n_threads: int = 1) -> dict[str, float]:
        """Measure labelled rows, all in memory at once, by the metrics of the training."""
        rows = concatenate([self._prepared(batch) for batch in batches])
        library = xgboost()
        matrix = library.DMatrix(
            matrix_of(rows, self.n_features),
            rows.labels,
            weight=rows.weights,
            qid=rows.groups,
            nthread=n_threads,
        )
        if self.about.get("objective") == "survival:aft":
            matrix.set_info(label_lower_bound=rows.labels, label_upper_bound=rows.labels)
        asked = [name for name in self.about.get("eval_metric", []) if name not in MEASURED_HERE]
        parameters = {"nthread": n_threads, **({"eval_metric": asked} if asked else {})}
        booster = library.Booster(parameters, model_file=self.booster.save_raw("ubj"))
        names = [str(name) for name in self.about.get("eval_metric", [])]
        return evaluated(booster, {"rows": matrix}, names, 0)["rows"]

    def save(self, folder: Path) -> None:
        """Write ``xgboost-model``, which plain xgboost loads, and ``model.json`` into a folder."""
        (folder / MODEL).write_bytes(self.booster.save_raw("ubj"))
        (folder / ABOUT).write_text(json.dumps(self.about, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote, or an ``xgboost-model`` alone; DataError when it is not there or damaged."""
        booster = load_booster(folder / MODEL)
        file = folder / ABOUT
        try:
            about = json.loads(file.read_bytes()) if file.exists() else {}
        except (ValueError, RecursionError, OSError) as error:
            raise DataError("sound JSON", got=str(error), source=str(file)) from error
        if not isinstance(about, dict):
            raise DataError("a JSON object", got=type(about).__name__, source=str(file))
        return cls(booster, about)

    def _prepared(self, rows: RowBatch) -> RowBatch:
        """Refuse indices below 0; leave out what is beyond the model."""
        if len(rows.indices) and (lowest := int(rows.indices.min())) < 0:
            raise DataError("a column index >= 0", got=str(lowest))
        return in_order(within(rows, self.n_features))

    def _score(self, rows: RowBatch, n_threads: int = 1) -> Any:
        if n_threads != self._n_threads:
            with self._lock:
                self.booster.set_param({"nthread": n_threads})
                self._n_threads = n_threads
        matrix = matrix_of(rows, self.n_features)
        if self._in_place:
            return self.booster.inplace_predict(matrix, validate_features=False)
        # Without trees there is no other way, and dropped ones add up in another order in place.
        return self.booster.predict(xgboost().DMatrix(matrix, nthread=n_threads), validate_features=False)


def _one_row() -> RowBatch:
    return RowBatch(np.zeros(2, np.int64), np.zeros(0, np.int32), None, 0)
