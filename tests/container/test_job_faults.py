"""How a job fails: class of fault, one sentence, exit code, and what was there before stays."""

import json
import os
import resource
import subprocess

import pytest
from test_job_training import FM, filled, job_of

from pairloom.container.faults import fault_of
from pairloom.errors import AlgorithmError, DataError, PlatformError
from pairloom.testing.training_job import FifoWriter, TrainingJob

RECORDIO = "application/x-recordio-protobuf"


def assert_refused(done, message, *, kind="ClientError", code=2):
    assert (done.code, done.failure is not None) == (code, True), done.out + done.err
    first, sentence = done.failure.split("\n", 1)
    assert first == kind
    assert message in sentence
    assert done.err == f"{kind}: {sentence}"
    assert "Traceback" not in done.out + done.err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_factors": "0"}, "FactorizationMachines: 'num_factors' must be an integer >= 1. Got 0."),
        ({"num_factor": "4"}, "Additional properties are not allowed ('num_factor' was unexpected)"),
        ({"factors_lr": "1e9"}, "diverged"),
    ],
)
def test_hyperparameters(tmp_path, changes, message):
    done = filled(FM, tmp_path, **changes).run_here()
    assert_refused(done, message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"ContentType": "text/html"}, "Channel 'train': content type must be application/x-recordio"),
        (
            {"TrainingInputMode": "Tape"},
            "Channel 'train': TrainingInputMode must be one of File, FastFile, Pipe",
        ),
        (
            {"S3DataType": "AugmentedManifestFile"},
            "Channel 'train': data must be an S3Prefix or a ManifestFile",
        ),
        ({"AttributeNames": ["source"]}, "Channel 'train': data must be an S3Prefix or a ManifestFile"),
        ({"ShuffleConfig": {"Seed": "x"}}, "Channel 'train': ShuffleConfig must be"),
        ({"CompressionType": "Zip"}, "Channel 'train': CompressionType must be one of None, Gzip"),
        ("File", "channel 'train' must be an object"),
    ],
)
def test_words_of_a_channel(tmp_path, words, message):
    job = filled(FM, tmp_path)
    job.channels["train"] = {**job.channels["train"], **words} if isinstance(words, dict) else words
    assert_refused(job.run_here(), message)


def test_channels(tmp_path):
    job = filled(FM, tmp_path)
    job.channels["training"] = job.channels.pop("train")
    assert_refused(job.run_here(), "channel must be one of 'train', 'test', 'validation'. Got 'training'")
    job.channels = {"test": job.channels["test"]}
    assert_refused(job.run_here(), "channel 'train' is required")
    job.channels = {"train": {}, "validation": {"TrainingInputMode": "Pipe"}}
    assert_refused(job.run_here(), "Channel 'validation': input mode must be File. Got Pipe")
    job = job_of(FM, tmp_path)
    for path in job.add_channel("train").iterdir():
        path.unlink()
    assert_refused(job.run_here(), "Channel 'train': must hold at least one file with data")


def test_data(tmp_path):
    job = job_of(FM, tmp_path)
    (job.add_channel("train", "text/libsvm") / "a").write_text("1 0:1\n2 0:nan\n")
    assert_refused(job.run_here(), "Channel 'train', a, line 2")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("hyperparameters", "{", "hyperparameters.json: must be JSON"),
        ("hyperparameters", "[" * 100_000, "hyperparameters.json: must be JSON"),
        ("hyperparameters", "[]", "hyperparameters.json: must be a JSON object. Got list"),
        ("resourceconfig", '{"hosts": "algo-1"}', "'hosts' must be a list of names"),
        ("resourceconfig", '{"hosts": []}', "'current_host' must be one of"),
        ("resourceconfig", '{"hosts": ["a"], "current_host": "b"}', "'current_host' must be one of a. Got"),
        ("checkpointconfig", '{"LocalPath": 7}', "'LocalPath' must be a path. Got 7"),
    ],
)
def test_configuration(tmp_path, name, content, message):
    job = filled(FM, tmp_path)
    job.write()
    (tmp_path / "input" / "config" / f"{name}.json").write_text(content)
    job.write = lambda: None
    assert_refused(job.run_here(), message)


@pytest.mark.parametrize(
    ("variable", "text"),
    [("PAIRLOOM_NUM_THREADS", "many"), ("SM_NUM_CPUS", "0"), ("PAIRLOOM_PIPE_TIMEOUT_S", "-1")],
)
def test_environment(tmp_path, variable, text):
    job = filled(FM, tmp_path)
    job.environment = {variable: text}
    assert_refused(job.run_here(), f"{variable}: must be")


