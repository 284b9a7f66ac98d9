"""``pairloom calibrate``."""

import numpy as np
import pytest

from pairloom.artifact import load_artifact
from pairloom.cli import run


@pytest.fixture
def clicks(tmp_path):
    rng = np.random.default_rng(0)
    for name, n_rows in (("train", 1500), ("held-out", 1500)):
        users, items = rng.integers(0, 40, n_rows), rng.integers(0, 30, n_rows)
        clicked = rng.random(n_rows) < 1 / (1 + np.exp(-np.sin(users) - np.cos(items)))
        table = np.stack([users, items, clicked], axis=1).astype(str)
        lines = [",".join(row) for row in [["user", "item", "clicked"], *table.tolist()]]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    arguments = [
        "--train",
        str(tmp_path / "train.csv"),
        "--label",
        "clicked",
        "--features",
        "user:id,item:id",
    ]
    asked = ["--num-factors", "16", "--predictor-type", "binary_classifier", "--epochs", "200"]
    asked += [
        "--solver",
        "sgd",
        "--factors-lr",
        "0.2",
        "--linear-lr",
        "0.2",
        "--factors-wd",
        "0",
        "--linear-wd",
        "0",
    ]
    assert (
        run(["train", "factorization-machines", *arguments, *asked, "--model", str(tmp_path / "m.tar.gz")])
        == 0
    )
    return tmp_path


def test_a_saved_classifier_is_calibrated(clicks, capsys):
    model, better, held_out = clicks / "m.tar.gz", clicks / "better.tar.gz", str(clicks / "held-out.csv")
    picture = clicks / "curve.svg"
    capsys.readouterr()
    assert run(["calibrate", str(model), held_out, "--output", str(better), "--plot", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("1,500 held-out rows")
    report = load_artifact(better).model.machine.metadata["calibration_report"]
    for moment in ("before", "after"):
        assert f"{report[moment]['expected_calibration_error']:.4f}" in printed
    assert report["after"]["expected_calibration_error"] < report["before"]["expected_calibration_error"]
    assert picture.read_text().startswith("<?xml")
    assert load_artifact(model).model.machine.calibration is None
    assert run(["calibrate", str(model), held_out, "--method", "platt"]) == 0
    assert load_artifact(model).model.machine.calibration.to_json()["method"] == "platt"
    assert load_artifact(model).label == "clicked"


def test_what_has_no_probabilities_is_refused(trained, capsys):
    assert run(["calibrate", str(trained.raw), str(trained.files / "test.csv")]) == 2
    assert "must be given a classifier. Got a regressor" in capsys.readouterr().err
