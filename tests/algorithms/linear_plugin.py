"""A plug-in as somebody else would write it: linear regression on sparse rows, a gradient step a row."""

import json
import time
from dataclasses import dataclass
from typing import Self

import numpy as np

from pairloom.algorithms.checked_rows import checked_rows
from pairloom.algorithms.checkpoints import NO_CHECKPOINTS
from pairloom.algorithms.contract import Channel, check_channels, check_one_host
from pairloom.algorithms.report import (
    ChannelScored,
    EpochEnded,
    StopTraining,
    TrainingEnded,
    silent,
)
from pairloom.collective import ALONE
from pairloom.errors import DataError
from pairloom.hyperparameters import Hyperparameters, param
from pairloom.metrics import REGRESSION, RegressionErrors

LIBSVM = ("text/libsvm",)


class LinearHyperparameters(Hyperparameters, owner="LinearPlugin"):
    epochs: int = param(default=5, ge=1, tunable=(1, 100), doc="Passes over the training data.")
    learning_rate: float = param(default=0.1, gt=0, doc="Size of a step.")
    feature_dim: int = param(ge=1, doc="Width of the rows.")


@dataclass
class LinearModel:
    weights: np.ndarray
    bias: float

    @property
    def n_features(self):
        return len(self.weights)

    def predict(self, rows, *, n_threads=1):
        if (rows.indices < 0).any():
            raise DataError("a column index >= 0", got=str(rows.indices.min()))
        values = np.ones(len(rows.indices)) if rows.values is None else rows.values
        owner = np.repeat(np.arange(rows.n_rows), np.diff(rows.indptr))
        weights = np.append(self.weights, 0.0)[np.minimum(rows.indices, self.n_features)]
        sums = np.bincount(owner, weights * values, minlength=rows.n_rows)
        return {"score": (sums + self.bias).astype(np.float32)}

    def save(self, folder):
        np.save(folder / "weights.npy", self.weights)
        (folder / "model.json").write_text(json.dumps({"bias": self.bias}) + "\n")

    @classmethod
    def load(cls, folder) -> Self:
        try:
            bias = json.loads((folder / "model.json").read_text())["bias"]
            return cls(np.load(folder / "weights.npy", allow_pickle=False), bias)
        except (OSError, ValueError) as error:
            raise DataError("a linear model", got=str(error), source=str(folder)) from None


class LinearPlugin:
    """Linear regression on sparse rows."""

    name = "linear-plugin"
    summary = "Predicts a number as a weighted sum."
    channels = (
        Channel("train", True, LIBSVM, ("File",), "Rows to learn from."),
        Channel("test", False, LIBSVM, ("File",), "Rows to measure the model on."),
    )
    metrics = REGRESSION
    objectives = ("test:rmse",)
    request_content_types = response_content_types = LIBSVM
    answers_name = "predictions"
    distributed = False
    hyperparameters_type = LinearHyperparameters
    model_type = LinearModel

    def __init__(self, hyperparameters):
        self.hyperparameters = LinearHyperparameters.parse(hyperparameters)

    def fit(self, channels, *, n_threads=1, report=silent, checkpoints=NO_CHECKPOINTS, collective=ALONE):
        check_channels("LinearPlugin", self.channels, channels)
        check_one_host("LinearPlugin", collective)
        asked, started = self.hyperparameters, time.monotonic()
        sources = {
            name: checked_rows(source, name, binary=False, feature_dim=asked.feature_dim)
            for name, source in channels.items()
        }
        model = LinearModel(np.zeros(asked.feature_dim), 0.0)
        metrics, n_done = {}, 0
        if (state := checkpoints.latest()) is not None:
            model, n_done = LinearModel.load(state), int(state.name)
        for epoch in range(n_done, asked.epochs):
            errors = RegressionErrors()
            for rows in sources["train"]():
                errors.update(rows.labels, self._predict_and_step(model, rows))
            metrics = errors.result()
            checkpoints.save(epoch + 1, model.save)
            try:
                report(
                    EpochEnded(epoch, asked.epochs, metrics, int(errors.weight), time.monotonic() - started)
                )
            except StopTraining:
                break
        report(TrainingEnded(asked.epochs, metrics, time.monotonic() - started))
        if "test" in sources:
            errors = RegressionErrors()
            for rows in sources["test"]():
                errors.update(rows.labels, model.predict(rows)["score"])
            report(ChannelScored("test", errors.result()))
        return model

    def _predict_and_step(self, model, rows):
        """Step row by row, so that the borders of batches do not show."""
        values = np.ones(len(rows.indices)) if rows.values is None else rows.values
        scores = np.empty(rows.n_rows)
        for row in range(rows.n_rows):
            part = slice(rows.indptr[row], rows.indptr[row + 1])
            columns = rows.indices[part]
            scores[row] = model.bias + model.weights[columns] @ values[part]
            step = self.hyperparameters.learning_rate * (rows.labels[row] - scores[row])
            model.bias += float(step)
            np.add.at(model.weights, columns, step * values[part])
        return scores
