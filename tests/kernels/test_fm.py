"""Kernels through their bindings, at every level, against the twin in float64."""

import numpy as np
import pytest

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.kernels.fm import (
    AdamSettings,
    FmInitial,
    FmState,
    FmStep,
    Initializer,
    Loss,
    Solver,
    allocate_table,
)
from pairloom.kernels.levels import available_levels
from pairloom.kernels.native_rows import native_rows
from reference.fm_rows import random_rows
from reference.fm_twin import FmTwin, Rates, entries

N_FEATURES = 20
LEVELS = available_levels()


def make_step(*, logistic: bool, l1: bool) -> FmStep:
    step = FmStep()
    step.loss = Loss.LOGISTIC if logistic else Loss.SQUARED
    step.bias_rate, step.linear_rate, step.factors_rate = 0.05, 0.1, 0.08
    step.bias_decay, step.linear_decay, step.factors_decay = 0.03, 0.02, 0.04
    step.linear_l1, step.factors_l1 = (0.01, 0.005) if l1 else (0.0, 0.0)
    return step


def make_machine(
    solver: str, n_factors: int, level: str, step: FmStep, seed: int = 3
) -> tuple[FmState, np.ndarray, FmTwin]:
    state = FmState(Solver[solver.upper()], n_factors, level)
    table = allocate_table(N_FEATURES, state.stride)
    initial = FmInitial(Initializer.NORMAL, 0.3, Initializer.UNIFORM, 0.2, 0.5)
    state.initialize(table, 0, seed, initial, step, 1)
    state.bias = 0.25
    twin = FmTwin(
        0.25,
        table[:, state.k_padded],
        table[:, :n_factors],
        solver,
        logistic=step.loss == Loss.LOGISTIC,
        of_bias=Rates(0.05, 0.03),
        of_weights=Rates(0.1, 0.02, step.linear_l1),
        of_factors=Rates(0.08, 0.04, step.factors_l1),
        accumulator=0.5,
        epsilon=1e-3,
    )
    # What the kernel remembers of the bias begins at what the twin's does.
    start = {"adagrad": 0.5, "ftrl": twin.first[0]}.get(solver, 0.0)
    state.bias_state = (start, 0.0, 0)
    return state, table, twin


