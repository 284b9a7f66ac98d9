"""The command line: the table of commands and what becomes of an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import metadata

from cyclopts import App, CycloptsError

from pairloom.cli.running import with_program_apart
from pairloom.errors import PairloomError, UserError

__all__ = ["main", "run"]

COMMANDS = (
    "quickstart", "train", "predict", "serve", "transform", "evaluate", "calibrate", "explain", "describe", "convert",
    "repack", "recommender", "recommend", "exposure",
    "up",
    "down",
    "run",
)  # fmt: skip
"""Every command; NAME is the function NAME of the module pairloom.cli.NAME, imported when it is called."""
MODULES = {"run": "running"}
"""Modules with another name than their command, since ``pairloom.cli.run`` is the function below."""

HELP = """\
Train factorization machines on raw rows, score them and see why.

New here? `pairloom quickstart` makes ratings, trains, scores and explains in a few seconds.
"""

EPILOGUE = "Every command has its own --help. --debug shows the traceback of an error."


BROKEN_PIPE = 141
"""What a shell shows for a program that its reader left, such as ``head``."""


def version() -> str:
    """Return the version that is installed."""
    return metadata.version("pairloom")


def build_app() -> App:
    """Return the command line, with every command still unimported."""
    app = App(name="pairloom", help=HELP, help_epilogue=EPILOGUE, help_format="markdown", version=version)
    for name in COMMANDS:
        app.command(f"pairloom.cli.{MODULES.get(name, name)}:{name}", name=name)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    Returns
    -------
    int
        0 done; 1 a fault of ours or of the machine; 2 the caller can fix it; 130 interrupted; 141 the reader of the
        output went away.
    """
    own, program = with_program_apart(arguments[1:]) if arguments[:1] == ["run"] else (arguments[1:], [])
    debug = "--debug" in [*arguments[:1], *own]
    words = [word for word in [*arguments[:1], *own] if word != "--debug"]
    words += ["--", *program] if program else []
    try:
        result = build_app()(words, exit_on_error=False, print_error=False, result_action="return_value")
        return result if isinstance(result, int) else 0
    except KeyboardInterrupt:
        print("pairloom: interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing left to flush at exit
        return BROKEN_PIPE
    except CycloptsError as error:
        print(f"pairloom: {error}", file=sys.stderr)
        return 2
    except PairloomError as error:
        if debug:
            raise
        print(f"pairloom: {error}", file=sys.stderr)
        return 2 if isinstance(error, UserError) else 1
    except OSError as error:
        if debug:
            raise
        print(f"pairloom: {error}", file=sys.stderr)
        return 1


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))
