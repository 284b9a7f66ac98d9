"""``pairloom train``."""

import re

import numpy as np
import pytest

from pairloom.algorithms.catalogue import algorithm
from pairloom.artifact import load_artifact
from pairloom.cli import run
from pairloom.formats import read_tables

TRAIN = ["train", "factorization-machines"]
SMALL = ["--num-factors", "2", "--predictor-type", "regressor"]


def test_learns_from_raw_columns(trained):
    artifact = load_artifact(trained.raw)
    assert artifact.algorithm == "factorization-machines"
    assert artifact.label == "rating"
    assert list(artifact.encoder.specs_) == ["user", "item"]
    assert artifact.hyperparameters["num_factors"] == "4"
    (table,) = read_tables(trained.files / "test.csv", kinds={"rating": "number"})
    by_mean = float(table.columns["rating"].std())
    assert artifact.metrics["test"]["rmse"] < 0.85 * by_mean


def test_learns_from_sparse_rows(trained):
    artifact = load_artifact(trained.sparse)
    assert artifact.encoder is None
    assert artifact.model.n_features == 130
    raw = load_artifact(trained.raw)
    assert artifact.metrics["test"]["rmse"] == pytest.approx(raw.metrics["test"]["rmse"], abs=0.05)


def test_prints_metrics_and_where_the_model_is(ratings, tmp_path, capsys):
    model = tmp_path / "deep" / "model.tar.gz"
    data = ["--train", str(ratings / "train.csv"), "--test", str(ratings / "test.csv")]
    assert run([*TRAIN, *data, *SMALL, "--model", str(model)]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^metric +train +test$", printed, re.MULTILINE)
    assert re.search(r"^rmse +\d\.\d{4} +\d\.\d{4}$", printed, re.MULTILINE)
    assert f"Model saved to {model} (0.0 MB)" in printed
    assert model.is_file()


def test_headerless_columns_get_names_and_kinds(ratings, tmp_path):
    lines = (ratings / "train.csv").read_text().splitlines()[1:]
    source = tmp_path / "u.base"
    source.write_text("".join(line.replace(",", "\t") + "\n" for line in lines))
    reading = ["--content-type", "tsv", "--reading", "names=who,what,stars"]
    columns = ["--label", "stars", "--features", "who,what:multi"]
    model = tmp_path / "model.tar.gz"
    assert run([*TRAIN, "--train", str(source), *reading, *columns, *SMALL, "--model", str(model)]) == 0
    kinds = {name: type(spec).__name__ for name, spec in load_artifact(model).encoder.specs_.items()}
    assert kinds == {"who": "Id", "what": "Multi"}


def test_a_classifier_reports_its_own_metrics(ratings, tmp_path, capsys):
    lines = (ratings / "train.libsvm").read_text().splitlines()
    source = tmp_path / "liked.libsvm"
    source.write_text("".join(f"{int(line[0] >= '4')}{line[1:]}\n" for line in lines))
    asked = ["--num-factors", "2", "--predictor-type", "binary_classifier"]
    files = ["--train", str(source), "--test", str(source), "--model", str(tmp_path / "model.tar.gz")]
    assert run([*TRAIN, *files, *asked]) == 0
    assert "binary_classification_accuracy" in capsys.readouterr().out


def test_every_hyperparameter_is_an_option(capsys):
    assert run([*TRAIN, "--help"]) == 0
    printed = capsys.readouterr().out
    shown = [
        p.wire_name
        for p in algorithm("factorization-machines").hyperparameters_type.parameters
        if not p.hidden
    ]
    assert len(shown) > 25
    for name in set(shown) - {"pairloom_n_threads"}:
        assert f"--{name.removeprefix('pairloom_').replace('_', '-')} " in printed, name


def test_the_seed_decides_the_model(ratings, tmp_path):
    paths = [tmp_path / f"{name}.tar.gz" for name in ("first", "again", "other")]
    for path, seed in zip(paths, ("1", "1", "2"), strict=True):
        data = ["--train", str(ratings / "train.csv"), "--random-state", seed]
        assert run([*TRAIN, *data, *SMALL, "--model", str(path)]) == 0
    factors = [load_artifact(path).model.machine.factors for path in paths]
    assert np.array_equal(factors[0], factors[1])
    assert not np.array_equal(factors[0], factors[2])
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "requires an argument"),
        (["--train", "train.csv"], "FactorizationMachines: 'num_factors' is required."),
        (["--train", "train.csv", *SMALL, "--epochs", "0"], "'epochs' must be an integer >= 1. Got 0."),
        (
            ["--train", "train.csv", *SMALL, "--epochs", "many"],
            "'epochs' must be an integer >= 1. Got 'many'.",
        ),
        (["--train", "train.csv", *SMALL, "--epoch", "3"], "Unknown option: --epoch. Did you mean --epochs?"),
        (["--train", "none.csv", *SMALL], "none.csv: expected a file, a folder or a pattern"),
        (["--train", "train.csv", *SMALL, "--label", "stars"], "stars"),
        (
            ["--train", "train.csv", *SMALL, "--features", "user,item:word"],
            "KIND one of id, multi",
        ),
        (["--train", "train.csv", *SMALL, "--reading", "x=1"], "--reading must be one of"),
        (["--train", "train.csv", *SMALL, "--linear-lr", "1e9"], "diverged"),
    ],
)
def test_wrong_arguments_get_one_message(arguments, message, ratings, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ratings)
    model = tmp_path / "model.tar.gz"
    solver = ["--solver", "sgd"] if "--linear-lr" in arguments else []
    assert run([*TRAIN, *arguments, *solver, "--model", str(model)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("pairloom: ")
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert not model.exists()


def test_unknown_algorithms_are_named(capsys):
    assert run(["train", "factorisation-machines"]) == 2
    assert 'Did you mean "factorization-machines"?' in capsys.readouterr().err
