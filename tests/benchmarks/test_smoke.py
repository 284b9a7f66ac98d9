"""Every benchmark runs, at a size that takes seconds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
NEEDS_DATA = {
    "bayesian",
    "best_u1",
    "criteo",
    "defaults",
    "field_aware",
    "frappe",
    "hosts",
    "movielens",
    "sparse_models",
    "training_jobs",
    "tuning",
}
WITHOUT_SMALL_SIZE = {"parsing", "vocabulary"}  # their sizes are options, see below
SMALL = {
    name: ["--small"]
    for name in sorted(p.stem for p in FOLDER.glob("*.py"))
    if name not in WITHOUT_SMALL_SIZE
}
SMALL["parsing"] = ["libsvm", "--megabytes", "1", "--repeats", "1"]


@pytest.mark.parametrize("name", SMALL)
def test_runs(name: str, request: pytest.FixtureRequest) -> None:
    environment = dict(os.environ)
    if name in NEEDS_DATA:
        environment["PAIRLOOM_DATA"] = str(request.getfixturevalue("data_folder"))
    command = [sys.executable, str(FOLDER / f"{name}.py"), *SMALL[name]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 1
    assert "nan" not in done.stdout.lower().split()


def test_every_benchmark_is_described() -> None:
    described = (FOLDER / "README.md").read_text()
    for path in FOLDER.glob("*.py"):
        assert f"./go bench {path.stem}" in described
