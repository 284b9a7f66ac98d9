"""``pairloom-train --hosts N``: a job as several processes of this machine, one end for all."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from test_job_training import FM, declared, job_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the trees of the hosts share data by links")


def job(root, **changes):
    made = job_of(FM, root, **changes)
    half = FM.train.n_rows // 2
    content_type = declared(FM, "train").content_types[0]
    made.add_rows(
        "train", [FM.train.part(0, half), FM.train.part(half, 2 * half)], content_type,
        S3DistributionType="ShardedByS3Key",
    )  # fmt: skip
    made.write()
    return made


def start(made, n_hosts=2):
    command = [
        sys.executable,
        "-m",
        "pairloom.container",
        made.algorithm,
        "--root",
        str(made.root),
        "--hosts",
        str(n_hosts),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=os.environ | {"PAIRLOOM_NUM_THREADS": "2"})  # fmt: skip


def process_of(made, name):
    """Number of the process that runs a host, by the tree that it was given."""
    place = str(made.root / "hosts" / name)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if place.encode() in path.read_bytes().split(b"\0"):
                return int(path.parent.name)
    raise AssertionError("it does not run")


def test_hosts_learn_one_model_from_their_files(tmp_path):
    made = job(tmp_path)
    done = made.finish(start(made))
    assert (done.code, done.failure) == (0, None), done.err
    scores = made.artifact().model.predict(FM.test)["score"]
    assert np.isfinite(scores).all()
    assert "host=algo-1, completed 100.0 %" in done.out
    assert "host=algo-2, completed 100.0 %" in (tmp_path / "hosts" / "algo-2" / "log.txt").read_text()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="finds the host's process in /proc")
def test_a_host_that_is_killed_ends_the_job_with_its_name(tmp_path):
    made = job(tmp_path, epochs="1000000")
    process = start(made)
    for line in process.stdout:
        if "epoch=2, train rmse" in line:
            break
    os.kill(process_of(made, "algo-2"), signal.SIGKILL)
    begin = time.monotonic()
    done = made.finish(process)
    assert time.monotonic() - begin < 60
    assert done.code == 1
    assert done.failure.startswith("InternalServerError\nHost 'algo-2' ")
    assert done.err.strip().endswith(done.failure.split("\n")[1])


def test_a_fault_of_one_host_is_the_jobs(tmp_path):
    made = job(tmp_path)
    bad = tmp_path / "input" / "data" / "train" / "part-00001"
    next(bad.parent.glob("part-00001*")).write_bytes(b"not rows")
    done = made.finish(start(made))
    assert done.code == 2
    assert done.failure.startswith("ClientError\n")
    assert "part-00001" in done.failure
