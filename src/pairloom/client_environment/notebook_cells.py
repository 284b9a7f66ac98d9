"""Runs the code cells of a notebook in order: ``python notebook_cells.py NOTEBOOK [ARGUMENTS]``.

It is run by the interpreter of the user's environment, so it needs IPython there and imports nothing of Pairloom's.
The first cell that fails ends it with exit code 1, its traceback printed by IPython (or by what the notebook put in its
place: SDK 2 shows tracebacks of its own).
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def code_cells(notebook: str) -> list[str]:
    """List the texts of the code cells, of a notebook of format 4 or 3."""
    with open(notebook, encoding="utf-8") as file:  # noqa: PTH123 - as in every small script
        read: dict[str, Any] = json.load(file)
    cells = read.get("cells") or [cell for sheet in read.get("worksheets", []) for cell in sheet["cells"]]
    texts = [cell.get("source", cell.get("input", "")) for cell in cells if cell["cell_type"] == "code"]
    return [text if isinstance(text, str) else "".join(text) for text in texts]


def main(arguments: list[str]) -> int:
    """Run a notebook's cells; return the exit code."""
    try:
        cells = code_cells(arguments[0])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        print(
            f"pairloom run: {arguments[0]} must be a notebook, of format 3 or 4. Got: {error!r}",
            file=sys.stderr,
        )
        return 2
    from IPython.terminal.interactiveshell import (  # pyright: ignore[reportMissingImports]
        TerminalInteractiveShell,
    )
    from traitlets.config import Config  # pyright: ignore[reportMissingImports]

    settings: Any = Config()
    settings.HistoryManager.enabled = False
    settings.TerminalInteractiveShell.simple_prompt = True
    shell: Any = TerminalInteractiveShell.instance(config=settings)
    sys.argv = arguments
    sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))  # noqa: PTH100, PTH120 - in place of this file's
    for text in cells:
        if not shell.run_cell(text).success:
            return 1
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.exit(code)
