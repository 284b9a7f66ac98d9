"""Planted ratings and clicks."""

from __future__ import annotations

import numpy as np

from pairloom.algorithms.contract import Predictions
from pairloom.rows import RowBatch
from pairloom.synthetic import ClickModel, planted_ratings
from pairloom.testing.cases.case import Case

__all__ = ["CASES"]


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
        "factorization-machines",
        "regressor",
        hyperparameters,
        train,
        test,
        "rmse",
        0.75 * mean_predictor,
        _rmse,
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
    return Case(
        "factorization-machines",
        "classifier",
        hyperparameters,
        train.rows,
        test.rows,
        metric,
        floor,
        _log_loss,
    )


def _rmse(answers: Predictions, rows: RowBatch) -> float:
    assert rows.labels is not None
    return float(np.sqrt(np.mean((answers["score"].astype(np.float64) - rows.labels) ** 2)))


def _log_loss(answers: Predictions, rows: RowBatch) -> float:
    scores = answers["score"].astype(np.float64)
    return float(-np.mean(np.log(np.where(rows.labels == 1, scores, 1 - scores))))


CASES = (_regression(), _classification())
