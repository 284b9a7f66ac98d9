"""``pairloom quickstart``."""

import gzip
import re
import shlex

import pytest

from pairloom.artifact import load_artifact
from pairloom.cli import run


def rmse_of(printed, predictor):
    return float(re.search(rf"^{re.escape(predictor)}.* (\d\.\d{{4}})$", printed, re.MULTILINE)[1])


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    return tmp_path_factory.mktemp("quickstart") / "out"


def test_beats_the_mean_and_stays_above_the_optimum(made_up, capsys):
    assert run(["quickstart", "--output", str(made_up)]) == 0
    printed = capsys.readouterr().out
    by_mean, by_model = rmse_of(printed, "the mean"), rmse_of(printed, "factorization machine")
    best = rmse_of(printed, "best possible")
    assert best < by_model < 0.9 * by_mean
    assert "89,824 ratings to learn from, 10,176 to test on" in printed
    names = sorted(path.name for path in made_up.iterdir())
    assert names == ["learning-curve.png", "learning-curve.svg", "model.tar.gz", "test.csv", "train.csv"]


def test_what_it_suggests_works(made_up, tmp_path, monkeypatch, capsys):
    assert run(["quickstart", "--output", str(made_up)]) == 0
    suggested = re.findall(r"^  pairloom (.+)$", capsys.readouterr().out, re.MULTILINE)
    assert [words.split()[0] for words in suggested] == [
        "evaluate",
        "predict",
        "train",
        "explain",
        "describe",
    ]
    monkeypatch.chdir(tmp_path)
    rmse = f"{load_artifact(made_up / 'model.tar.gz').metrics['test']['rmse']:.4f}"
    printed = {}
    for words in suggested:
        assert run(shlex.split(words)) == 0, words
        printed[words.split()[0]] = capsys.readouterr().out
    assert f" {rmse}\n" in printed["evaluate"]
    assert f" {rmse}\n" in printed["train"], "training by hand gives the same model"
    assert len(printed["predict"].splitlines()) == 1 + 10_176


def test_takes_movielens_files(tmp_path, capsys):
    rows = [(user, item, 1 + (user + item) % 5) for user in range(1, 31) for item in range(1, 21)]
    text = "".join(f"{user}::{item}::{rating}::978300760\n" for user, item, rating in rows)
    (tmp_path / "ratings.dat.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "movies.dat").write_bytes(
        "".join(f"{i}::Film No. {i}::Drama\n" for i in range(1, 21)).encode()
    )
    output = tmp_path / "out"
    assert run(["quickstart", "--data", str(tmp_path), "--output", str(output), "--epochs", "3"]) == 0
    printed = capsys.readouterr().out
    assert "MovieLens (1M or 10M layout), a random tenth held out" in printed
    assert "Film No. " in printed
    assert "best possible" not in printed
    assert sorted(path.name for path in output.iterdir()) == [
        "learning-curve.png",
        "learning-curve.svg",
        "model.tar.gz",
    ]


def test_real_movielens_100k(data_folder, tmp_path, capsys):
    data = ["--data", str(data_folder / "movielens-100k"), "--output", str(tmp_path / "out")]
    assert run(["quickstart", *data]) == 0
    assert rmse_of(capsys.readouterr().out, "factorization machine") < 0.95


def test_a_folder_without_ratings_is_refused(tmp_path, capsys):
    assert run(["quickstart", "--data", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    assert "expected u.data, ua.base with ua.test, ratings.dat or ratings.csv" in capsys.readouterr().err
