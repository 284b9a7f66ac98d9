"""A transform that dies at any moment goes on where it was, to the output of one that was left alone."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pairloom.serving.transform import TransformJob, TransformSettings

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills by POSIX signals")
SCRIPT = """
import sys
from pathlib import Path
from pairloom.serving.transform import TransformJob, TransformSettings
settings = TransformSettings(max_payload_in_mb=1, max_concurrent_transforms=2)
job = TransformJob(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), settings)
print("begins", flush=True)
result = job.run()
print(result.n_files, result.n_skipped, flush=True)
"""
N_FILES = 12


def started(model, source, output):
    command = [sys.executable, "-c", SCRIPT, str(model), str(source), str(output)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout.readline() == "begins\n"
    return process


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.out")}


def test_a_killed_transform_is_finished_by_the_next(tmp_path, models):
    source = tmp_path / "in"
    source.mkdir()
    rng = random.Random(5)
    for i in range(N_FILES):
        row = f"{i},{i % 3},1\n"
        (source / f"{i:02}.csv").write_text(row * 60_000)
    TransformJob(models["numbers"], str(source), tmp_path / "undisturbed", TransformSettings()).run()
    expected = contents(tmp_path / "undisturbed")
    assert len(expected) == N_FILES
    n_killed = 0
    for _ in range(5):
        n_before = len(contents(tmp_path / "out"))
        process = started(models["numbers"], source, tmp_path / "out")
        while len(contents(tmp_path / "out")) == n_before and process.poll() is None:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        n_killed += process.wait(30) == -signal.SIGKILL
        process.stdout.close()
        # What is in place is whole, whenever it died.
        found = contents(tmp_path / "out")
        assert found == {name: expected[name] for name in found}
    assert n_killed > 0
    process = started(models["numbers"], source, tmp_path / "out")
    n_files, n_skipped = map(int, process.stdout.read().split())
    process.stdout.close()
    assert process.wait(60) == 0
    assert (n_files + n_skipped, n_skipped > 0) == (N_FILES, True)
    assert contents(tmp_path / "out") == expected
    assert not list((tmp_path / "out").glob(".*.partial"))
