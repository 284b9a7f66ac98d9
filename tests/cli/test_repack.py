"""``pairloom repack``."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from pairloom.artifact import load_artifact
from pairloom.cli import run
from pairloom.formats import read_rows

GOLDEN = Path(__file__).parents[1] / "algorithms" / "golden"


def test_a_model_of_sagemaker_becomes_one_of_ours(tmp_path, capsys):
    source, target = GOLDEN / "factorization-machines-regressor.tar.gz", tmp_path / "model.tar.gz"
    assert run(["repack", str(source), str(target)]) == 0
    assert "A model of factorization-machines with 5 features saved to" in capsys.readouterr().out
    with tarfile.open(target) as archive:
        assert "model_algo-1" not in archive.getnames()
    old, new = (load_artifact(path).model.machine for path in (source, target))
    assert np.array_equal(old.table, new.table)


def test_our_model_gets_sagemakers_form_too(trained, tmp_path):
    target = tmp_path / "model.tar.gz"
    assert run(["repack", str(trained.sparse), str(target), "--model-algo-1"]) == 0
    with tarfile.open(target) as archive:
        archive.extract("model_algo-1", tmp_path, filter="data")
    target.unlink()
    batch = next(read_rows(trained.files / "test.libsvm"))
    scores = [load_artifact(path).model.predict(batch)["score"] for path in (trained.sparse, tmp_path)]
    assert np.array_equal(*scores)


@pytest.mark.parametrize(
    ("told", "message"),
    [("regressor", "--told must be NAME=VALUE"), ("predictor_type=x", "predictor_type 'x'")],
)
def test_what_is_told_must_make_sense(told, message, tmp_path, capsys):
    source, target = GOLDEN / "factorization-machines-regressor.tar.gz", tmp_path / "model.tar.gz"
    assert run(["repack", str(source), str(target), "--told", told]) == 2
    assert message in capsys.readouterr().err
    assert not target.exists()
