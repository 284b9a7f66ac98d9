"""Jobs whose channels hold raw columns, joined with tables: from the folder to an endpoint's answer."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pairloom.artifact import load_artifact
from pairloom.formats import write_tables
from pairloom.serving.scoring import Scorer
from pairloom.tables import StringColumn, Table
from pairloom.testing.training_job import TrainingJob

ASKED = {
    "num_factors": "2", "predictor_type": "regressor", "epochs": "40", "pairloom_solver": "mcmc",
    "pairloom_label": "stars", "pairloom_histories": "user:item", "pairloom_time": "at",
}  # fmt: skip


@pytest.fixture
def job(tmp_path):
    """Stars that depend on the age of users and the kind of items; users from 40 on are in the test channel alone."""
    rng = np.random.default_rng(0)
    ages, kinds = rng.integers(0, 2, 60), rng.integers(0, 2, 20)
    made = TrainingJob(tmp_path, "factorization-machines", ASKED)
    for name, (begin, end) in {"train": (0, 40), "test": (40, 60)}.items():
        user, item = rng.integers(begin, end, 1200), rng.integers(0, 20, 1200)
        stars = 3 + np.where(ages[user] == kinds[item], 1.0, -1.0) + rng.normal(0, 0.2, 1200)
        columns = {"user": user, "item": item, "at": rng.integers(0, 10**7, 1200), "stars": stars}
        write_tables([Table(columns, 1200)], made.add_channel(name, "text/csv") / "part.csv")
    for name, (key, which) in {"users": ("user", ages), "items": ("item", kinds)}.items():
        strings = StringColumn.from_strings(["ab"[i] for i in which])
        folder = made.add_channel(name, "text/csv")
        write_tables([Table({key: np.arange(len(which)), "kind": strings}, len(which))], folder / "part.csv")
    return made


def test_a_job_joins_tables_and_its_endpoint_does_so_too(job):
    finished = job.run_here()
    assert finished.code == 0, finished.failure
    artifact = load_artifact(job.root / "model")
    assert artifact.label == "stars"
    assert artifact.encoder.field_names_ == [
        "user", "item", "at", "user.kind", "item.kind", "item of user", "days of user", "days of item",
    ]  # fmt: skip
    assert artifact.metrics["test"]["rmse"] < 0.8  # without tables: above 1
    users_and_items = ((3, 5), (55, 5), (999, 77))
    request = {"instances": [{"user": user, "item": item, "at": None} for user, item in users_and_items]}
    answer = Scorer(artifact).answer(json.dumps(request).encode(), content_type="application/json")
    scores = [each["score"] for each in json.loads(answer.body)["predictions"]]
    assert len(set(scores)) == 3
    again = Scorer(artifact).answer(b"3,5,\n", content_type="text/csv")
    assert json.loads(again.body)["predictions"][0]["score"] == pytest.approx(scores[0], rel=1e-6)


def test_tables_may_have_other_names_and_features_be_chosen(job):
    (job.data / "users").rename(job.data / "people")
    job.channels["people"] = job.channels.pop("users")
    del job.channels["items"]
    job.hyperparameters = ASKED | {
        "pairloom_tables": "user=people", "pairloom_features": "item,user.kind", "epochs": "5",
        "pairloom_time": "at:ms",
    }  # fmt: skip
    assert job.run_here().code == 0
    assert load_artifact(job.root / "model").encoder.field_names_ == [
        "item",
        "at",
        "user.kind",
        "item of user",
        "days of user",
    ]


@pytest.mark.parametrize(
    ("more", "failure"),
    [
        (
            {"pairloom_tables": "user=folk"},
            "channel 'folk' must be there, for 'pairloom_tables' names it for 'user'",
        ),
        ({"pairloom_tables": "users"}, "'pairloom_tables' must be KEY=CHANNEL,... Got 'users'"),
        ({"pairloom_histories": "item"}, "histories: each must be KEY:OF, such as user:item. Got 'item'"),
        ({"pairloom_features": "user:colour"}, "KIND one of id, multi"),
        ({"pairloom_features": "user,user.size"}, "expected a column out of user, kind. Got size"),
        ({"pairloom_label": "rating"}, "expected a column out of user, item, at, stars. Got rating"),
    ],
)
def test_what_a_job_cannot_join_is_its_failure(job, more, failure):
    job.hyperparameters = ASKED | more
    finished = job.run_here()
    assert finished.code != 0
    assert finished.failure.startswith("ClientError")
    assert failure in finished.failure


def test_a_key_without_a_row_is_the_failure_of_the_job(job):
    (job.data / "users" / "part.csv").write_text("user,kind\n1000,a\n")
    finished = job.run_here()
    assert "row 1, field 'user': expected a key that the table of 'user' has a row for" in finished.failure


def test_raw_columns_are_learned_on_one_host(job):
    job.configure("resourceconfig", {"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]})
    finished = job.run_here()
    assert "Raw columns: an encoder is learned on one host. Got 2" in finished.failure


def test_a_channel_of_users_alone_asks_for_nothing(job):
    job.hyperparameters = {"num_factors": "2", "predictor_type": "regressor"}
    assert "channel must be one of 'train', 'test', 'validation'. Got 'users'" in job.run_here().failure


def test_a_state_of_other_columns_is_not_gone_on_from(job):
    job.hyperparameters = ASKED | {"epochs": "5"}
    (job.root / "checkpoints").mkdir()
    assert job.run_here().code == 0
    job.hyperparameters |= {"pairloom_features": "item,user.kind"}
    finished = job.run_here()
    assert finished.code != 0
    assert "pairloom_features" in finished.failure
