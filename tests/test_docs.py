"""Every example of the documentation runs: the blocks of a page in order, in a fresh folder."""

import os
import shlex
from pathlib import Path

import pytest

from client_environments import client_environment
from documentation import CHECKOUT, PAGES, Block, blocks, commands, data_of, environment_of, matches
from pairloom.cli import run
from pairloom.container.entry import run as run_job

WITH_EXAMPLES = [page for page in PAGES if any(b.language in {"python", "console"} for b in blocks(page))]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_examples_run(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.chdir(tmp_path)
    if data := data_of(page):
        folder: Path = request.getfixturevalue("data_folder")
        (tmp_path / data[1]).symlink_to(folder / data[0])
    monkeypatch.setenv("COLUMNS", "100")
    if environment := environment_of(page):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("VIRTUAL_ENV", str(client_environment(environment)))
    namespace: dict[str, object] = {"__name__": "__main__"}
    found = blocks(page)
    for block, after in zip(found, [*found[1:], None], strict=True):
        if block.file:
            Path(block.file).write_text(block.text)
        elif block.language == "python":
            run_python(page, block, namespace)
            output = capfd.readouterr().out
            if after is not None and after.language == "text":
                assert matches(after.text, output), f"{page}:{block.line} printed\n{output}"
        elif block.language == "console":
            run_console(page, block, capfd)


def run_python(page: Path, block: Block, namespace: dict[str, object]) -> None:
    source = "\n" * (block.line - 1) + block.text
    exec(compile(source, str(page), "exec"), namespace)


def run_console(page: Path, block: Block, capfd: pytest.CaptureFixture[str]) -> None:
    for command in commands(block):
        program, *arguments = shlex.split(command.words)
        environment = dict(os.environ)
        while "=" in program:
            environment |= [program.split("=", 1)]
            program, *arguments = arguments
        if program == "./go" and arguments and arguments[0] not in {"test", "lint", "bench", "stubs", "fuzz"}:
            program = "pairloom"
        if program not in {"pairloom", "pairloom-train"}:
            continue
        code = run(arguments) if program == "pairloom" else run_job(arguments, environment)
        printed = capfd.readouterr()
        where = f"{page}:{block.line} $ {command.words}"
        assert code == 0, f"{where} ended with {code}\n{printed.out}{printed.err}"
        if command.output.strip():
            assert matches(command.output, printed.out), f"{where} printed\n{printed.out}"
