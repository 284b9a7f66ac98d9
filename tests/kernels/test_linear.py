"""The linear kernels beside their slow twin, at every instruction-set level."""

import numpy as np
import pytest

from pairloom.errors import UserError
from pairloom.kernels.levels import available_levels
from pairloom.kernels.linear import (
    LinearLoss,
    SparseTable,
    linear_gradient,
    linear_scores,
    minimise_penalised,
)
from pairloom.kernels.native_rows import native_rows
from pairloom.rows import RowBatch
from reference.linear_twin import LinearTwin

N_ROWS, N_FEATURES = 700, 40
PARAMETERS = {
    "logistic": 1.0, "hinge": 0.7, "squared": 1.0, "absolute": 1.0, "eps_insensitive_absolute": 0.2,
    "eps_insensitive_squared": 0.2, "quantile": 0.3, "huber": 0.5, "softmax": 1.0,
}  # fmt: skip


def make_rows(seed=0, *, n_classes=2, valued=True, weighted=False, n_rows=N_ROWS):
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 7, n_rows)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    indices = np.concatenate([random.choice(N_FEATURES - 1, n, replace=False) for n in lengths]).astype(
        np.int32
    )
    values = random.normal(size=len(indices)).astype(np.float32) if valued else None
    labels = random.integers(0, n_classes, n_rows).astype(np.float32)
    weights = random.random(n_rows).astype(np.float32) if weighted else None
    return RowBatch(indptr, indices, values, N_FEATURES, labels, weights)


def make_columns(n_columns, seed=1):
    random = np.random.default_rng(seed)
    columns = np.stack(
        [random.uniform(low, high, n_columns)
         for low, high in ((0.01, 0.2), (0, 1e-2), (0, 1e-3), (0.01, 0.2), (0, 0), (0.5, 3))]
    )  # fmt: skip
    weights = random.normal(size=(N_FEATURES, n_columns)) * 0.1
    return columns, weights, random.normal(size=n_columns) * 0.1


@pytest.mark.parametrize("level", available_levels())
@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("n_models", [1, 2, 6, 20])
def test_training_is_that_of_the_twin(monkeypatch, level, name, n_models):
    monkeypatch.setenv("PAIRLOOM_CPU", level)
    n_outputs = 3 if name == "softmax" else 1
    rows = make_rows(
        n_classes=n_outputs if n_outputs > 1 else 2, valued=n_models != 2, weighted=n_models == 6
    )
    columns, weights, bias = make_columns(n_models * n_outputs)
    columns[5] = np.repeat(columns[5, ::n_outputs], n_outputs)
    table = SparseTable(weights, bias, n_outputs, columns, 0.5)
    twin = LinearTwin(table.table[:, : weights.shape[1]], table.bias[: len(bias)], n_outputs, columns, 0.5)
    native = native_rows(rows)
    for _ in range(2):
        losses = table.train(
            native, N_ROWS, np.array([1, 0], np.int32), LinearLoss[name.upper()], PARAMETERS[name]
        )
        expected = twin.train(rows, [*range(512, N_ROWS), *range(512)], name, PARAMETERS[name])
        np.testing.assert_allclose(losses, expected, rtol=2e-4)
    np.testing.assert_allclose(table.weights(), twin.settled(), rtol=5e-3, atol=2e-4)
    np.testing.assert_allclose(table.bias[: len(bias)], twin.bias, rtol=5e-3, atol=2e-4)
    assert (table.weights()[N_FEATURES - 1] == 0).all()


def test_two_threads_learn_what_one_does():
    rows = make_rows(n_rows=40_000)
    columns, weights, bias = make_columns(6)
    order = np.arange(79, dtype=np.int32)
    losses = []
    for n_threads in (1, 2):
        table = SparseTable(weights, bias, 1, columns, 0.5)
        losses.append(
            table.train(native_rows(rows), 40_000, order, LinearLoss.LOGISTIC, 1.0, n_threads=n_threads)
        )
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.02)


