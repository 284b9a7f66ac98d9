"""Every command, public name and error is documented, and the made pages are up to date."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pairloom
from pairloom import errors
from pairloom.cli import app
from pairloom.container.variables import VARIABLES

CHECKOUT = Path(__file__).resolve().parents[2]
REFERENCE = CHECKOUT / "docs" / "reference"


def headings(page: str) -> set[str]:
    text = (REFERENCE / page).read_text(encoding="utf-8")
    return {line.strip("`") for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_made_pages_are_up_to_date() -> None:
    command = [sys.executable, "docs/build_reference.py", "--check"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", app.COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert f"pairloom {name}" in headings("command-line.md")


def test_every_command_is_in_the_table() -> None:
    commands = CHECKOUT / "src" / "pairloom" / "cli"
    assert all((commands / f"{app.MODULES.get(name, name)}.py").is_file() for name in app.COMMANDS)


def test_every_error_is_documented() -> None:
    found = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.PairloomError)
    }
    assert found == set(errors.__all__)
    assert found <= headings("errors.md")


@pytest.mark.parametrize("name", pairloom.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    assert name in headings("library.md")
    assert inspect.getdoc(getattr(pairloom, name))


def test_every_variable_of_a_job_is_documented() -> None:
    sources = [
        path for room in ("container", "channels") for path in (CHECKOUT / "src/pairloom" / room).glob("*.py")
    ]
    named = {name for path in sources for name in re.findall(r"PAIRLOOM_[A-Z0-9_]+", path.read_text("utf-8"))}
    assert len(named) > 8
    assert named <= {variable.name for variable in VARIABLES}


def test_every_page_is_in_the_index() -> None:
    index = (CHECKOUT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([^)]+\.md)\)", index))
    pages = {str(path.relative_to(CHECKOUT / "docs")) for path in (CHECKOUT / "docs").glob("*/*.md")}
    assert linked == pages


def test_what_the_readme_names_is_there() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`\./go test (\S+)`", readme) + re.findall(r"\]\(([^):]+)\)", readme)
    assert len(named) > 5
    assert [name for name in named if not (CHECKOUT / name).exists()] == []
