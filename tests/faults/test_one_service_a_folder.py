"""What the second service says when the first has the folder or the port."""

import subprocess
import sys

import pytest
from service_process import SOURCE, service_on


@pytest.fixture
def first(tmp_path):
    with service_on(tmp_path / "data") as service:
        yield service.start()


def second(folder, port):
    command = [sys.executable, "-m", "pairloom", "up", "--data", folder, "--port", str(port)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={"PYTHONPATH": str(SOURCE)}
    )


def test_two_services_on_one_folder(first):
    """The second names the first, and leaves it and its address alone."""
    address = (first.folder / "service.json").read_text()
    refused = second(first.folder, 0)
    assert refused.returncode == 2
    assert f"is used by the service with process id {first.process.pid}." in " ".join(refused.stderr.split())
    assert (first.folder / "service.json").read_text() == address
    assert first.client("sts").get_caller_identity()["Account"] == "000000000000"


def test_a_port_that_is_taken(first, tmp_path):
    refused = second(tmp_path / "other", first.port)
    assert refused.returncode == 2
    assert f"port {first.port} is taken by another program" in " ".join(refused.stderr.split())


def test_a_killed_service_gives_folder_and_port_free(first):
    first.kill()
    first.start()
    assert first.client("sts").get_caller_identity()["Account"] == "000000000000"
    first.stop()
    first.no_process_is_left()
