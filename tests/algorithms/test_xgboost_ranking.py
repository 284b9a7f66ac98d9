"""Rows that are ranked within groups: told by libsvm's qid or by a column, as plain xgboost is told them."""

import numpy as np
import pytest
import xgboost

from pairloom.algorithms.report import TrainingEnded
from pairloom.algorithms.xgboost import XGBoost
from pairloom.errors import DataError
from pairloom.formats import read_rows
from pairloom.rows import RowBatch

N_GROUPS, PER_GROUP, N_COLUMNS = 30, 8, 4


@pytest.fixture(scope="module")
def ranked():
    random = np.random.default_rng(5)
    x = random.normal(size=(N_GROUPS * PER_GROUP, N_COLUMNS)).astype(np.float32)
    groups = np.repeat(np.arange(N_GROUPS), PER_GROUP)
    labels = np.clip(np.rint(x[:, 0] + random.normal(size=len(x)) / 2 + groups % 3), 0, 4).astype(np.float32)
    return x, groups, labels


def plain(x, groups, labels, objective):
    matrix = xgboost.DMatrix(x, labels, qid=groups)
    asked = {"objective": objective, "nthread": 1, "eval_metric": "ndcg"}
    booster = xgboost.train(asked, matrix, 6)
    return booster.predict(matrix), float(booster.eval(matrix).rpartition(":")[2])


def numbers(row):
    return [repr(float(value)) for value in row]


def written(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("objective", ["rank:ndcg", "rank:pairwise"])
def test_groups_by_qid(tmp_path, ranked, objective):
    x, groups, labels = ranked
    path = written(
        tmp_path / "train",
        [
            f"{y:g} qid:{g} " + " ".join(f"{j}:{value}" for j, value in enumerate(numbers(row)))
            for y, g, row in zip(labels, groups, x, strict=True)
        ],
    )
    algorithm = XGBoost({"objective": objective, "num_round": "6", "eval_metric": "ndcg"})
    options = algorithm.reading_options("libsvm")
    check(algorithm, lambda: read_rows(path, content_type="libsvm", **options), x, ranked, objective)


@pytest.mark.parametrize("objective", ["rank:ndcg", "rank:pairwise"])
def test_groups_by_a_column(tmp_path, ranked, objective):
    x, groups, labels = ranked
    lines = [
        ",".join(numbers((y, *row))) for y, row in zip(labels, np.insert(x, 2, groups, axis=1), strict=True)
    ]
    path = written(tmp_path / "train", lines)
    algorithm = XGBoost(
        {"objective": objective, "num_round": "6", "eval_metric": "ndcg", "pairloom_group_column": "2"}
    )
    without = np.insert(x, 2, np.nan, axis=1)
    check(
        algorithm,
        lambda: read_rows(path, content_type="text/csv;absent=missing"),
        without,
        ranked,
        objective,
    )


def check(algorithm, source, columns, ranked, objective):
    _, groups, labels = ranked
    events = []
    model = algorithm.fit({"train": source}, report=events.append)
    scores, reached = plain(columns, groups, labels, objective)
    present = ~np.isnan(columns)
    rows = RowBatch(
        np.concatenate([[0], np.cumsum(present.sum(axis=1))]), np.nonzero(present)[1].astype(np.int32),
        columns[present], columns.shape[1], labels, groups=groups,
    )  # fmt: skip
    np.testing.assert_array_equal(model.predict(rows)["score"], scores)
    assert model.measure([rows])["ndcg"] == pytest.approx(reached, abs=1e-5)
    ended = next(event for event in events if isinstance(event, TrainingEnded))
    assert ended.metrics["ndcg"] == pytest.approx(reached, abs=1e-5)


def test_files_without_qid_are_one_group_as_for_plain_xgboost(tmp_path):
    path = written(tmp_path / "train", ["# rows", "", "1 0:1", "0 0:2"])
    options = XGBoost({"objective": "rank:ndcg", "num_round": "1"}).reading_options("libsvm")
    (rows,) = read_rows(path, content_type="libsvm", **options)
    assert rows.groups is None
    assert XGBoost({"objective": "reg:squarederror", "num_round": "1"}).reading_options("libsvm") == {}


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([0, 1, 0], r"row 3: expected a group of at least 1, that of the row before. Got 0"),
        ([0, 0.5, 1], r"row 2: expected the number of a group, .* in column 1. Got 0.5"),
        ([0, None, 1], r"row 2: expected one group in column 1. Got 0 values"),
    ],
)
def test_groups_that_cannot_be_ranked_in_are_refused(groups, message):
    held = [[7] if group is None else [7, group] for group in groups]
    rows = RowBatch(
        np.concatenate([[0], np.cumsum([len(values) for values in held])]),
        np.concatenate([np.arange(len(values), dtype=np.int32) for values in held]),
        np.concatenate(held).astype(np.float32), 2, np.ones(3, np.float32),
    )  # fmt: skip
    algorithm = XGBoost({"objective": "rank:ndcg", "num_round": "1", "pairloom_group_column": "1"})
    with pytest.raises(DataError, match=message):
        algorithm.fit({"train": lambda: iter([rows])})
