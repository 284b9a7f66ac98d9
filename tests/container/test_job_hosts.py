"""Several hosts as processes of this machine: one model, one end."""

import os
import re
import signal
import socket

import pytest
from test_job_training import FM, declared, job_of

from pairloom.container.configuration import Hosts
from pairloom.container.hosts import join
from pairloom.errors import UserError

HOSTS = ["algo-1", "algo-2"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def jobs(folder, **changes):
    """Two hosts with the same folder of data, of which each takes every second file."""
    addresses = ",".join(f"{name}=127.0.0.1:{free_port()}" for name in HOSTS)
    shared = job_of(FM, folder / "shared")
    half = FM.train.n_rows // 2
    content_type = declared(FM, "train").content_types[0]
    shared.add_rows("train", [FM.train.part(0, half), FM.train.part(half, 2 * half)], content_type)
    made = []
    for name in HOSTS:
        job = job_of(FM, folder / name, **changes)
        job.data.rmdir()
        job.data.symlink_to(shared.data)
        job.channels = {"train": {**shared.channels["train"], "S3DistributionType": "ShardedByS3Key"}}
        job.configure("resourceconfig", {"current_host": name, "hosts": HOSTS})
        job.environment = {
            "PAIRLOOM_NUM_THREADS": "1", "PAIRLOOM_HOSTS_TOKEN": "of the test",
            "PAIRLOOM_HOSTS_ADDRESSES": addresses, "PAIRLOOM_SHARD_CHANNELS": "1",
        }  # fmt: skip
        made.append(job)
    return made


def test_hosts_share_the_files_and_the_first_saves_the_model(tmp_path):
    both = jobs(tmp_path)
    processes = [job.start() for job in both]
    ended = [job.finish(process) for job, process in zip(both, processes, strict=True)]
    assert [(done.code, done.err, done.failure) for done in ended] == [(0, "", None)] * 2
    assert both[0].artifact().model.n_features == FM.train.n_features
    assert list((tmp_path / "algo-2" / "model").iterdir()) == []
    for name, done in zip(HOSTS, ended, strict=True):
        assert f"host={name}, completed 100.0 %" in done.out


def waiting_for(process, pattern):
    for line in process.stdout:
        if re.search(pattern, line):
            return


def test_a_stop_of_one_host_stops_all(tmp_path):
    both = jobs(tmp_path, epochs="1000000")
    processes = [job.start() for job in both]
    waiting_for(processes[1], "epoch=2, train rmse")
    processes[1].send_signal(signal.SIGTERM)
    ended = [job.finish(process, timeout_s=30) for job, process in zip(both, processes, strict=True)]
    assert [(done.code, done.failure) for done in ended] == [(0, None)] * 2
    assert all("Stopped on request" in done.out for done in ended)
    assert both[0].artifact().model.n_features == FM.train.n_features


def test_a_host_that_is_lost_fails_the_others_with_its_name(tmp_path):
    both = jobs(tmp_path, epochs="1000000")
    processes = [job.start() for job in both]
    waiting_for(processes[1], "epoch=2, train rmse")
    processes[1].kill()
    lost = both[1].finish(processes[1])
    left = both[0].finish(processes[0], timeout_s=30)
    assert lost.code == -signal.SIGKILL
    assert left.code == 1
    assert left.failure.startswith("InternalServerError\n")
    assert "algo-2" in left.failure
    assert list((tmp_path / "algo-1" / "model").iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "2 hosts must share a secret. Got none"),
        (
            {"TRAINING_JOB_ARN": "guessed", "PAIRLOOM_HOSTS_ADDRESSES": "algo-1=127.0.0.1:7101"},
            "2 hosts must share a secret. Got none",
        ),
        (
            {"PAIRLOOM_HOSTS_TOKEN": "x", "PAIRLOOM_HOSTS_PORT": "0"},
            "PAIRLOOM_HOSTS_PORT: must be an integer in",
        ),
        (
            {"PAIRLOOM_HOSTS_TOKEN": "x", "PAIRLOOM_HOSTS_TIMEOUT_S": "soon"},
            "PAIRLOOM_HOSTS_TIMEOUT_S: must be a",
        ),
        (
            {"PAIRLOOM_HOSTS_TOKEN": "x", "PAIRLOOM_HOSTS_ADDRESSES": "algo-9=h:1"},
            "PAIRLOOM_HOSTS_ADDRESSES: must",
        ),
        (
            {"PAIRLOOM_HOSTS_TOKEN": "x", "PAIRLOOM_HOSTS_ADDRESSES": "algo-1=h"},
            "PAIRLOOM_HOSTS_ADDRESSES: must",
        ),
    ],
)
def test_what_hosts_need_to_be_told(environment, message):
    with pytest.raises(UserError, match=message):
        join(Hosts(("algo-1", "algo-2"), "algo-1"), environment)


def test_a_lone_host_needs_nobody():
    assert join(Hosts(("algo-1",), "algo-1"), dict(os.environ)).size == 1
