"""Every command on every algorithm of the catalogue: CSV of numbers in, a model, answers, metrics."""

import numpy as np
import pytest

from pairloom.artifact import load_artifact
from pairloom.cli import run
from pairloom.formats import read_tables, write_rows
from pairloom.testing.cases import CASES

FIRST = list({case.algorithm_name: case for case in reversed(CASES)}.values())
N_PASSES = 2


def options(case):
    short = {} if case.passes is None else {case.passes: str(N_PASSES)}
    for name, value in {**case.hyperparameters, **short}.items():
        yield from (f"--{name.removeprefix('pairloom_').strip('_').replace('_', '-')}", value)


@pytest.fixture(scope="module", params=FIRST, ids=lambda case: case.algorithm_name)
def trained(request, tmp_path_factory):
    """Return a case and the folder of its files: train.csv, test.csv and the model that the command made of them."""
    case = request.param
    folder = tmp_path_factory.mktemp(case.algorithm_name)
    for name, rows in case.rows.items():
        layout = {"label_size": int(case.supervised), "n_features": rows.n_features}
        write_rows([rows], folder / f"{name}.csv", **layout)
    data = [f"--{name}={folder / f'{name}.csv'}" for name in case.rows]
    command = ["train", case.algorithm_name, *data, *options(case), "--model", str(folder / "model.tar.gz")]
    assert run(command) == 0
    return case, folder


def test_the_model_has_been_measured(trained):
    case, folder = trained
    artifact = load_artifact(folder / "model.tar.gz")
    assert artifact.algorithm == case.algorithm_name
    assert artifact.model.n_features == case.train.n_features
    declared = {metric.name for metric in case.algorithm.metrics}
    assert set(artifact.metrics.get("test", {})) <= declared


def test_predict_writes_every_answer(trained, tmp_path):
    case, folder = trained
    target = tmp_path / "answers.csv"
    assert (
        run(["predict", str(folder / "model.tar.gz"), str(folder / "test.csv"), "--output", str(target)]) == 0
    )
    (table,) = read_tables(target)
    assert table.n_rows == case.test.n_rows
    rows = next(iter(case.channels["test"]()))
    expected = load_artifact(folder / "model.tar.gz").model.predict(rows)
    flat = {}
    for name, values in expected.items():
        if values.ndim == 1:
            flat[name] = values
        else:
            flat |= {f"{name}_{i}": values[:, i] for i in range(values.shape[1])}
    assert list(table.columns) == list(flat)
    (table,) = read_tables(target, kinds=dict.fromkeys(flat, "number"))
    for name, values in flat.items():
        np.testing.assert_allclose(table.columns[name][: len(values)], values, rtol=1e-4, atol=1e-5)


def test_evaluate_prints_the_metrics_of_the_job(trained, capsys):
    case, folder = trained
    code = run(["evaluate", str(folder / "model.tar.gz"), str(folder / "test.csv")])
    printed = capsys.readouterr()
    if case.algorithm_name == "pca":
        assert code == 2
        assert "Got a model of pca, which answers projection" in printed.err
        return
    assert code == 0, printed.err
    found = dict(line.split() for line in printed.out.splitlines()[1:])
    scored = load_artifact(folder / "model.tar.gz").metrics["test"]
    shared = set(found) & set(scored)
    assert shared
    for name in shared:
        assert float(found[name]) == pytest.approx(scored[name], rel=1e-3, abs=1e-3), name


def test_describe_knows_the_algorithm_and_the_model(trained, capsys):
    case, folder = trained
    assert run(["describe", case.algorithm_name]) == 0
    assert run(["describe", str(folder / "model.tar.gz")]) == 0
    printed = capsys.readouterr().out
    for parameter in case.algorithm.hyperparameters_type.parameters:
        assert parameter.hidden or parameter.wire_name[:12] in printed


def test_explain_splits_a_score_or_says_that_there_are_no_terms(trained, capsys):
    case, folder = trained
    code = run(["explain", str(folder / "model.tar.gz"), "--rows", str(folder / "test.csv")])
    printed = capsys.readouterr()
    if case.algorithm_name == "factorization-machines":
        assert code == 0
        assert "bias" in printed.out
    else:
        assert code == 2
        assert f"Got a model of {case.algorithm_name}, whose answers have none" in printed.err


def test_a_missing_value_is_scored_by_boosting_alone(tmp_path, capsys):
    source, model = tmp_path / "train.csv", tmp_path / "model.tar.gz"
    source.write_text("".join(f"{i % 2},{'' if i % 2 else i % 5},{i}\n" for i in range(60)))
    assert run(["train", "xgboost", "--train", str(source), "--num-round", "3", "--model", str(model)]) == 0
    assert run(["predict", str(model), str(source)]) == 0
    scores = [
        float(line) for line in capsys.readouterr().out.splitlines() if line[:1].isdigit() or line[:1] == "-"
    ]
    assert len(scores) == 60
    assert min(scores[1::2]) > max(scores[::2])
    linear = [
        "--predictor-type",
        "regressor",
        "--num-factors",
        "2",
        "--model",
        str(tmp_path / "other.tar.gz"),
    ]
    assert run(["train", "factorization-machines", "--train", str(source), *linear]) == 2
