"""States are whole or absent, and only of the job that goes on from them."""

import json
import threading

import numpy as np
import pytest
from safetensors import SafetensorError

from pairloom.algorithms.catalogue import algorithm
from pairloom.container.checkpoints import FolderCheckpoints, identity
from pairloom.container.configuration import checkpoints_folder
from pairloom.container.folders import Folders
from pairloom.errors import PlatformError, UserError

JOB = {"algorithm": "linear-plugin", "n_hosts": "1", "learning_rate": "0.1"}


def writing(text):
    def write(folder):
        (folder / "state.json").write_text(text)
        (folder / "arrays").mkdir()
        (folder / "arrays" / "a.npy").write_bytes(text.encode() * 1000)

    return write


def kept(folder, n_steps, **options):
    checkpoints = FolderCheckpoints(folder, JOB, **options)
    for step in range(1, n_steps + 1):
        checkpoints.save(step, writing(f"state {step}"))
    return checkpoints


def test_the_last_two_are_kept_and_the_newest_is_found(tmp_path):
    assert kept(tmp_path, 0).latest() is None
    kept(tmp_path, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "4"]
    told = []
    latest = FolderCheckpoints(tmp_path, JOB, tell=told.append).latest()
    assert latest == tmp_path / "4"
    assert (latest / "state.json").read_text() == "state 4"
    assert told == [f"Going on from the checkpoint of step 4 in {tmp_path}."]


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda state: flip(state / "arrays" / "a.npy"), "arrays/a.npy is damaged"),
        (lambda state: (state / "state.json").write_text(""), "state.json is damaged"),
        (lambda state: (state / "state.json").unlink(), "state.json is missing"),
        (lambda state: (state / "more").write_text("x"), "more is damaged"),
        (lambda state: (state / "checkpoint.json").unlink(), "its checkpoint.json cannot be read"),
        (lambda state: (state / "checkpoint.json").write_text("{"), "its checkpoint.json cannot be read"),
        (lambda state: (state / "checkpoint.json").write_text("[" * 99_999), "its checkpoint.json cannot"),
        (lambda state: (state / "checkpoint.json").write_text('{"job": 1, "files": 2, "version": 1, "step": 3}'),
         "its checkpoint.json is damaged"),
        (lambda state: (state / "checkpoint.json").write_text('{"job": 1, "files": 2, "version": 2, "step": 3}'),
         "it is of another version"),
    ],
)  # fmt: skip
def test_a_damaged_state_gives_way_to_the_one_before(tmp_path, damage, fault):
    kept(tmp_path, 3)
    damage(tmp_path / "3")
    told = []
    checkpoints = FolderCheckpoints(tmp_path, JOB, tell=told.append)
    assert checkpoints.latest() == tmp_path / "2"
    assert told[0].startswith(f"The checkpoint of step 3 in {tmp_path} is passed over: {fault}")
    checkpoints.save(3, writing("again"))
    assert (FolderCheckpoints(tmp_path, JOB).latest() / "state.json").read_text() == "again"


def test_what_was_not_finished_is_taken_away(tmp_path):
    kept(tmp_path, 1)
    (tmp_path / ".2.unfinished").mkdir()
    (tmp_path / ".2.unfinished" / "state.json").write_text("half")
    assert FolderCheckpoints(tmp_path, JOB).latest() == tmp_path / "1"
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("I/O error")])
def test_a_state_that_cannot_be_written_leaves_those_before(tmp_path, error):
    checkpoints = kept(tmp_path, 2)

    def fail(folder):
        (folder / "state.json").write_text("half")
        raise error

    with pytest.raises(PlatformError, match=r"Checkpoints: .* must be writable and have room. Got: "):
        checkpoints.save(3, fail)
    assert FolderCheckpoints(tmp_path, JOB).latest() == tmp_path / "2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


