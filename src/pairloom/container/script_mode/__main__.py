"""``python -m pairloom.container.script_mode``."""

from __future__ import annotations

import collections
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, cast

from pairloom.container.configuration import input_channels, resources
from pairloom.container.faults import fault_of, write_failure
from pairloom.container.folders import ROOT, Folders
from pairloom.container.process_control import ending_with_parent
from pairloom.container.script_mode.requirements import settle_requirements
from pairloom.container.script_mode.source import unpack
from pairloom.container.script_mode.variables import arguments_of, meant, script_variables
from pairloom.container.threads import job_threads, limit_libraries
from pairloom.errors import PairloomError, UserError

__all__ = ["main", "run_script"]

ARCHIVE = "sourcedir.tar.gz"
LAST_LINES, LAST_CHARACTERS = 40, 600
OWNER = "Script mode"


def main() -> None:
    """Run the script of this process's job."""
    sys.exit(run_script(os.environ))


def run_script(environment: Mapping[str, str]) -> int:
    """Run a script and return its exit code; ``output/failure`` says why it failed.

    Parameters
    ----------
    environment : mapping of str to str
        ``PAIRLOOM_ML_ROOT`` names the job's folder.
    """
    folders = Folders.of(environment)
    try:
        command, variables = _prepare(folders, environment)
    except (PairloomError, OSError) as error:
        fault = fault_of(error)
        print(f"{fault.kind}: {fault.message}", file=sys.stderr)
        write_failure(fault, folders)
        return fault.exit_code
    print(f"Invoking script with the following command: {shlex.join(command)}", flush=True)
    code, last_words = _run(command, variables, folders.root / "code")
    if code == 0:
        (folders.output_data.parent / "success").touch()
        return 0
    shown = 128 - code if code < 0 else code
    told = (
        f'ExecuteUserScriptError:\nExitCode {shown}\nErrorMessage "{last_words[-LAST_CHARACTERS:]}"\n'
        f'Command "{shlex.join(command)}"'
    )
    folders.failure.write_text(told, encoding="utf-8")
    return shown


def _prepare(folders: Folders, environment: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    path = folders.configuration / "hyperparameters.json"
    own, sdk = meant(json.loads(path.read_text(encoding="utf-8")) if path.exists() else {})
    code = folders.root / "code"
    _bring_source(folders, sdk.get("sagemaker_submit_directory"), code)
    program = sdk.get("sagemaker_program")
    if not isinstance(program, str) or not program:
        raise UserError(f"{OWNER}: sagemaker_program must be the name of a script. Got {program!r}.")
    script = (code / program).resolve()
    if not script.is_relative_to(code.resolve()) or not script.is_file():
        there = ", ".join(sorted(path.name for path in code.iterdir())[:10]) or "nothing"
        raise UserError(
            f"{OWNER}: sagemaker_program must be a file of the source. Got {program!r}; there is {there}."
        )
    n_threads = job_threads(environment)
    packages = folders.root / "packages"
    has_packages = settle_requirements(code, packages, environment)
    described = folders.configuration / "resourceconfig.json"
    about = (
        cast("dict[str, Any]", json.loads(described.read_text(encoding="utf-8")))
        if described.exists()
        else {}
    )
    variables = {
        **environment,
        **script_variables(
            folders,
            resources(folders),
            about,
            input_channels(folders),
            hyperparameters=own,
            sdk=sdk,
            program=program,
            n_threads=n_threads,
        ),
    }  # fmt: skip
    limit_libraries(n_threads, variables)
    paths = [str(code), *([str(packages)] if has_packages else []), environment.get("PYTHONPATH", "")]
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    interpreter = ["/bin/bash"] if program.endswith(".sh") else [sys.executable]
    return [*interpreter, program, *arguments_of(own)], variables


def _bring_source(folders: Folders, named: object, code: Path) -> None:
    """Unpack or link the source into the folder where the script runs."""
    archive = folders.configuration / ARCHIVE
    if not archive.is_file():
        if not isinstance(named, str) or not named.startswith(f"{ROOT}/") or ".." in Path(named).parts:
            raise UserError(
                f"{OWNER}: sagemaker_submit_directory must be an archive in S3, or something under {ROOT}. "
                f"Got {named!r}."
            )
        archive = folders.under_root(named)
    if archive.is_dir():
        if archive != code:
            code.rmdir()
            code.symlink_to(archive, target_is_directory=True)
    elif archive.is_file():
        unpack(archive, code)
    else:
        raise UserError(f"{OWNER}: sagemaker_submit_directory must exist. Got {named!r}.")


def _run(command: list[str], variables: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """Return the exit code, and the last lines of standard error."""
    last: collections.deque[str] = collections.deque(maxlen=LAST_LINES)
    started: list[subprocess.Popen[bytes]] = []
    asked = threading.Event()

    def pass_on(number: int, frame: FrameType | None) -> None:
        asked.set()
        for process in started:
            process.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    process = subprocess.Popen(  # noqa: S603 - the job's own script
        command, env=dict(variables), cwd=folder, stderr=subprocess.PIPE, preexec_fn=ending_with_parent()  # noqa: PLW1509
    )  # fmt: skip
    started.append(process)
    if asked.is_set():
        process.terminate()
    errors = process.stderr
    assert errors is not None
    for line in errors:
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
        last.append(line.decode("utf-8", "replace"))
    code = process.wait()
    return code, "".join(last).strip()


if __name__ == "__main__":
    main()