def test_the_clock_does_not_run_out():
    rows = make_rows()
    columns, weights, bias = make_columns(6)
    early, late = (SparseTable(weights, bias, 1, columns, 0.5) for _ in range(2))
    order = np.array([0, 1], np.int32)
    early.train(native_rows(rows), N_ROWS, order, LinearLoss.SQUARED, 1.0)
    late.train(native_rows(rows), N_ROWS, order, LinearLoss.SQUARED, 1.0)
    late.clock += float(1 << 23)
    late._visits()[late._visits() != 0] += np.float32(1 << 23)
    for table in (early, late):
        table.train(native_rows(rows), N_ROWS, order, LinearLoss.SQUARED, 1.0)
    assert late.clock < N_ROWS * 3
    np.testing.assert_allclose(early.weights(), late.weights(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("level", available_levels())
@pytest.mark.parametrize("n_columns", [1, 3, 8, 33])
@pytest.mark.parametrize("valued", [True, False])
def test_scores_and_gradients_are_the_products(monkeypatch, level, n_columns, valued):
    monkeypatch.setenv("PAIRLOOM_CPU", level)
    rows = make_rows(2, valued=valued)
    random = np.random.default_rng(3)
    weights, bias = random.normal(size=(N_FEATURES, n_columns)), random.normal(size=n_columns)
    dense = np.zeros((N_ROWS, N_FEATURES))
    row_of = np.repeat(np.arange(N_ROWS), np.diff(rows.indptr))
    np.add.at(dense, (row_of, rows.indices), 1.0 if rows.values is None else rows.values)
    native = native_rows(rows)
    scores = linear_scores(weights, bias, native, N_ROWS, n_threads=2)
    np.testing.assert_allclose(scores, dense @ weights + bias, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        linear_gradient(native, scores, N_FEATURES), dense.T @ scores, rtol=1e-12, atol=1e-10
    )
    few = linear_scores(weights[:7], bias, native, N_ROWS)
    np.testing.assert_allclose(few, dense[:, :7] @ weights[:7] + bias, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 33])
def test_a_penalised_parabola_is_minimised(n):
    random = np.random.default_rng(n)
    root = random.normal(size=(n + 5, n))
    matrix, scale = root.T @ root / n, 0.7
    gradient, start = random.normal(size=n), random.normal(size=n) * (random.random(n) < 0.5)
    l1 = random.random(n)
    step = minimise_penalised(matrix, scale, gradient, start, l1, max_sweeps=2000)
    # Slowly, by gradient steps and shrinking, from where the kernel stopped: it should have been there.
    rate = 1 / (scale * np.linalg.eigvalsh(matrix)[-1])
    reached = start + step
    for _ in range(5000):
        moved = reached - rate * (gradient + scale * matrix @ (reached - start))
        reached = np.sign(moved) * np.maximum(np.abs(moved) - rate * l1, 0)

    def value(s):
        return gradient @ s + s @ (scale * matrix) @ s / 2 + l1 @ np.abs(start + s)

    assert value(step) <= value(reached - start) + 1e-4 * abs(value(reached - start))
    assert value(step) <= min(0.0, value(np.zeros(n)) - l1 @ np.abs(start)) + l1 @ np.abs(start)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="of one size"):
        minimise_penalised(np.eye(3), 1.0, np.zeros(3), np.zeros(2), np.zeros(3))
    columns, weights, bias = make_columns(4)
    with pytest.raises(UserError, match="'bias' and 'columns'"):
        SparseTable(weights, bias[:3], 1, columns, 0.5)


def test_grown_features_begin_at_zero():
    columns, weights, bias = make_columns(4)
    table = SparseTable(weights[:20], bias, 1, columns, 0.5)
    before = table.table.copy()
    table.grow(N_FEATURES)
    assert (table.table[:20] == before).all()
    rows = make_rows()
    table.train(native_rows(rows), N_ROWS, np.array([0, 1], np.int32), LinearLoss.LOGISTIC, 1.0)
    assert np.isfinite(table.weights()).all()
