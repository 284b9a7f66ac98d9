import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pairloom.errors import UserError
from pairloom.kernels._native import FmState
from pairloom.kernels.fm import Solver
from pairloom.kernels.levels import available_levels, chosen_level

SOURCES = Path(__file__).resolve().parents[2] / "src"
TRAIN = """
import sys
import numpy as np
from pairloom import FactorizationMachineRegressor
from pairloom.kernels.levels import chosen_level
rng = np.random.default_rng(0)
X = np.eye(12, dtype=np.float32)[rng.integers(0, 6, 300)] + np.eye(12)[rng.integers(6, 12, 300)]
y = X @ np.linspace(-1, 1, 12)
model = FactorizationMachineRegressor(n_factors=5, epochs=5, random_state=0).fit(X, y)
print(chosen_level(), *(f"{value:.9g}" for value in model.predict(X[:10])))
"""


def test_the_portable_level_is_always_there_and_last():
    assert available_levels()[-1] == "portable"
    assert len(set(available_levels())) == len(available_levels())


def test_the_best_level_is_chosen(monkeypatch):
    monkeypatch.delenv("PAIRLOOM_CPU", raising=False)
    assert chosen_level() == available_levels()[0]


@pytest.mark.parametrize("level", available_levels())
def test_the_environment_forces_a_level(monkeypatch, level):
    monkeypatch.setenv("PAIRLOOM_CPU", level)
    assert chosen_level() == level
    assert FmState(Solver.SGD, 4, level).level == level


def test_an_unknown_level_is_an_error_that_names_the_known_ones(monkeypatch):
    monkeypatch.setenv("PAIRLOOM_CPU", "x87")
    with pytest.raises(UserError, match=r"PAIRLOOM_CPU must be one of .*portable\. Got 'x87'\."):
        chosen_level()
    with pytest.raises(ValueError, match="no level 'x87'"):
        FmState(Solver.SGD, 4, "x87")


def test_a_process_trains_alike_at_every_level():
    outputs = {}
    for level in {available_levels()[0], "portable"}:
        environment = os.environ | {"PAIRLOOM_CPU": level, "PYTHONPATH": str(SOURCES)}
        done = subprocess.run(
            [sys.executable, "-c", TRAIN],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        name, *predictions = done.stdout.split()
        assert name == level
        outputs[level] = np.array(predictions, float)
    for predictions in outputs.values():
        np.testing.assert_allclose(predictions, outputs["portable"], atol=1e-4)
