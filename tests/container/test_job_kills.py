"""kill -9 at random moments: what comes of the last start is what an undisturbed job gives, bit for bit."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from test_job_training import FM

from pairloom.testing.training_job import TrainingJob

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="jobs are started by fork, which Windows lacks"
)

PROGRAM = Path(__file__).with_name("restarted_jobs.py")
SOURCE = Path(__file__).resolve().parents[2] / "src"
FM_ASKED = {
    **FM.hyperparameters, "epochs": "60", "pairloom_deterministic": "true", "pairloom_solver": "adagrad",
    "pairloom_n_threads": "2",
}  # fmt: skip
JOBS = {
    "linear-plugin": ({"epochs": "12", "feature_dim": "110"}, FM.train.part(0, 200)),
    "factorization-machines": (FM_ASKED, FM.train),
}
LEAST_RESUMED = 8


@pytest.fixture
def root():
    """A folder in memory where there is one: states are synced to disk, which takes most of the time."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def killed(root, name, n_kills):
    asked, rows = JOBS[name]
    job = TrainingJob(root, name, asked)
    job.add_rows("train", rows, "text/libsvm")
    job.write()
    environment = os.environ | {
        "PYTHONPATH": str(SOURCE),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, str(PROGRAM), str(root), name, str(n_kills), "7"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_that_is_killed_fifty_times_gives_the_same_model(root, name):
    result = killed(root, name, 50)
    assert (result["kills"], result["failed"], result["different"]) == (50, 0, 0), result["log"]
    assert result["compared"] >= 1
    assert result["resumed"] >= LEAST_RESUMED, result
