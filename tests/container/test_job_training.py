"""Files in, a model out whose answers are the library's: for every algorithm of the catalogue."""

import json
import os
import re

import numpy as np
import pytest

from pairloom.artifact import load_artifact
from pairloom.formats import write_rows
from pairloom.metrics.log_patterns import metric_definitions
from pairloom.testing.cases import CASES
from pairloom.testing.training_job import FifoWriter, TrainingJob

ONE_THREAD = {"PAIRLOOM_NUM_THREADS": "1"}
N_PASSES = 3
FM = CASES[0]


def job_of(case, root, **changes):
    passes = {} if case.passes is None else {case.passes: str(N_PASSES)}
    return TrainingJob(root, case.algorithm_name, {**case.hyperparameters, **passes, **changes}, ONE_THREAD)


def declared(case, channel):
    return next(c for c in case.algorithm.channels if c.name == channel)


def filled(case, root, **changes):
    job = job_of(case, root, **changes)
    for name, rows in case.rows.items():
        job.add_rows(name, rows, declared(case, name).content_types[0])
    return job


def assert_the_librarys(case, answers):
    expected = case.make_short(N_PASSES).fit(case.channels).predict(case.test)
    assert list(answers) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(answers[name], values)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_job_gives_the_model_of_the_library(case, tmp_path):
    job = filled(case, tmp_path)
    done = job.run_here()
    assert (done.code, done.err, done.failure) == (0, "", None)
    artifact = job.artifact()
    assert artifact.algorithm == case.algorithm_name
    assert artifact.hyperparameters.items() >= job.hyperparameters.items()
    assert_the_librarys(case, artifact.model.predict(case.test))
    assert_the_librarys(case, load_artifact(tmp_path / "model").model.predict(case.test))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Pipe mode needs FIFOs, which Windows lacks")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_job_in_pipe_mode_gives_the_same_model(case, tmp_path):
    job = job_of(case, tmp_path)
    writers = []
    for name, rows in case.rows.items():
        channel = declared(case, name)
        if "Pipe" not in channel.input_modes:
            job.add_rows(name, rows, channel.content_types[0])
            continue
        job.add_channel(name, channel.content_types[0], TrainingInputMode="Pipe")
        content = tmp_path / f"{name}.bytes"
        write_rows([rows], content, content_type=channel.content_types[0].partition(";")[0])
        writers.append(FifoWriter(job.data, name, [content.read_bytes()] * (N_PASSES + 3)))
    for writer in writers:
        writer.__enter__()
    done = job.run_here()
    for writer in writers:
        writer.__exit__()
    assert (done.code, done.err, done.failure) == (0, "", None)
    assert_the_librarys(case, job.artifact().model.predict(case.test))


def test_the_log_is_sagemakers_and_the_metrics_are_kept(tmp_path):
    done = filled(FM, tmp_path).run_here()
    lines = done.out.splitlines()
    for number, start in enumerate(("Reading default", "Merging with provided", "Final")):
        assert f"] {start} configuration" in lines[number]
    definitions = metric_definitions(FM.algorithm.metrics)
    kept = json.loads((tmp_path / "output" / "data" / "metrics.json").read_text())
    for name, value in kept["metrics"]["test"].items():
        assert [m[1] for line in lines if (m := re.search(definitions[f"test:{name}"], line))] == [str(value)]
    assert len([line for line in lines if re.search(definitions["train:throughput"], line)]) == N_PASSES
    assert [epoch["n_rows"] for epoch in kept["epochs"]] == [FM.train.n_rows] * N_PASSES
    assert kept["metrics"] == load_artifact(tmp_path / "model").metrics
    assert list(kept["metrics"]) == ["train", "test"]


def test_without_any_configuration_folders_are_channels(tmp_path):
    job = filled(FM, tmp_path)
    job.write()
    (tmp_path / "input/config/inputdataconfig.json").unlink()
    (job.data / "train-manifest").write_text("[]")
    job.write = lambda: None
    done = job.run_here()
    assert (done.code, done.err) == (0, "")
    assert "#test_score (algo-1)" in done.out


def test_the_algorithm_may_be_named_by_the_image(tmp_path):
    from pairloom.container.entry import run

    job = filled(FM, tmp_path)
    job.write()
    named = {"PAIRLOOM_ML_ROOT": str(tmp_path), "PAIRLOOM_ALGORITHM": FM.algorithm_name, **ONE_THREAD}
    assert run([], named) == 0
    assert run(["--root", str(tmp_path)], {"PAIRLOOM_ALGORITHM": FM.algorithm_name}) == 0


def test_a_job_of_its_own_process_limits_the_threads_of_libraries(tmp_path):
    job = filled(FM, tmp_path)
    done = job.run()
    assert (done.code, done.err, done.failure) == (0, "", None)
    assert_the_librarys(FM, job.artifact().model.predict(FM.test))


def test_what_sdks_and_tuners_add_is_of_no_effect(tmp_path):
    job = filled(
        FM, tmp_path, sagemaker_region='"us-east-1"', sagemaker_estimator_class_name='"FM"',
        epochs=f'"{N_PASSES}"', _tuning_objective_metric="test:rmse",
    )  # fmt: skip
    done = job.run_here()
    assert (done.code, done.err) == (0, "")
    assert_the_librarys(FM, job.artifact().model.predict(FM.test))


def test_a_new_job_takes_the_place_of_the_old_one(tmp_path):
    job = filled(FM, tmp_path)
    (tmp_path / "output" / "failure").write_text("ClientError\nof yesterday\n")
    for _ in range(2):
        assert job.run_here().failure is None
    assert [path.name for path in (tmp_path / "model").iterdir() if path.name.startswith(".")] == []


def test_sagemakers_own_form_of_the_model_is_written_on_request(tmp_path):
    job = filled(FM, tmp_path)
    job.environment = {**ONE_THREAD, "PAIRLOOM_MODEL_ALGO_1": "1"}
    assert job.run_here().code == 0
    ours = job.artifact().model.predict(FM.test)
    (tmp_path / "model" / "artifact.json").unlink()
    theirs = load_artifact(tmp_path / "model").model.predict(FM.test)
    np.testing.assert_allclose(theirs["score"], ours["score"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", [c for c in CASES if c.passes], ids=lambda case: case.name)
def test_a_job_may_go_on_with_more_passes(case, tmp_path):
    job = filled(case, tmp_path, **{case.passes: "1"})
    (tmp_path / "checkpoints").mkdir()
    assert job.run_here().code == 0
    job.hyperparameters = {**job.hyperparameters, case.passes: str(N_PASSES)}
    done = job.run_here()
    assert (done.code, done.err) == (0, "")
    assert "Going on from the checkpoint of step 1" in done.out
    assert_the_librarys(case, job.artifact().model.predict(case.test))
