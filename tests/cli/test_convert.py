"""``pairloom convert``."""

import gzip
import shlex
import subprocess
import sys

import pytest

from pairloom.cli import run

LIBSVM = "1 0:1 3:0.5\n0 2:1\n"


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.libsvm"
    path.write_text(LIBSVM)
    return path


def test_compresses_by_the_ending_and_counts_rows(rows, tmp_path, capsys):
    target = tmp_path / "out.svm.gz"
    assert run(["convert", str(rows), str(target)]) == 0
    assert gzip.decompress(target.read_bytes()).decode() == LIBSVM
    assert capsys.readouterr().out == f"2 rows written to {target}\n"


def test_content_types_stand_in_for_endings(rows, tmp_path):
    source, target = tmp_path / "data", tmp_path / "out"
    source.write_bytes(rows.read_bytes())
    assert run(["convert", str(source), str(target), "--from", "libsvm", "--to", "text/libsvm"]) == 0
    assert target.read_text() == LIBSVM


def test_options_reach_reader_and_writer(rows, tmp_path):
    target = tmp_path / "out.svm"
    assert run(["convert", str(rows), str(target), "--writing", "zero-based=false"]) == 0
    assert target.read_text() == "1 1:1 4:0.5\n0 3:1\n"
    back = tmp_path / "back.svm"
    assert run(["convert", str(target), str(back), "--reading", "zero_based=false"]) == 0
    assert back.read_text() == LIBSVM


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rows.libsvm"], 'Command "convert" parameter TARGET requires an argument.'),
        (["rows.libsvm", "out.unknown"], "out.unknown: expected a file ending out of .libsvm"),
        (["rows.libsvm", "out.svm", "--from", "text/html"], "expected a content type out of text/libsvm"),
        (
            ["rows.libsvm", "out.svm", "--reading", "base=0"],
            "--reading must be one of zero_b",
        ),
        (
            ["rows.libsvm", "out.svm", "--reading", "zero_based"],
            "--reading must be NAME=VALUE. Got 'zero_based'",
        ),
        (
            ["rows.libsvm", "out.svm", "--threads", "0"],
            "field 'n_threads': expected an integer of at least 1",
        ),
        (["rows.libsvm", "out.svm", "--threads", "two"], 'unable to convert "two" into int'),
        (["bad.libsvm", "out.svm"], "bad.libsvm, line 1, field 'index': expected"),
        (["rows.libsvm", "no/such/out.svm"], "expected a folder that can be written to"),
    ],
)
def test_wrong_arguments_get_one_message(arguments, message, rows, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.libsvm").write_text("1 a:b\n")
    assert run(["convert", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("pairloom: ")
    assert printed.err.count("\n") == 1
    assert message in printed.err
    assert not (tmp_path / "out.svm").exists()


@pytest.mark.parametrize(
    "ending", ["recordio", "csv", "tsv.gz", "jsonl", "json", "parquet", "arrow", "libsvm.xz"]
)
def test_rows_survive_the_way_through_every_format(ending, rows, tmp_path):
    there, back = tmp_path / f"there.{ending}", tmp_path / "back.libsvm"
    assert run(["convert", str(rows), str(there), "--n-features", "4"]) == 0
    assert run(["convert", str(there), str(back)]) == 0
    assert back.read_text() == LIBSVM


@pytest.mark.parametrize("ending", ["tsv", "jsonl", "parquet", "arrow"])
def test_raw_columns_survive_too(ending, tmp_path):
    source, there, back = tmp_path / "raw.csv", tmp_path / f"there.{ending}", tmp_path / "back.csv"
    source.write_text('user,item,title\n1,7,"Heat, 1995"\n2,9,Amélie\n')
    assert run(["convert", str(source), str(there), "--raw"]) == 0
    assert run(["convert", str(there), str(back), "--raw"]) == 0
    assert back.read_text() == source.read_text()


def test_a_reader_that_leaves_is_no_error(tmp_path):
    source = tmp_path / "rows.libsvm"
    source.write_text(LIBSVM * 50_000)
    command = (
        f"{shlex.quote(sys.executable)} -m pairloom convert {source} /dev/stdout --to libsvm | head -n 1"
    )
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == LIBSVM.splitlines()[0] + "\n"
    assert done.stderr == ""
