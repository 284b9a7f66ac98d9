"""`pairloom run`: scripts, notebooks and commands, their arguments and exit codes."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from pairloom.cli import run
from pairloom.cli.running import with_program_apart
from pairloom.client_environment import command_of
from pairloom.errors import UserError


@pytest.mark.parametrize(
    ("words", "own", "program"),
    [
        (["x.py", "--data", "d"], [], ["x.py", "--data", "d"]),
        (["--data", "d", "--up", "x.py", "--debug"], ["--data", "d", "--up"], ["x.py", "--debug"]),
        (["--data=d", "--", "aws", "--", "x"], ["--data=d"], ["aws", "--", "x"]),
        (["--help"], ["--help"], []),
        ([], [], []),
    ],
)
def test_words_before_the_program_are_ours_and_those_after_its_own(words, own, program):
    assert with_program_apart(words) == (own, program)


def test_a_script_gets_its_arguments_and_the_service(announced, tmp_path, capfd):
    script = tmp_path / "print_it.py"
    script.write_text("import os, sys\nprint(sys.argv[1:], os.environ['AWS_ENDPOINT_URL'])\n")
    assert run(["run", "--data", str(announced.data), str(script), "--debug", "--epochs=3", "-x"]) == 0
    assert capfd.readouterr().out == f"['--debug', '--epochs=3', '-x'] {announced.url}\n"


def test_the_exit_code_is_the_programs(announced):
    where = ["run", "--data", str(announced.data), "--", "sh", "-c"]
    assert run([*where, "exit 7"]) == 7
    assert run([*where, "kill -9 $$"]) == 137


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "must be named. Got nothing"),
        (["absent.py"], "must be a file. Got absent.py"),
        (["no-such-command"], "must be named. Got no-such-command"),
    ],
)
def test_what_cannot_be_run_is_refused(announced, capsys, words, said):
    assert run(["run", "--data", str(announced.data), *words]) == 2
    assert said in capsys.readouterr().err


def test_without_a_service_nothing_runs(tmp_path, capsys):
    assert run(["run", "--data", str(tmp_path), "--", "touch", str(tmp_path / "ran")]) == 2
    assert "pairloom up --data" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


def test_an_interpreter_must_exist(tmp_path):
    (tmp_path / "x.py").touch()
    with pytest.raises(UserError, match="--python must be an interpreter"):
        command_of([str(tmp_path / "x.py")], str(tmp_path / "python"))


def test_scripts_run_in_the_environment_that_is_activated(tmp_path, monkeypatch):
    (tmp_path / "x.py").touch()
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path))
    assert command_of([str(tmp_path / "x.py")])[0] == sys.executable, "an environment without Python is none"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert command_of([str(tmp_path / "x.py")])[0] == str(tmp_path / "bin" / "python")


def test_a_notebook_without_ipython_is_told_what_is_missing(tmp_path):
    notebook = tmp_path / "x.ipynb"
    notebook.write_text(json.dumps({"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}))
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    with pytest.raises(UserError, match="a notebook needs IPython"):
        command_of([str(notebook)], str(bare / "bin" / "python"))


def test_a_stop_goes_on_to_the_program(announced, tmp_path):
    script = tmp_path / "waits.py"
    script.write_text("import time\nprint('here', flush=True)\ntime.sleep(60)\n")
    words = [sys.executable, "-m", "pairloom", "run", "--data", str(announced.data), str(script)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    try:
        assert process.stdout.readline() == b"here\n"
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
        assert time.monotonic() - begin < 20
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_service_may_run_as_long_as_the_program(tmp_path, capfd):
    script = tmp_path / "who.py"
    script.write_text(
        "import boto3\n"
        "sts = boto3.client('sts', 'eu-west-1', endpoint_url='https://sts.eu-west-1.amazonaws.com')\n"
        "print(sts.get_caller_identity()['Arn'])\n"
    )
    data = tmp_path / "data"
    assert run(["run", "--data", str(data), "--up", str(script)]) == 0
    assert capfd.readouterr().out.startswith("arn:aws:sts::000000000000:assumed-role/")
    assert not (data / "service.json").exists(), "the service ended gracefully"
    assert data.stat().st_mode & 0o777 == 0o700


def test_a_service_that_cannot_start_says_why(tmp_path, capsys):
    (tmp_path / "settings.toml").write_text("regions = 3\n")
    assert run(["run", "--data", str(tmp_path), "--up", "--", "true"]) == 1
    assert "the service did not start. It said: pairloom:" in capsys.readouterr().err


def test_a_service_ends_with_the_one_that_was_killed(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom pairloom.client_environment import service_for_a_while\n"
        "with service_for_a_while(Path(sys.argv[1])):\n    print('runs', flush=True)\n    time.sleep(600)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert starter.stdout.readline() == b"runs\n"
    finally:
        starter.kill()
        starter.wait()
        starter.stdout.close()
    deadline = time.monotonic() + 60
    while (tmp_path / "service.json").exists():
        assert time.monotonic() < deadline, "the service goes on without the one that started it"
        time.sleep(0.05)