def train(
    state: FmState, solver: str, table: np.ndarray, rows, step: FmStep, n_rows: int, n_threads: int = 1
):
    if solver == "adam":
        order = np.arange(-(-n_rows // 10), dtype=np.int32)
        return state.train_adam(table, rows, order, AdamSettings(10, 0.9, 0.999, 1e-3), step, n_threads)
    return state.train(table, rows, np.arange(-(-n_rows // 8), dtype=np.int32), 8, 0, 0, step, n_threads)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("solver", ["sgd", "adagrad", "ftrl", "adam"])
@pytest.mark.parametrize("logistic", [False, True])
def test_an_epoch_is_the_twins_epoch(level, solver, logistic):
    step = make_step(logistic=logistic, l1=solver == "ftrl")
    for n_factors, row_length, values in ((1, None, True), (8, 3, False), (21, None, True)):
        rows = random_rows(
            40, N_FEATURES, row_length=row_length, values=values, binary=logistic, weights=values, seed=1
        )
        state, table, twin = make_machine(solver, n_factors, level, step)
        before = table.copy()
        native = native_rows(rows, row_length=row_length)
        totals = train(state, solver, table, native, step, rows.n_rows)
        loss, weight = totals.loss, totals.weight
        twin.epoch(rows, batch_rows=10)
        tolerance = 40 * np.sqrt(n_factors + 6) * np.finfo(np.float32).eps
        assert abs(state.bias - twin.bias) < tolerance
        np.testing.assert_allclose(table[:, state.k_padded], twin.weights, rtol=0, atol=tolerance)
        np.testing.assert_allclose(table[:, :n_factors], twin.factors, rtol=0, atol=tolerance)
        assert np.abs(twin.factors - before[:, :n_factors]).max() > 20 * tolerance
        assert weight == pytest.approx(rows.n_rows if rows.weights is None else rows.weights.sum(), rel=1e-6)
        assert np.isfinite(loss)
        assert loss > 0


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("n_factors", [1, 3, 16, 33, 130])
def test_scores_are_the_twins(level, n_factors):
    step = make_step(logistic=False, l1=False)
    state, table, twin = make_machine("sgd", n_factors, level, step)
    rows = random_rows(50, N_FEATURES, seed=2)
    out = np.full(50, np.nan, np.float32)
    _native.fm_scores(table, state.k_padded, state.bias, native_rows(rows), out, 2, level)
    expected = [twin.score(*entries(rows, row)) for row in range(50)]
    np.testing.assert_allclose(out, expected, rtol=0, atol=8 * np.sqrt(n_factors + 6) * 2e-7)


def test_the_gradient_of_the_twin_is_the_slope_of_its_score():
    _, _, twin = make_machine("sgd", 3, "portable", make_step(logistic=False, l1=False))
    features, values = np.array([4, 1, 7]), np.array([0.5, -2.0, 1.0])
    expected = twin.gradient(features, values)
    for position, feature in enumerate(features):
        for factor in range(3):
            twin.factors[feature, factor] += 1e-6
            high = twin.score(features, values)
            twin.factors[feature, factor] -= 2e-6
            low = twin.score(features, values)
            twin.factors[feature, factor] += 1e-6
            assert (high - low) / 2e-6 == pytest.approx(expected[position, factor], abs=1e-7)


@pytest.mark.parametrize("level", LEVELS)
def test_rows_of_two_ones_learn_as_any_rows_do(level):
    """Their own kernel moves the bias once in eight rows; all else is the same."""
    rows = random_rows(40, N_FEATURES, row_length=2, values=False, seed=4)
    step = make_step(logistic=False, l1=False)
    step.bias_rate = 0.0
    state, table, twin = make_machine("sgd", 16, level, step)
    train(state, "sgd", table, native_rows(rows, row_length=2), step, 40)
    twin.of_bias = Rates(0.0)
    twin.epoch(rows)
    np.testing.assert_allclose(table[:, :16], twin.factors, rtol=0, atol=2e-5)
    np.testing.assert_allclose(table[:, state.k_padded], twin.weights, rtol=0, atol=2e-5)


@pytest.mark.parametrize("solver", ["sgd", "adagrad", "ftrl"])
def test_clipped_gradients_move_no_further_than_the_clip(solver):
    step = make_step(logistic=False, l1=False)
    step.bias_decay = step.linear_decay = step.factors_decay = 0.0
    step.clip = 1e-3
    state, table, _ = make_machine(solver, 8, "", step)
    before = table[:, :8].copy()
    rows = random_rows(1, N_FEATURES, row_length=4, seed=5)
    train(state, solver, table, native_rows(rows, row_length=4), step, 1)
    moved = np.abs(table[:, :8] - before).max()
    assert 0 < moved <= 1.5 * 1e-3 * 0.08 / np.sqrt(0.5)


def test_a_rescaled_gradient_is_a_scaled_step():
    rows = native_rows(random_rows(1, N_FEATURES, row_length=3, seed=6), row_length=3)
    moves = []
    for rescale in (1.0, 0.25):
        step = make_step(logistic=False, l1=False)
        step.bias_decay = step.linear_decay = step.factors_decay = 0.0
        step.rescale = rescale
        state, table, twin = make_machine("sgd", 4, "", step)
        train(state, "sgd", table, rows, step, 1)
        moves.append(table[:, :4] - twin.factors)
    np.testing.assert_allclose(moves[1], moves[0] / 4, atol=1e-7)


def test_tables_begin_on_a_cache_line():
    for n_features, stride in ((1, 8), (3, 16), (7, 48)):
        table = allocate_table(n_features, stride)
        assert table.shape == (n_features, stride)
        assert table.ctypes.data % 64 == 0
        assert not table.any()


def test_a_table_beyond_memory_says_what_to_lower(monkeypatch):
    def no_memory(*_arguments):
        raise MemoryError

    monkeypatch.setattr(np, "zeros", no_memory)
    with pytest.raises(UserError, match=r"1000 features x 1008 floats needs 0.0 GB.*Lower 'n_factors'"):
        allocate_table(1000, 1008)
