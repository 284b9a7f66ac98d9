"""``pairloom train`` with tables, histories and times; `predict`, `explain` and `describe` after it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pairloom.artifact import load_artifact
from pairloom.cli import run
from pairloom.encoding import History
from pairloom.formats import read_tables, write_tables
from pairloom.tables import StringColumn, Table

ASKED = ["--num-factors", "2", "--predictor-type", "regressor"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Ratings that depend on the age of users and the kind of items, and a test of users that training never met."""
    folder, rng = tmp_path_factory.mktemp("tables"), np.random.default_rng(0)
    ages, kinds = rng.integers(0, 2, 80), rng.integers(0, 2, 30)
    words = {"users": (["young", "old"], ages, "user", "age"), "items": (["a", "b|c"], kinds, "item", "kind")}
    for name, (values, which, key, column) in words.items():
        strings = StringColumn.from_strings(values[i] for i in which)
        write_tables(
            [Table({key: np.arange(len(which)), column: strings}, len(which))], folder / f"{name}.csv"
        )
    for name, users in {"train": (0, 60), "test": (60, 80)}.items():
        user, item = rng.integers(*users, 2500), rng.integers(0, 30, 2500)
        rating = 3 + np.where(ages[user] == kinds[item], 1.0, -1.0) + rng.normal(0, 0.2, 2500)
        columns = {"user": user, "item": item, "timestamp": rng.integers(0, 10**7, 2500), "rating": rating}
        write_tables([Table(columns, 2500)], folder / f"{name}.csv")
    return folder


def train(files, model, *more, solver="mcmc"):
    data = [
        "--train",
        str(files / "train.csv"),
        "--test",
        str(files / "test.csv"),
        "--epochs",
        "40",
        "--solver",
        solver,
    ]
    rates = ["--linear-lr", "0.1", "--factors-lr", "0.1"] if solver == "sgd" else []
    return run(["train", "factorization-machines", *data, *ASKED, *rates, *more, "--model", str(model)])


@pytest.mark.parametrize(("solver", "floor"), [("mcmc", 0.5), ("als", 0.5), ("sgd", 0.9)])
def test_tables_tell_of_users_that_training_never_met(files, tmp_path, solver, floor):
    tables = [
        "--users",
        str(files / "users.csv"),
        "--items",
        str(files / "items.csv"),
        "--history",
        "user:item",
    ]
    assert train(files, tmp_path / "model.tar.gz", *tables, "--time", "timestamp", solver=solver) == 0
    artifact = load_artifact(tmp_path / "model.tar.gz")
    assert artifact.encoder.field_names_ == [
        "user", "item", "timestamp", "user.age", "item.kind", "item of user", "days of user", "days of item",
    ]  # fmt: skip
    assert artifact.metrics["test"]["rmse"] < floor
    assert train(files, tmp_path / "bare.tar.gz", solver=solver) == 0
    assert load_artifact(tmp_path / "bare.tar.gz").metrics["test"]["rmse"] > 0.95


def test_a_model_with_tables_predicts_explains_and_says_what_it_is(files, tmp_path, capsys):
    model = tmp_path / "model.tar.gz"
    listed = ["--features", "item,user.age,item.kind:multi", "--relation", f"user={files / 'users.csv'}"]
    assert (
        train(files, model, *listed, "--items", str(files / "items.csv"), "--history", "item:user,user:item")
        == 0
    )
    encoder = load_artifact(model).encoder
    assert encoder.field_names_ == ["item", "user.age", "item.kind", "user of item", "item of user"]
    assert encoder.histories == [History(of="user", by="item"), History(of="item", by="user")]
    assert "item.kind=c" in encoder.get_feature_names_out()
    rows = tmp_path / "rows.csv"
    rows.write_text("item,user\n3,65\n4,65\n")
    capsys.readouterr()
    assert run(["predict", str(model), str(rows), "--output", str(tmp_path / "scores.csv")]) == 0
    (scores,) = read_tables(tmp_path / "scores.csv", kinds={"score": "number"})
    assert np.isfinite(scores.columns["score"]).all()
    assert run(["evaluate", str(model), str(files / "test.csv")]) == 0
    told = load_artifact(model).metrics["test"]["rmse"]
    assert f"{told:.4f}" in capsys.readouterr().out
    assert run(["explain", str(model), "user=5", "item=3"]) == 0
    assert "user.age=" in capsys.readouterr().out
    assert run(["describe", str(model)]) == 0
    assert "item of user" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--users", "{items}"], "column 'user' must be one of those of the input"),
        (
            ["--users", "{short}"],
            r"row 1, field 'user': expected a key that the table of 'user' has a row for. Got",
        ),
        (["--users", "{twice}"], "Got 1 in row 1 and again in row 2"),
        (["--relation", "users.csv"], "--relation must be KEY=FILE"),
        (["--users", "{users}", "--relation", "user={users}"], "Got 'user' twice"),
        (["--history", "user"], "each must be KEY:OF, such as user:item. Got 'user'"),
        (["--history", "user:shop"], "expected a column out of user, item, timestamp, rating. Got shop"),
        (["--time", "when"], "expected a column out of user, item, timestamp, rating. Got when"),
        (["--time", "timestamp:weeks"], "'unit' must be one of"),
        (
            ["--users", "{users}", "--features", "user,user.agee"],
            "users.csv: expected a column out of user, age. Got agee",
        ),
    ],
)
def test_what_cannot_be_joined_is_said_in_a_sentence(files, tmp_path, capsys, more, message):
    (tmp_path / "short.csv").write_text("user,age\n1000,old\n")
    (tmp_path / "twice.csv").write_text("user,age\n1,old\n1,young\n")
    places = {name: str(tmp_path / f"{name}.csv") for name in ("short", "twice")}
    places |= {name: str(files / f"{name}.csv") for name in ("users", "items")}
    code = train(files, tmp_path / "model.tar.gz", *(word.format(**places) for word in more))
    said = capsys.readouterr().err
    assert code != 0
    assert re.search(message, " ".join(said.split())), said
    assert not (tmp_path / "model.tar.gz").exists()
