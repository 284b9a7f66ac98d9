"""Friedman's function as a number, a yes and a class, with missing values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.contract import Predictions
from pairloom.rows import RowBatch
from pairloom.testing.cases.case import Case

__all__ = ["CASES"]

N_TRAIN, N_TEST, N_FEATURES = 1200, 400, 8
COMMON = {"num_round": "20", "max_depth": "3", "eta": "0.3"}


def _rows(task: str) -> tuple[RowBatch, RowBatch]:
    """Return rows whose label depends on five of eight columns; one value in ten of training is missing."""
    random = np.random.default_rng(20)
    n_rows = N_TRAIN + N_TEST
    x = random.random((n_rows, N_FEATURES)).astype(np.float32)
    target = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    target += random.normal(0, 1, n_rows)
    labels = {
        "regressor": target,
        "classifier": target > np.median(target),
        "multiclass classifier": np.searchsorted(np.quantile(target, (1 / 3, 2 / 3)), target),
    }[task]
    present = random.random(x.shape) > 0.1
    present[:, 1] = True
    present[N_TRAIN:] = True
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(present.sum(axis=1))])
    rows = RowBatch(
        indptr, np.nonzero(present)[1].astype(np.int32), x[present], N_FEATURES, labels.astype(np.float32)
    )
    return rows.part(0, N_TRAIN), rows.part(N_TRAIN, n_rows)


def _regression() -> Case:
    train, test = _rows("regressor")
    return Case("xgboost", "regressor", COMMON, train, test, "rmse", 2.6, _rmse, passes="num_round")


def _classification() -> Case:
    train, test = _rows("classifier")
    asked = {**COMMON, "objective": "binary:logistic"}
    return Case("xgboost", "classifier", asked, train, test, "logloss", 0.36, _log_loss, passes="num_round")


def _classes() -> Case:
    train, test = _rows("multiclass classifier")
    asked = {**COMMON, "objective": "multi:softprob", "num_class": "3", "eval_metric": "mlogloss,accuracy"}
    return Case(
        "xgboost", "multiclass classifier", asked, train, test, "accuracy", 0.7, _accuracy, passes="num_round"
    )


def _labels(rows: RowBatch) -> npt.NDArray[np.float32]:
    assert rows.labels is not None
    return rows.labels


def _rmse(answers: Predictions, rows: RowBatch) -> float:
    return float(np.sqrt(np.mean((answers["score"].astype(np.float64) - _labels(rows)) ** 2)))


def _log_loss(answers: Predictions, rows: RowBatch) -> float:
    scores = answers["score"].astype(np.float64)
    return float(-np.mean(np.log(np.where(_labels(rows) == 1, scores, 1 - scores))))


def _accuracy(answers: Predictions, rows: RowBatch) -> float:
    return float(np.mean(np.argmax(answers["score"], axis=1) == _labels(rows)))


CASES = (_regression(), _classification(), _classes())
