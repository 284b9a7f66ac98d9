"""A running service, and unmodified programs of other people's clients that are run on it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from client_environments import PROGRAMS, client_environment
from pairloom.client_environment import service_for_a_while
from pairloom.formats import write_rows
from pairloom.synthetic import planted_ratings


@dataclass
class Ran:
    """What a program printed, what it logged, and the JSON of its last line."""

    output: str
    log: str

    @property
    def answer(self):
        return json.loads(self.output.splitlines()[-1])


class Clients:
    """Runs programs by `pairloom run`, in a home that must stay empty."""

    def __init__(self, data, home):
        self.data, self.home = data, home

    def run(self, environment, program, *arguments, timeout_s=300):
        python = client_environment(environment) / "bin" / "python"
        return self.command("--python", python, PROGRAMS / program, *arguments, timeout_s=timeout_s)

    def command(self, *words, timeout_s=300):
        command = [sys.executable, "-m", "pairloom", "run", "--data", str(self.data), *map(str, words)]
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_"))
        }
        done = subprocess.run(
            command,
            cwd=self.home.parent,
            env=kept | {"HOME": str(self.home), "PYTHONPATH": absolute(os.environ.get("PYTHONPATH", ""))},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return Ran(done.stdout, done.stderr)


def absolute(paths):
    return os.pathsep.join(str(Path(path).absolute()) for path in paths.split(os.pathsep) if path)


@pytest.fixture(scope="session")
def clients(tmp_path_factory):
    """A service of this session."""
    data, home = tmp_path_factory.mktemp("service"), tmp_path_factory.mktemp("clients") / "home"
    home.mkdir()
    own = [sys.executable, str(PROGRAMS / "count_letters.py")]
    (data / "settings.toml").write_text(f'[images]\n"count-letters" = {json.dumps(own)}\n')
    with service_for_a_while(data):
        yield Clients(data, home)
    assert [*home.rglob("*")] == [], "pairloom run must leave the home folder alone"


@pytest.fixture(scope="session")
def liked(tmp_path_factory):
    """Files of sparse rows, RecordIO-protobuf: will a user like an item?"""
    folder = tmp_path_factory.mktemp("liked")
    planted = planted_ratings(80, 50, 3000, noise=0.4)
    rows = planted.rows()
    labels = (planted.ratings > np.median(planted.ratings)).astype(np.float32)
    for name, (begin, end) in {"train": (0, 2500), "test": (2500, 3000)}.items():
        part = replace(rows.part(begin, end), labels=labels[begin:end])
        write_rows([part], folder / f"{name}.protobuf", content_type="recordio-protobuf")
    return SimpleNamespace(train=folder / "train.protobuf", test=folder / "test.protobuf", n_features=130)
