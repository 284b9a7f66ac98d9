"""Write the reference pages from declarations and docstrings: ``python docs/build_reference.py``."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import msgspec

from pairloom import errors
from pairloom.algorithms.catalogue import algorithm, algorithm_names
from pairloom.algorithms.raw_columns import RawColumns
from pairloom.algorithms.reference_page import reference_page
from pairloom.cli.app import build_app
from pairloom.container.faults import EXIT_CODES
from pairloom.container.folders import ROOT, Folders
from pairloom.container.variables import VARIABLES
from pairloom.control_plane.reference_page import same_but_for_botocore, supported_page
from pairloom.control_plane.settings import Settings
from pairloom.formats.registry import FORMATS, offers

FOLDER = Path(__file__).parent / "reference"
LIBRARY = (
    "pairloom",
    "pairloom.encoding",
    "pairloom.formats",
    "pairloom.rows",
    "pairloom.tables",
    "pairloom.metrics",
    "pairloom.fm.importance",
    "pairloom.plots",
    "pairloom.recommenders",
    "pairloom.recommenders.evaluation",
    "pairloom.recommenders.retrieval",
    "pairloom.exposure",
    "pairloom.artifact",
    "pairloom.movielens",
    "pairloom.synthetic",
    "pairloom.algorithms.catalogue",
    "pairloom.algorithms.contract",
    "pairloom.algorithms.report",
    "pairloom.hyperparameters",
)
MOST_OBJECTIVES = 4
MADE = "<!-- Made by docs/build_reference.py; do not edit. -->\n\n"
OPERATIONS = {
    "read_rows": "rows",
    "read_tables": "tables",
    "write_rows": "rows",
    "write_tables": "tables",
}


def pages() -> dict[str, str]:
    """Return every made page by file name."""
    made = {f"{name}.md": reference_page(algorithm(name)) for name in algorithm_names()}
    made["algorithms.md"] = algorithms_page()
    made["command-line.md"] = command_line_page()
    made["errors.md"] = errors_page()
    made["formats.md"] = formats_page()
    made["library.md"] = library_page()
    made["service-settings.md"] = service_settings_page()
    made["supported.md"] = MADE + supported_page()
    made["training-jobs.md"] = training_jobs_page()
    return made


def algorithms_page() -> str:
    """The algorithms side by side, from their declarations."""
    head = "| algorithm | what it does | channels | required hyperparameters | a tuner may optimise | answers as |"
    lines = [head, "| --- | --- | --- | --- | --- | --- |"]
    for name in algorithm_names():
        kind = algorithm(name)
        required = [p.wire_name for p in kind.hyperparameters_type.parameters if p.required]
        objectives = [f"`{objective}`" for objective in kind.objectives]
        more = f" and {len(objectives) - MOST_OBJECTIVES} more" if len(objectives) > MOST_OBJECTIVES else ""
        cells = (
            f"[`{name}`]({name}.md)",
            kind.summary,
            ", ".join(f"**{c.name}**" if c.required else c.name for c in kind.channels),
            ", ".join(f"`{name}`" for name in required) or "none",
            ", ".join(objectives[:MOST_OBJECTIVES]) + more,
            ", ".join(f"`{each}`" for each in kind.response_content_types),
        )
        lines.append(f"| {' | '.join(cells)} |")
    text = (
        "Each is trained by `pairloom train NAME`, by a job (`pairloom-train`) and from Python; channels in bold are "
        "required, and the first form of answers is the default of an endpoint."
    )
    return MADE + "\n\n".join(["# Algorithms", text, "\n".join(lines)]) + "\n"


def command_line_page() -> str:
    """Every command with its options, as ``--help`` says it."""
    return MADE + build_app().generate_docs(output_format="markdown", recursive=True).rstrip() + "\n"


def errors_page() -> str:
    """Every public error."""
    tree = inspect.cleandoc(errors.__doc__ or "").split("\n\n")
    parts = ["# Errors", f"```text\n{tree[1]}\n```", "\n\n".join(tree[2:])]
    for name in errors.__all__:
        parts += [f"## `{name}`", f"```text\n{inspect.cleandoc(getattr(errors, name).__doc__)}\n```"]
    return MADE + "\n\n".join(parts) + "\n"


def formats_page() -> str:
    """The table of formats, and the options of each."""
    parts = [
        "# Formats",
        "Found by content type, name or file ending; `.gz`, `.bz2` and `.xz` may follow an ending.",
        "| format | content types | endings | reads | writes |\n| --- | --- | --- | --- | --- |",
    ]
    for known in FORMATS:
        reads, writes = (
            ", ".join(
                what for name, what in OPERATIONS.items() if name.startswith(verb) and offers(known, name)
            )
            for verb in ("read", "write")
        )
        types, endings = (
            ", ".join(f"`{x}`" for x in listed) for listed in (known.content_types, known.endings)
        )
        parts[-1] += f"\n| `{known.name}` | {types} | {endings} | {reads} | {writes} |"
    for module in dict.fromkeys(known.module for known in FORMATS):
        documented = import_module(f"pairloom.formats.{module}")
        parts.append(f"## pairloom.formats.{module}")
        parts.append(f"```text\n{inspect.cleandoc(documented.__doc__ or '')}\n```")
        for name in OPERATIONS:
            if hasattr(documented, name):
                parts.append(f"### {name}")
                parts.append(f"```text\n{inspect.cleandoc(getattr(documented, name).__doc__ or '')}\n```")
    return MADE + "\n\n".join(parts) + "\n"


def training_jobs_page() -> str:
    """Variables, paths and exit codes of a training job."""
    folders = Folders(Path(ROOT))
    paths = {
        getattr(folders, name): inspect.cleandoc(value.__doc__ or "")
        for name, value in vars(Folders).items()
        if isinstance(value, property)
    }
    parts = [
        "# Training jobs",
        "`pairloom-train [ALGORITHM] [--root FOLDER]` runs the job of a folder by SageMaker's container contract; "
        "[how to](../how-to/run-a-training-job.md).",
        "## Environment variables",
        "| variable | without it | meaning |\n| --- | --- | --- |",
    ]
    for variable in VARIABLES:
        names = ", ".join(f"`{name}`" for name in variable.name.split(", "))
        parts[-1] += f"\n| {names} | {variable.default} | {variable.doc} |"
    parts += [
        "## Raw columns",
        "Hyperparameters of any algorithm: channels then hold raw columns, and an encoder is learned from `train`; "
        "[how to](../how-to/join-users-and-items.md).",
        "| hyperparameter | meaning |\n| --- | --- |",
    ]
    for declared in RawColumns.parameters:
        parts[-1] += f"\n| `{declared.wire_name}` | {declared.doc.replace('|', '&#124;')} |"
    parts += ["## Paths", "| path | meaning |\n| --- | --- |"]
    for path, meaning in paths.items():
        parts[-1] += f"\n| `{path.as_posix()}` | {meaning.replace('``', '`')} |"
    parts += ["## Exit codes", "| code | meaning |\n| --- | --- |"]
    for code, meaning in EXIT_CODES.items():
        parts[-1] += f"\n| {code} | {meaning} |"
    return MADE + "\n\n".join(parts) + "\n"


def service_settings_page() -> str:
    """What ``settings.toml`` may hold."""
    parts = [
        "# Settings of the service",
        "`pairloom up` reads them from `settings.toml` in its data folder; [what the command takes]"
        "(command-line.md#pairloom-up) goes before.",
        f"```text\n{inspect.cleandoc(Settings.__doc__ or '')}\n```",
        "## Without a file",
        "```toml\n" + "\n".join(_defaults()) + "\n```",
    ]
    return MADE + "\n\n".join(parts) + "\n"


def _defaults() -> Iterator[str]:
    for name, value in msgspec.structs.asdict(Settings()).items():
        if value is None:
            yield f"# {name} = "
        else:
            yield f"{name} = {json.dumps(value)}"


def library_page() -> str:
    """Every public name of the library with its signature and docstring."""
    parts = ["# Library"]
    for module_name in LIBRARY:
        module = import_module(module_name)
        parts += [f"## {module_name}", inspect.cleandoc(module.__doc__ or "").partition("\n\n")[0]]
        for name in sorted(module.__all__, key=str.lower):
            parts += _entry(name, getattr(module, name))
    return MADE + "\n\n".join(parts) + "\n"


def _entry(name: str, value: object) -> Iterator[str]:
    yield f"### `{name}`"
    if inspect.isclass(value) or inspect.isfunction(value):
        yield f"```text\n{inspect.cleandoc(value.__doc__ or '')}\n```"


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check say which are out of date."""
    FOLDER.mkdir(exist_ok=True)
    stale = 0
    for name, text in pages().items():
        path = FOLDER / name
        kept = path.read_text(encoding="utf-8") if path.exists() else ""
        checked_loosely = "--check" in arguments and same_but_for_botocore(kept, text)
        if kept != text and not (name == "supported.md" and checked_loosely):
            stale += 1
            print(f"{path} {'is out of date: run ./go docs' if '--check' in arguments else 'written'}")
            if "--check" not in arguments:
                path.write_text(text, encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