def test_an_error_of_the_algorithm_comes_through(tmp_path):
    def fail(folder):
        raise KeyError("state")

    with pytest.raises(KeyError):
        kept(tmp_path, 1).save(2, fail)
    assert FolderCheckpoints(tmp_path, JOB).latest() == tmp_path / "1"


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"learning_rate": "0.2"}, "learning_rate = 0.1, here it is 0.2"),
        ({"algorithm": "kmeans"}, "algorithm = linear-plugin, here it is kmeans"),
        ({"n_hosts": "2"}, "n_hosts = 1, here it is 2"),
        ({"feature_dim": "7"}, "feature_dim = unset, here it is 7"),
    ],
)
def test_states_of_another_job_are_refused_and_stay(tmp_path, changes, difference):
    kept(tmp_path, 2)
    with pytest.raises(UserError, match=f"must be of this job. Got one with {difference}. Empty the folder"):
        FolderCheckpoints(tmp_path, JOB | changes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


def test_more_passes_and_other_threads_are_the_same_job():
    declared = algorithm("factorization-machines").hyperparameters_type
    given = {"num_factors": "4", "predictor_type": "regressor", "epochs": "3"}
    jobs = [
        identity("factorization-machines", declared.parse(given | changes), n_hosts=1)
        for changes in ({}, {"epochs": "9", "pairloom_n_threads": "2"}, {"num_factors": "8"})
    ]
    assert jobs[0] == jobs[1] != jobs[2]
    assert jobs[0]["predictor_type"] == "regressor"


def test_nothing_is_kept_of_a_pass_that_was_cut_short(tmp_path):
    cut = []
    checkpoints = kept(tmp_path, 1, is_cut_short=lambda: bool(cut))
    cut.append(True)
    checkpoints.save(2, writing("half a pass"))
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


class InThreads:
    """Hosts that meet in memory."""

    def __init__(self, size):
        self.size, self.barrier, self.values = size, threading.Barrier(size), [None] * size

    def host(self, rank):
        def allreduce(array, reduction):
            assert reduction == "min"
            self.values[rank] = array
            self.barrier.wait(10)
            smallest = np.min(self.values, axis=0)
            self.barrier.wait(10)
            return smallest

        return type("Host", (), {"size": self.size, "rank": rank, "allreduce": staticmethod(allreduce)})()


@pytest.mark.parametrize(
    ("steps", "expected"), [((4, 4), "4"), ((4, 5), "4"), ((4, 0), None), ((4, 9), None)]
)
def test_hosts_go_on_from_the_newest_step_that_all_have(tmp_path, steps, expected):
    for rank, n_steps in enumerate(steps):
        kept(tmp_path / str(rank), n_steps)
    hosts, found = InThreads(len(steps)), {}

    def begin(rank):
        latest = FolderCheckpoints(tmp_path / str(rank), JOB, collective=hosts.host(rank)).latest()
        found[rank] = latest and latest.name

    threads = [threading.Thread(target=begin, args=[rank]) for rank in range(len(steps))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == dict.fromkeys(range(len(steps)), expected)


@pytest.mark.parametrize(
    ("config", "has_folder", "expected"),
    [
        (None, False, None),
        (None, True, "checkpoints"),
        ({"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/checkpoints"}, False, "checkpoints"),
        ({"S3Uri": "s3://b/c"}, False, "checkpoints"),
        ({"LocalPath": "/opt/ml/other/place"}, True, "other/place"),
        ({"LocalPath": "/mnt/states"}, True, "/mnt/states"),
    ],
)
def test_where_states_are_kept(tmp_path, config, has_folder, expected):
    folders = Folders(tmp_path)
    folders.configuration.mkdir(parents=True)
    if config is not None:
        (folders.configuration / "checkpointconfig.json").write_text(json.dumps(config))
    if has_folder:
        folders.checkpoints.mkdir()
    found = checkpoints_folder(folders)
    assert found == (None if expected is None else tmp_path / expected)
