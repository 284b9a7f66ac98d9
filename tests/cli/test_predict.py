"""``pairloom predict`` and ``pairloom evaluate``."""

import gzip
import re

import numpy as np
import pytest

from pairloom.artifact import load_artifact
from pairloom.cli import run
from pairloom.formats import read_rows


def printed_scores(text):
    header, *lines = text.splitlines()
    assert header == "score"
    return np.array([float(line) for line in lines])


def test_sparse_rows_are_scored_in_order(trained, capsysbinary):
    rows = trained.files / "test.libsvm"
    assert run(["predict", str(trained.sparse), str(rows)]) == 0
    scores = printed_scores(capsysbinary.readouterr().out.decode())
    model = load_artifact(trained.sparse).model
    expected = np.concatenate([model.predict(batch)["score"] for batch in read_rows(rows)])
    assert np.array_equal(scores.astype(np.float32), expected)


def test_raw_columns_go_through_the_encoder(trained, tmp_path, capsysbinary):
    rows = tmp_path / "rows.csv"
    rows.write_text("item,user\n3,5\n999,5\n")
    assert run(["predict", str(trained.raw), str(rows)]) == 0
    scores = printed_scores(capsysbinary.readouterr().out.decode())
    artifact = load_artifact(trained.raw)
    (batch,) = artifact.encoder.encode({"user": [5, 5], "item": [3, 999]})
    assert np.allclose(scores, artifact.model.predict(batch)["score"], atol=1e-6)


def test_the_ending_of_the_output_tells_its_format(trained, tmp_path, capsys):
    target = tmp_path / "scores.tsv.gz"
    assert run(["predict", str(trained.raw), str(trained.files / "test.csv"), "--output", str(target)]) == 0
    assert capsys.readouterr().out == f"300 predictions written to {target}\n"
    assert len(printed_scores(gzip.decompress(target.read_bytes()).decode())) == 300


def test_evaluate_repeats_what_training_said(trained, capsys):
    assert run(["evaluate", str(trained.raw), str(trained.files / "test.csv")]) == 0
    printed = capsys.readouterr().out
    rmse = load_artifact(trained.raw).metrics["test"]["rmse"]
    assert re.search(rf"^rmse +{rmse:.4f}$", printed, re.MULTILINE)


@pytest.mark.parametrize("command", ["predict", "evaluate"])
@pytest.mark.parametrize(
    ("model", "rows", "message"),
    [
        ("none.tar.gz", "test.csv", "none.tar.gz: expected a model.tar.gz. Got nothing by that name."),
        ("test.csv", "test.csv", "test.csv: expected a model.tar.gz."),
        ("raw.tar.gz", "none.csv", "none.csv: expected a file, a folder or a pattern."),
        ("raw.tar.gz", "test.libsvm", "expected a format that offers read_tables. Got libsvm."),
    ],
)
def test_wrong_files_get_one_message(command, model, rows, message, trained, monkeypatch, capsys):
    monkeypatch.chdir(trained.files)
    assert run([command, model, rows]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err


def test_evaluate_needs_labels(trained, tmp_path, capsys):
    rows = tmp_path / "rows.csv"
    rows.write_text("user,item\n1,2\n")
    assert run(["evaluate", str(trained.raw), str(rows)]) == 2
    assert "rating" in capsys.readouterr().err
