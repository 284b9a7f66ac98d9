"""Jobs of boosting: what its CSV files mean, its log lines, and the channel that is refused."""

import numpy as np
import pytest
import xgboost

from pairloom.artifact import load_artifact
from pairloom.rows import RowBatch
from pairloom.testing.training_job import TrainingJob

COLUMNS = 3


@pytest.fixture
def table():
    """Return labels, weights and cells, some of them missing, some zero."""
    random = np.random.default_rng(8)
    cells = random.random((400, COLUMNS)).astype(np.float32)
    cells[random.random(cells.shape) < 0.2] = np.nan
    cells[random.random(cells.shape) < 0.2] = 0
    labels = np.nan_to_num(cells[:, 0], nan=2.0) + random.normal(0, 0.1, 400)
    return labels.astype(np.float32), random.random(400).astype(np.float32), cells


def csv_of(labels, cells, weights=None):
    def word(number):
        return "" if np.isnan(number) else repr(float(number))

    columns = [labels] if weights is None else [labels, weights]
    return "\n".join(",".join(map(word, row)) for row in np.column_stack([*columns, cells])) + "\n"


def scores(model, cells):
    present = ~np.isnan(cells)
    indptr = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    rows = RowBatch(indptr, np.nonzero(present)[1].astype(np.int32), cells[present], COLUMNS)
    return model.predict(rows)["score"]


@pytest.mark.parametrize("weighted", [False, True])
def test_a_job_on_csv_is_plain_xgboost_on_the_matrix(tmp_path, table, weighted):
    labels, weights, cells = table
    weights = weights if weighted else None
    hyperparameters = {"num_round": "5", "csv_weights": str(int(weighted)), "eval_metric": "rmse"}
    job = TrainingJob(tmp_path, "xgboost", hyperparameters)
    text = csv_of(labels, cells, weights)
    (job.add_channel("train", "text/csv") / "train.csv").write_text(text)
    (job.add_channel("validation", "text/csv") / "validation.csv").write_text(text)
    finished = job.run()
    assert finished.code == 0, finished.err
    matrix = xgboost.DMatrix(cells, labels, weight=weights)
    booster = xgboost.train({"nthread": 1}, matrix, 5)
    expected = booster.predict(xgboost.DMatrix(cells))
    found = scores(load_artifact(tmp_path / "model").model, cells)
    np.testing.assert_array_equal(found, expected)
    lines = [line for line in finished.out.splitlines() if line.startswith("[")]
    last = [line for line in lines if "#011validation-rmse:" in line][-1]
    rmse = float(booster.eval(matrix).rpartition(":")[2])
    assert last == f"[4]#011train-rmse:{rmse}#011validation-rmse:{rmse}"


def test_code_of_ones_own_is_refused_in_so_many_words(tmp_path):
    job = TrainingJob(tmp_path, "xgboost", {"num_round": "1"})
    (job.add_channel("train", "text/csv") / "a.csv").write_text("1,2\n")
    (job.add_channel("code") / "train.py").write_text("print(1)")
    finished = job.run()
    assert finished.code != 0
    assert "channel 'code' must be left out: code of one's own is not run" in finished.failure