def test_algorithm(tmp_path):
    job = TrainingJob(tmp_path, "factorisation-machines", {})
    assert_refused(job.run_here(), "Did you mean 'factorization-machines'?")
    from pairloom.container.entry import run

    assert run([], {"PAIRLOOM_ML_ROOT": str(tmp_path)}) == 2
    assert "Name it as in 'pairloom-train factorization-machines'" in job.failure()


def test_a_missing_root_is_said_and_not_made(tmp_path, capsys):
    from pairloom.container.entry import run

    assert run([FM.algorithm_name], {"PAIRLOOM_ML_ROOT": str(tmp_path / "none")}) == 2
    assert "none must be a folder with input/config and input/data" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_process_ends_without_a_traceback(tmp_path):
    done = filled(FM, tmp_path, num_factors="0").run()
    assert_refused(done, "'num_factors' must be")


def test_a_fault_of_ours_keeps_its_traceback_on_standard_error(tmp_path, monkeypatch):
    def fail(self, *args, **options):
        raise KeyError("lost")

    monkeypatch.setattr(FM.algorithm, "fit", fail)
    done = filled(FM, tmp_path).run_here()
    assert done.code == 1
    assert done.failure.startswith("AlgorithmError\nUnexpected KeyError at ")
    assert len(done.failure.splitlines()) == 2
    assert "Traceback" in done.err


def test_whose_fault_it_is():
    found = {
        type(error): (fault_of(error).kind, fault_of(error).exit_code)
        for error in (DataError("a row"), PlatformError("disk"), AlgorithmError("bug"), OSError(28, "full"),
                      MemoryError(), RuntimeError("x"))
    }  # fmt: skip
    assert found == {
        DataError: ("ClientError", 2),
        PlatformError: ("InternalServerError", 1),
        AlgorithmError: ("AlgorithmError", 1),
        OSError: ("InternalServerError", 1),
        MemoryError: ("InternalServerError", 1),
        RuntimeError: ("AlgorithmError", 1),
    }


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def limited_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_files_that_may_not_grow_leave_the_old_model(tmp_path):
    job = filled(FM, tmp_path, num_factors="64")
    assert job.run_here().code == 0
    before = contents(tmp_path / "model")
    assert max(map(len, before.values())) > 4096
    done = job.run(preexec_fn=limited_files)
    assert_refused(done, "File too large", kind="InternalServerError", code=1)
    assert contents(tmp_path / "model") == before


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.name != "posix" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_small_disk(tmp_path, small_disk):
    job = filled(FM, tmp_path)
    (tmp_path / "model").rmdir()
    (tmp_path / "model").symlink_to(small_disk)
    assert job.run_here().code == 0
    before = contents(small_disk)
    (small_disk / "filler").write_bytes(bytes((64 << 10) - 4096 * (len(before) + 2)))
    done = job.run_here()
    assert_refused(done, "No space left on device", kind="InternalServerError", code=1)
    (small_disk / "filler").unlink()
    assert contents(small_disk) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Pipe mode needs FIFOs, which Windows lacks")
def test_a_fifo_writer_that_dies(tmp_path):
    job = job_of(FM, tmp_path)
    job.add_channel("train", RECORDIO, TrainingInputMode="Pipe")
    from pairloom.formats import write_rows

    write_rows([FM.train], tmp_path / "train.pbr")
    content = (tmp_path / "train.pbr").read_bytes()
    with FifoWriter(job.data, "train", [content[: len(content) // 2 + 1]]):
        done = job.run_here()
    assert_refused(done, "Channel 'train', epoch 0, row 1")
    assert list((tmp_path / "model").iterdir()) == []


def test_the_failure_file_names_one_class_even_when_it_cannot_be_written(tmp_path):
    job = filled(FM, tmp_path, num_factors="0")
    (tmp_path / "output" / "data").rmdir()
    (tmp_path / "output").rmdir()
    (tmp_path / "output").write_text("in the way")
    job.failure = lambda: None
    job.write()
    done = job.run_here()
    assert done.code == 1
    assert "cannot be written" in done.err


def test_metrics_that_cannot_be_written_fail_the_job(tmp_path):
    job = filled(FM, tmp_path)
    (tmp_path / "output" / "data").rmdir()
    (tmp_path / "output" / "data").write_text("in the way")
    done = job.run_here()
    assert_refused(done, "The machine failed", kind="InternalServerError", code=1)
    assert json.loads((tmp_path / "model" / "artifact.json").read_text())["algorithm"] == FM.algorithm_name
