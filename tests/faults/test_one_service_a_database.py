"""Two services, each with a folder of its own, on one database of PostgreSQL; and one that loses it."""

import subprocess
import sys

import pytest
from service_process import SOURCE, service_on

from postgresql import server


@pytest.fixture(scope="module")
def database_url():
    with server() as url:
        yield url


@pytest.mark.xdist_group("postgresql")
def test_the_second_names_the_first(tmp_path, database_url):
    more = ("-m", "pairloom", "up", "--database", database_url)
    with service_on(tmp_path / "first", command=more) as first:
        first.start()
        assert first.alive, first.log.read_text()
        command = [sys.executable, *more, "--data", tmp_path / "second", "--port", "0"]
        for _ in range(2):
            refused = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                env={"PYTHONPATH": str(SOURCE)},
            )
            assert refused.returncode == 2, refused.stderr
            assert f"It is used by process {first.process.pid} on " in " ".join(refused.stderr.split())
        assert first.client("sagemaker").list_training_jobs()["TrainingJobSummaries"] == []
        first.kill()
        first.start()  # the server has let go
        assert first.client("sagemaker").list_training_jobs()["TrainingJobSummaries"] == []
        first.stop()
