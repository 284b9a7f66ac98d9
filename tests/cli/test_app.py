"""What holds for every command: help, version, exit codes and one clear message for an error."""

import subprocess
import sys

import pytest

from pairloom.cli import app, run
from pairloom.errors import AlgorithmError, UserError


@pytest.mark.parametrize("name", app.COMMANDS)
def test_every_command_explains_itself_with_an_example(name, capsys):
    assert run([name, "--help"]) == 0
    printed = capsys.readouterr().out
    assert f"Usage: pairloom {name}" in printed
    assert f"\n pairloom {name} " in printed, "help shows how the command is called"


def test_help_lists_every_command(capsys):
    assert run(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in app.COMMANDS)


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == app.version()


def test_unknown_command_names_the_nearest(capsys):
    assert run(["convrt"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith('pairloom: Unknown command "convrt". Did you mean "convert"?')
    assert printed.out == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("Give more."), 2),
        (AlgorithmError("Ours."), 1),
        (OSError("Disk."), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(error, code, monkeypatch, capsys):
    def failing(*_args, **_options):
        raise error

    monkeypatch.setattr(app, "build_app", lambda: failing)
    assert run([]) == code
    printed = capsys.readouterr().err
    assert printed.startswith("pairloom: ")
    assert "Traceback" not in printed


def test_debug_shows_the_traceback():
    command = [sys.executable, "-m", "pairloom", "--debug", "convert", "missing.libsvm", "out.libffm"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "Traceback" in done.stderr
    assert "DataError" in done.stderr


def test_the_installed_command_runs():
    command = [sys.executable, "-m", "pairloom", "convert", "missing.libsvm", "out.libffm"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "pairloom: missing.libsvm: expected a file, a folder or a pattern. Got nothing by that name.\n"
    )
