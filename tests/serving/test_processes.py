"""Real processes: reload, the end, and a worker that dies."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from endpoint_clients import ONE, ask, events, exchange, metric, until

from pairloom.artifact import save_artifact
from pairloom.errors import PlatformError
from pairloom.serving.running import running


class Asking:
    """Asks in a thread, again and again, over connections that are kept and new ones; keeps what went wrong."""

    def __init__(self, endpoint):
        self.endpoint, self.answers, self.faults = endpoint, [], []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _run(self):
        kept = http.client.HTTPConnection("127.0.0.1", self.endpoint.port, timeout=20)
        while not self._end.is_set():
            try:
                kept.request("POST", "/invocations", ONE, {"Content-Type": "application/json"})
                response = kept.getresponse()
                self.answers.append((response.status, response.read()))
                self.answers.append((200, json.dumps({"predictions": ask(self.endpoint)}).encode()))
            except (OSError, http.client.HTTPException) as error:
                self.faults.append(error)
                kept.close()
            time.sleep(0.005)
        kept.close()


def test_a_reload_loses_no_request_and_a_bad_model_changes_nothing(artifacts, tmp_path):
    model, log = tmp_path / "model.tar.gz", tmp_path / "log.jsonl"
    save_artifact(artifacts["factorization-machines as classifier"], model)
    with running(model, "--workers", "2", "--no-access-log", log=log) as endpoint, Asking(endpoint) as asking:
        until(lambda: len(asking.answers) > 20)
        assert "predicted_label" in ask(endpoint)[0]

        save_artifact(artifacts["factorization-machines as regressor"], model)
        endpoint.reload()
        until(lambda: metric(endpoint, "reloads_total") == 1)
        until(
            lambda: "predicted_label" not in ask(endpoint)[0]
        )  # the old workers take none from a moment later

        model.write_bytes(b"no model")
        endpoint.reload()
        until(lambda: metric(endpoint, "failed_reloads_total") == 1)
        assert "predicted_label" not in ask(endpoint)[0]
        workers = [event["worker"] for event in events(log) if event["event"] == "worker ready"]
        for worker in workers[2:4]:
            os.kill(worker, signal.SIGKILL)  # those that replace them load the old model, not the file
        until(lambda: metric(endpoint, "worker_deaths_total") == 2)
        until(lambda: len([event for event in events(log) if event["event"] == "worker ready"]) == 6)
        assert "predicted_label" not in ask(endpoint)[0]
        n_before_the_kill = len(asking.faults)
    assert {status for status, _ in asking.answers} == {200}
    assert n_before_the_kill <= 2  # the request that a killed worker was at
    message = next(event for event in events(log) if event["event"].startswith("reload failed"))["message"]
    assert "expected" in message


def test_sigterm_finishes_the_request_under_way_and_ends_with_0(model_file, tmp_path):
    log = tmp_path / "log.jsonl"
    with running(model_file, "--no-access-log", log=log) as endpoint:
        head = b"POST /invocations HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        received = []

        def slow_request():
            received.append(exchange(endpoint.port, head % len(ONE) + ONE, piece=60, pause_s=0.4))

        thread = threading.Thread(target=slow_request)
        thread.start()
        until(lambda: metric(endpoint, "requests_in_flight") == 1)
        endpoint.process.send_signal(signal.SIGTERM)
        thread.join()
        assert received[0].startswith(b"HTTP/1.1 200")
        assert b"connection: close" in received[0]
        assert endpoint.process.wait(20) == 0
    assert events(log)[-1]["event"] == "ended"


def test_a_killed_supervisor_takes_its_workers_along(model_file, tmp_path):
    log = tmp_path / "log.jsonl"
    with running(model_file, "--no-access-log", log=log) as endpoint:
        worker = next(event["worker"] for event in events(log) if event["event"] == "worker ready")
        endpoint.process.kill()

        def gone():
            try:
                os.kill(worker, 0)
            except ProcessLookupError:
                return True
            return Path(f"/proc/{worker}/stat").exists() and " Z " in Path(f"/proc/{worker}/stat").read_text()

        until(gone)


def test_a_killed_worker_is_replaced(endpoint, tmp_path, model_file):
    log = tmp_path / "log.jsonl"
    with running(model_file, "--no-access-log", log=log) as endpoint:
        worker = next(event["worker"] for event in events(log) if event["event"] == "worker ready")
        os.kill(worker, signal.SIGKILL)
        until(lambda: ask(endpoint))  # its socket stays open, so that a request waits for the next worker
        assert metric(endpoint, "worker_deaths_total") == 1


@pytest.mark.parametrize("content", [None, b"", b"not a model", b"\x1f\x8b\x08\x00damaged"])
def test_a_model_that_cannot_be_loaded_is_one_line(content, tmp_path):
    model = tmp_path / "model.tar.gz"
    if content is not None:
        model.write_bytes(content)
    command = [sys.executable, "-m", "pairloom", "serve", str(model), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("pairloom: ")
    assert "expected" in last


def test_a_taken_port_is_one_line(endpoint, model_file):
    command = [sys.executable, "-m", "pairloom", "serve", str(model_file), "--port", str(endpoint.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "must be a free address" in done.stderr.splitlines()[-1]


def test_the_command_of_an_image(model_file, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.unpack_archive(model_file, folder, "gztar")
    port = free_port()
    environment = os.environ | {
        "PAIRLOOM_ML_ROOT": str(tmp_path), "SAGEMAKER_BIND_TO_PORT": str(port), "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/jsonlines",
    }  # fmt: skip
    command = [sys.executable, "-m", "pairloom.serving.container"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        try:
            until(lambda: answers(port))
            request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", ONE)
            request.add_header("Content-Type", "application/json")
            with urllib.request.urlopen(request, timeout=20) as response:
                assert response.headers["Content-Type"] == "application/jsonlines"
        finally:
            process.terminate()
            errors = process.communicate(timeout=30)[1]
    assert process.returncode == 0, errors


def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=20) as response:
            return response.status == 200
    except urllib.error.URLError:
        return False


def test_running_says_that_it_could_not(tmp_path):
    with pytest.raises(PlatformError, match="must begin to serve"), running(tmp_path / "nothing"):
        pytest.fail("it serves nothing")
