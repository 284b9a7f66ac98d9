"""The kernel behind ImplicitALS: the native test holds it against the normal equations; here, what it refuses."""

import numpy as np
import pytest

from pairloom.errors import UserError
from pairloom.kernels.implicit_als import implicit_als
from pairloom.kernels.levels import available_levels


def side(n_rows=6, n_others=9, width=16, seed=0):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 5, n_rows)
    fixed = rng.normal(size=(n_others, width)).astype(np.float32)
    return {
        "offsets": np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        "others": rng.integers(0, n_others, lengths.sum()).astype(np.int32),
        "weights": np.ones(lengths.sum(), np.float32),
        "fixed": fixed,
        "gram": (fixed.T @ fixed).astype(np.float32),
        "penalties": np.ones(n_rows, np.float32),
        "solved": np.zeros((n_rows, width), np.float32),
    }


@pytest.mark.parametrize("level", available_levels())
def test_every_level_solves_the_normal_equations(monkeypatch, level):
    monkeypatch.setenv("PAIRLOOM_CPU", level)
    given = side()
    implicit_als(**given, n_steps=30, n_threads=2)
    for row in range(6):
        part = slice(given["offsets"][row], given["offsets"][row + 1])
        taken = given["fixed"][given["others"][part]].astype(np.float64)
        system = given["gram"] + taken.T @ taken + np.eye(16)
        np.testing.assert_allclose(
            given["solved"][row], np.linalg.solve(system, taken.sum(axis=0)), atol=1e-4
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"others": np.full(20, 99, np.int32), "weights": np.ones(20, np.float32)}, "'offsets' must rise"),
        ({"gram": np.zeros((3, 3), np.float32)}, "'gram' and 'solved' must be of shapes"),
        ({"fixed": np.zeros((9, 15), np.float32)}, "a multiple of 16 wide"),
        ({"solved": np.zeros((5, 16), np.float32)}, "'gram' and 'solved' must be of shapes"),
        ({"weights": np.ones(1, np.float32)}, "weights"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, message):
    with pytest.raises(UserError, match=message):
        implicit_als(**{**side(), **change})


def test_others_out_of_range_are_refused():
    given = side()
    given["others"][0] = 9
    with pytest.raises(UserError, match=r"'others' must be in \[0, 8\]"):
        implicit_als(**given)
