"""``pairloom transform``."""

import json

import pytest

from pairloom.cli import run


def test_a_folder_is_scored(trained, tmp_path, capsys):
    source = tmp_path / "in"
    source.mkdir()
    (source / "test.csv").write_bytes((trained.files / "test.csv").read_bytes())
    command = ["transform", str(trained.raw), str(source), str(tmp_path / "out"), "--concurrency", "2"]
    assert run(command) == 0
    assert "300 records of 1 files" in capsys.readouterr().out
    scores = [float(line) for line in (tmp_path / "out" / "test.csv.out").read_text().splitlines()]
    assert len(scores) == 300
    assert run(["predict", str(trained.raw), str(source / "test.csv")]) == 0
    predicted = [float(line) for line in capsys.readouterr().out.splitlines()[1:]]
    assert scores == pytest.approx(predicted, abs=1e-6)
    assert run(command) == 0
    assert "0 records of 0 files" in (again := capsys.readouterr().out)
    assert "1 finished before" in again
    assert run([*command, "--anew"]) == 0
    assert "300 records of 1 files" in capsys.readouterr().out


def test_a_record_that_cannot_be_scored_is_named_and_the_code_is_not_0(trained, tmp_path, capsys):
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.jsonl").write_text('{"user": 1, "item": 2}\n')
    (source / "b.jsonl").write_text('{"user": 1, "item": 2}\n{"user": 1\n')
    (source / "c.jsonl").write_text('{"user": 3, "item": 2}\n')
    assert run(["transform", str(trained.raw), str(source), str(tmp_path / "out")]) == 2
    printed = capsys.readouterr()
    assert "b.jsonl, line 2" in printed.err
    assert "; 1 failed" in printed.out
    assert sorted(path.name for path in (tmp_path / "out").glob("*.out")) == ["a.jsonl.out", "c.jsonl.out"]
    assert "score" in json.loads((tmp_path / "out" / "c.jsonl.out").read_text())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-payload", "101"], "'max_payload_in_mb' must be an integer in [0, 100]. Got 101"),
        (["--told", "x"], "--told must be NAME=VALUE"),
        (["--split-type", "Word"], "Word"),
    ],
)
def test_what_cannot_be_asked(options, message, trained, tmp_path, capsys):
    assert (
        run(["transform", str(trained.raw), str(trained.files / "test.csv"), str(tmp_path / "out"), *options])
        == 2
    )
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
