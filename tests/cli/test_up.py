"""`pairloom up` as a process: keys made and shown once, the address told, an orderly end."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest

import pairloom
from pairloom.cli import run

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the service locks its folder as Linux and macOS do"
)
SOURCE = Path(pairloom.__file__).resolve().parents[1]


@contextmanager
def service(folder):
    """Run it on a free port; yields the process and what it printed up to and with the last line of its greeting."""
    command = [sys.executable, "-m", "pairloom", "up", "--data", str(folder), "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(SOURCE)}, text=True
    )
    try:
        said = ""
        while "pairloom run" not in said:
            line = process.stdout.readline()
            assert line, f"It ended with {process.wait(10)} after: {said}"
            said += line
        yield process, said
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def client_as_told(said, name):
    """A client that has followed the three lines to export, and nothing else."""
    told = dict(re.findall(r"export (\w+)=(\S+)", said))
    session = boto3.Session()
    keys = Path(told["AWS_SHARED_CREDENTIALS_FILE"]).read_text()
    return session.client(
        name,
        endpoint_url=told["AWS_ENDPOINT_URL"],
        region_name=told["AWS_DEFAULT_REGION"],
        aws_access_key_id=re.search(r"aws_access_key_id = (\S+)", keys)[1],
        aws_secret_access_key=re.search(r"aws_secret_access_key = (\S+)", keys)[1],
    )


def test_a_first_and_a_second_start(tmp_path):
    folder = tmp_path / "data"
    with service(folder) as (process, said):
        assert client_as_told(said, "sts").get_caller_identity()["Account"] == "000000000000"
        kept = (folder / "credentials").read_text()
        secret = re.search(r"secret key  (\S+)", said)[1]
        assert f"aws_secret_access_key = {secret}\n" in kept
        assert stat.S_IMODE((folder / "credentials").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert json.loads((folder / "service.json").read_text())["pid"] == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not (folder / "service.json").exists()
    with service(folder) as (process, said):
        assert secret not in said
        assert (folder / "credentials").read_text() == kept
        assert client_as_told(said, "iam").get_role(RoleName="PairloomExecutionRole")["Role"]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_in_the_background_until_it_is_told_to_end(tmp_path, capfd):
    folder = tmp_path / "data"
    try:
        assert run(["up", "--background", "--data", str(folder), "--port", "0"]) == 0
        said = capfd.readouterr().out
        secret = re.search(r"secret key  (\S+)", said)[1]
        assert client_as_told(said, "sts").get_caller_identity()["Account"] == "000000000000"
        assert run(["up", "--background", "--data", str(folder), "--port", "0"]) == 2
        assert "one service at a time must use it" in capfd.readouterr().err
        port = said.partition("http://127.0.0.1:")[2].partition(".")[0]
        assert run(["up", "--data", str(folder), "--port", port]) == 2  # its own port is no riddle
        assert "one service at a time must use it" in capfd.readouterr().err
    finally:
        assert run(["down", "--data", str(folder)]) == 0
    assert not (folder / "service.json").exists()
    assert secret not in (folder / "service.log").read_text()
    assert run(["down", "--data", str(folder)]) == 2
    assert "a service must run on the data folder" in capfd.readouterr().err


def test_a_secret_is_not_written_to_a_file(tmp_path):
    folder, output = tmp_path / "data", tmp_path / "output"
    command = [sys.executable, "-m", "pairloom", "up", "--data", str(folder), "--port", "0"]
    with output.open("w") as file:
        process = subprocess.Popen(command, stdout=file, env=os.environ | {"PYTHONPATH": str(SOURCE)})
    try:
        deadline = time.monotonic() + 60
        while "pairloom run" not in output.read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        process.terminate()
        assert process.wait(30) == 0
    secret = re.search(r"aws_secret_access_key = (\S+)", (folder / "credentials").read_text())[1]
    said = output.read_text()
    assert "New keys were made" in said
    assert secret not in said


def test_a_port_that_is_taken(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run(["up", "--data", str(tmp_path / "data"), "--port", str(port)]) == 2
    assert f"port {port} is taken by another program. Choose one with --port" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.invalid"])
def test_other_machines_are_let_in_only_on_purpose(host, tmp_path, capsys):
    assert run(["up", "--data", str(tmp_path / "data"), "--port", "0", "--host", host]) == 2
    assert "unless --allow-remote is given" in capsys.readouterr().err


def test_an_address_of_another_machine(tmp_path, capsys):
    assert run(["up", "--data", str(tmp_path), "--port", "0", "--host", "192.0.2.7", "--allow-remote"]) == 2
    assert "192.0.2.7 is no address of this machine" in capsys.readouterr().err


@pytest.mark.parametrize("allowed", [0o640, 0o604])
def test_keys_that_others_can_read_are_refused(allowed, tmp_path, capsys):
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = A\naws_secret_access_key = B\n")
    (tmp_path / "credentials").chmod(allowed)
    assert run(["up", "--data", str(tmp_path), "--port", "0"]) == 2
    assert "only its owner must be able to read it" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    ["", "[default]\n", "[default\n", "[default]\naws_access_key_id = A/B\naws_secret_access_key = short\n"],
)
def test_a_file_of_keys_that_cannot_be_used(text, tmp_path, capsys):
    (tmp_path / "credentials").write_text(text)
    (tmp_path / "credentials").chmod(0o600)
    assert run(["up", "--data", str(tmp_path), "--port", "0"]) == 2
    assert "to have new keys made" in capsys.readouterr().err
    assert (tmp_path / "credentials").read_text() == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('account_id = "12"', "'account_id' must be twelve digits. Got '12'"),
        ('account = "000000000000"', "unknown field `account`"),
        ("account_id =", "it must hold settings of the service"),
        ('region = "../.."', "'region' must be a region such as us-east-1"),
    ],
)
def test_settings_that_cannot_be_used(text, said, tmp_path, capsys):
    (tmp_path / "settings.toml").write_text(text)
    assert run(["up", "--data", str(tmp_path), "--port", "0"]) == 2
    assert said in capsys.readouterr().err


def test_a_data_folder_that_is_a_file(tmp_path, capsys):
    (tmp_path / "data").write_text("")
    assert run(["up", "--data", str(tmp_path / "data"), "--port", "0"]) == 1
    assert "the data folder must be a folder" in capsys.readouterr().err
