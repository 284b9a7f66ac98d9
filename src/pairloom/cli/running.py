"""``pairloom run``: a program whose AWS is the service."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

__all__ = ["run", "with_program_apart"]

OWN_VALUES = {"--data", "--python"}


def run(
    *program: str,
    data: Annotated[Path, Parameter(help="Data folder of the service.")] = Path("~/.pairloom"),
    up: Annotated[
        bool, Parameter(negative=(), help="Run a service for as long as the program runs.")
    ] = False,
    python: Annotated[str | None, Parameter(help="Interpreter that has the program's libraries.")] = None,
) -> int:
    """Run a script, a notebook or a command that was written for SageMaker, unchanged, on the running service.

    The program finds the service's address, keys and region in its environment, where boto3, the AWS CLI and every
    generation of the SageMaker SDK look for them. Credentials of AWS are kept from it, the SDK's telemetry is off,
    and nothing in the home folder is changed. A profile that the program names is one of the service.

    A script runs in the Python environment that is activated, else in Pairloom's own. A notebook's cells run in
    order, which needs IPython there.

    For example:

        pairloom run train_and_deploy.py --epochs 20
        pairloom run --up movie-recommender.ipynb
        pairloom run -- aws s3 ls
        pairloom run -- jupyter lab

    Parameters
    ----------
    program
        The script (`*.py`), the notebook (`*.ipynb`) or, after `--`, the command, with its arguments.
    """
    import tempfile

    from pairloom.client_environment import (
        client_variables,
        command_of,
        find_service,
        run_program,
        service_for_a_while,
    )

    command = command_of(program, python)
    folder = data.expanduser().absolute()
    with ExitStack() as stack:
        service = stack.enter_context(service_for_a_while(folder)) if up else find_service(folder)
        private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pairloom-run-")))
        return run_program(command, client_variables(service, private))


def with_program_apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split the words after ``run`` into Pairloom's and the program's; these begin with the first that is not ours."""
    i = 0
    while i < len(words):
        word = words[i]
        if word == "--":
            return list(words[:i]), list(words[i + 1 :])
        if not word.startswith("-"):
            break
        i += 2 if word in OWN_VALUES else 1
    return list(words[:i]), list(words[i:])
