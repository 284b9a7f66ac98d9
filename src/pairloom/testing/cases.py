"""A tiny data set with a known answer for every task of every algorithm in the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pairloom.algorithms.catalogue import algorithm
from pairloom.algorithms.contract import Algorithm, Model, RowSource
from pairloom.algorithms.report import Report, silent
from pairloom.rows import RowBatch
from pairloom.synthetic import ClickModel, planted_ratings

__all__ = ["CASES", "Case", "batched"]


@dataclass(frozen=True)
class Case:
    """One task of an algorithm, with data it must do well on.

    Parameters
    ----------
    algorithm_name, task : str
    hyperparameters : mapping of str to str
        Small and quick, for one thread.
    train, test : RowBatch
    metric : str
        Measured on `test` after training.
    floor : float
        Value of `metric` that training must reach.
    """

    algorithm_name: str
    task: str
    hyperparameters: Mapping[str, str]
    train: RowBatch
    test: RowBatch
    metric: str
    floor: float

    @property
    def name(self) -> str:
        """Algorithm and task."""
        return f"{self.algorithm_name} as {self.task}"

    @property
    def algorithm(self) -> type[Algorithm]:
        """The algorithm's class."""
        return algorithm(self.algorithm_name)

    def make(self, **changes: str) -> Algorithm:
        """Make the algorithm, with some hyperparameters changed."""
        return self.algorithm({**self.hyperparameters, **changes})

    def fit(self, report: Report = silent, *, n_threads: int = 1, **changes: str) -> Model:
        """Train on `train` and measure on `test`."""
        channels = {"train": batched(self.train), "test": batched(self.test)}
        return self.make(**changes).fit(channels, n_threads=n_threads, report=report)


def batched(rows: RowBatch, batch_rows: int = 400) -> RowSource:
    """Stream rows in batches whose arrays nobody may write to."""

    def open_pass() -> Iterator[RowBatch]:
        for start in range(0, rows.n_rows, batch_rows):
            batch = rows.part(start, min(start + batch_rows, rows.n_rows))
            for name in ("indptr", "indices", "values", "labels", "weights", "fields"):
                array = getattr(batch, name)
                if array is not None:
                    array.flags.writeable = False
            yield batch

    return open_pass


def _regression() -> Case:
    rows = planted_ratings(60, 50, 2400, n_factors=2, noise=0.3, stars=False).rows()
    hyperparameters = {
        "num_factors": "4", "predictor_type": "regressor", "epochs": "30", "mini_batch_size": "50",
        "bias_lr": "0.05", "linear_lr": "0.02", "factors_lr": "0.02", "factors_init_sigma": "0.1",
        "factors_wd": "0.01",
    }  # fmt: skip
    train, test = rows.part(0, 2000), rows.part(2000, 2400)
    mean_predictor = float(np.std(test.labels)) if test.labels is not None else 0.0
    return Case(
        "factorization-machines", "regressor", hyperparameters, train, test, "rmse", 0.75 * mean_predictor
    )


def _classification() -> Case:
    model = ClickModel(n_fields=4, ids_per_field=8, n_factors=2)
    train, test = model.sample(3000, 1), model.sample(1000, 2)
    hyperparameters = {
        "num_factors": "4", "predictor_type": "binary_classifier", "epochs": "15", "mini_batch_size": "50",
        "bias_lr": "0.02", "linear_lr": "0.02", "factors_lr": "0.02", "factors_init_sigma": "0.1",
    }  # fmt: skip
    floor = test.best_log_loss * 1.08
    metric = "binary_classification_cross_entropy"
    return Case("factorization-machines", "classifier", hyperparameters, train.rows, test.rows, metric, floor)


CASES = (_regression(), _classification())
