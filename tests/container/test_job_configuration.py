import json

import pytest

from pairloom.container.configuration import hyperparameters, input_channels, resources
from pairloom.container.folders import Folders
from pairloom.container.threads import available_cores, job_threads, limit_libraries


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "input" / "config").mkdir(parents=True)
    return Folders(tmp_path)


def configure(folders, name, content):
    (folders.configuration / f"{name}.json").write_text(json.dumps(content))


def test_every_file_may_be_missing(tmp_path):
    folders = Folders(tmp_path)
    assert hyperparameters(folders) == {}
    assert input_channels(folders) == {}
    hosts = resources(folders)
    assert (hosts.names, hosts.current, hosts.rank) == (("algo-1",), "algo-1", 0)


def test_the_root_is_named_by_the_environment():
    assert str(Folders.of({}).failure) == "/opt/ml/output/failure"
    assert str(Folders.of({"PAIRLOOM_ML_ROOT": "/jobs/7"}).model) == "/jobs/7/model"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("64", "64"),
        ('"64"', "64"),
        ('"a \\"b\\""', 'a "b"'),
        ('"', '"'),
        ('"a" "b"', '"a" "b"'),
        ("[1, 2]", "[1, 2]"),
        (64, "64"),
        (0.5, "0.5"),
        (True, "true"),
        (["a"], '["a"]'),
    ],
)
def test_values_are_strings_however_they_are_quoted(folders, written, read):
    configure(folders, "hyperparameters", {"x": written, "sagemaker_program": '"train.py"'})
    assert hyperparameters(folders) == {"x": read}


def test_hosts_are_ranked_by_name(folders):
    configure(folders, "resourceconfig", {"current_host": "algo-2", "hosts": ["algo-2", "algo-3", "algo-1"]})
    hosts = resources(folders)
    assert (hosts.names, hosts.rank) == (("algo-1", "algo-2", "algo-3"), 1)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PAIRLOOM_NUM_THREADS": "3", "SM_NUM_CPUS": "8"}, 3),
        ({"SM_NUM_CPUS": "8"}, 8),
        ({"PAIRLOOM_NUM_THREADS": "", "SM_NUM_CPUS": " 8 "}, 8),
    ],
)
def test_threads_are_asked_for(environment, expected):
    assert job_threads(environment) == expected


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
    ],
)
def test_a_control_group_limits_the_cores(tmp_path, files, cores):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_cores(tmp_path) == cores


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"cpu.max": "max 100000\n"},
        {"cpu.max": "900000000 100000\n"},
        {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
    ],
)
def test_without_a_limit_affinity_decides(tmp_path, files, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(5)), raising=False)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_cores(tmp_path) == 5


def test_libraries_are_limited_unless_somebody_said_otherwise():
    environment = {"OMP_NUM_THREADS": "7"}
    limit_libraries(2, environment)
    assert environment == {"OMP_NUM_THREADS": "7", "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
