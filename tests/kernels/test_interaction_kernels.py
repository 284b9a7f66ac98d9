"""The kernels of field-aware, field-weighted and higher-order machines beside a slow twin."""

from dataclasses import replace

import numpy as np
import pytest

from pairloom.errors import UserError
from pairloom.kernels.fm import FmInitial, FmStep, Initializer, Loss
from pairloom.kernels.interactions import (
    Layout,
    initialize_interactions,
    interaction_scores,
    no_pair_weights,
    train_interactions,
)
from pairloom.kernels.levels import available_levels
from pairloom.kernels.native_rows import native_rows
from pairloom.rows import RowBatch
from reference.fm_rows import random_rows
from reference.interactions_twin import InteractionTwin, Step

KINDS = ("field-aware", "field-weighted", "order-3", "order-4")
N_FEATURES, N_FIELDS = 12, 5


def rows_with_fields(*, binary: bool = False, weights: bool = False, values: bool = True) -> RowBatch:
    rows = random_rows(40, N_FEATURES, binary=binary, weights=weights, values=values, seed=3)
    return replace(rows, fields=(rows.indices * 7 % N_FIELDS).astype(np.int32))


def parameters(layout: Layout, seed: int = 1):
    """A table of drawn parameters, pair weights, and the twin's copies."""
    table = layout.allocate(N_FEATURES)
    initial = FmInitial(Initializer.NORMAL, 0.5, Initializer.NORMAL, 0.3, 1.0)
    if layout.trains:
        initialize_interactions(layout, table, first=0, seed=seed, initial=initial)
    else:
        rng = np.random.default_rng(seed)
        layout.factors(table)[:] = rng.normal(0, 0.5, layout.factors(table).shape)
        layout.weights(table)[:] = rng.normal(0, 0.3, N_FEATURES)
    pairs = no_pair_weights()
    if layout.kind == "field-weighted":
        drawn = np.random.default_rng(5).normal(1, 0.5, (N_FIELDS, N_FIELDS)).astype(np.float32)
        pairs = np.stack([drawn + drawn.T, np.ones_like(drawn)])
    return table, pairs


def twin_of(layout: Layout, table, pairs, *, normalize: bool) -> InteractionTwin:
    weighted = pairs[0] if layout.kind == "field-weighted" else None
    return InteractionTwin(
        layout.kind, 0.2, layout.weights(table), layout.factors(table), weighted, normalize=normalize
    )


def fields_of(layout: Layout, rows: RowBatch):
    return rows.fields if layout.needs_fields else None


@pytest.mark.parametrize("level", available_levels())
@pytest.mark.parametrize("n_factors", [3, 4, 8, 11, 40])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_the_sums_of_all_interactions(kind, n_factors, level, monkeypatch):
    monkeypatch.setenv("PAIRLOOM_CPU", level)
    layout = Layout(kind, n_factors, N_FIELDS if kind.startswith("field") else 0)
    table, pairs = parameters(layout)
    for rows in (rows_with_fields(), rows_with_fields(values=False)):
        for normalize in (False, True):
            twin = twin_of(layout, table, pairs, normalize=normalize)
            scores = interaction_scores(
                layout, table, pairs, native_rows(rows), fields_of(layout, rows), n_rows=rows.n_rows,
                normalize=normalize, bias=0.2, n_threads=2,
            )  # fmt: skip
            expected = [twin.score(rows, r) for r in range(rows.n_rows)]
            np.testing.assert_allclose(scores, expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("level", available_levels())
@pytest.mark.parametrize("n_factors", [3, 8, 20])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("adagrad", [True, False])
def test_two_passes_move_parameters_as_the_twin_does(kind, n_factors, level, adagrad, monkeypatch):
    monkeypatch.setenv("PAIRLOOM_CPU", level)
    layout = Layout(kind, n_factors, N_FIELDS if kind.startswith("field") else 0, trains=True)
    for logistic, normalize, clip in ((True, True, 0.0), (False, False, 0.3)):
        table, pairs = parameters(layout)
        rows = rows_with_fields(binary=logistic, weights=not logistic)
        twin = twin_of(layout, table, pairs, normalize=normalize)
        rule = Step(
            rates=(0.02, 0.05, 0.04), decays=(0.01, 0.02, 0.03), adagrad=adagrad, clip=clip,
        )  # fmt: skip
        step = FmStep()
        step.loss = Loss.LOGISTIC if logistic else Loss.SQUARED
        step.bias_rate, step.linear_rate, step.factors_rate = rule.rates
        step.bias_decay, step.linear_decay, step.factors_decay = rule.decays
        step.clip = clip
        bias = (0.2, 1.0)
        for _ in range(2):
            losses = [loss_of(twin, rows, r, rule, logistic=logistic) for r in range(rows.n_rows)]
            totals, bias = train_interactions(
                layout, table, pairs, native_rows(rows), fields_of(layout, rows),
                blocks=np.arange(4, dtype=np.int32), block_rows=10, step=step, adagrad=adagrad,
                normalize=normalize, bias=bias,
            )  # fmt: skip
        assert totals.loss == pytest.approx(sum(losses), rel=1e-3)
        assert bias[0] == pytest.approx(twin.bias, abs=2e-4)
        np.testing.assert_allclose(layout.weights(table), twin.weights, atol=3e-4)
        np.testing.assert_allclose(layout.factors(table), twin.factors, atol=6e-4)
        if adagrad:
            np.testing.assert_allclose(layout.squares(table), twin.squares[1], rtol=2e-3)
        if kind == "field-weighted":
            np.testing.assert_allclose(pairs[0], twin.pair_weights, atol=6e-4)


def loss_of(twin: InteractionTwin, rows: RowBatch, r: int, step: Step, *, logistic: bool) -> float:
    """Loss of a row, which the twin then learns from."""
    score, label = twin.score(rows, r), float(rows.labels[r])
    weight = 1.0 if rows.weights is None else float(rows.weights[r])
    twin.learn(rows, r, step, logistic=logistic)
    return weight * (np.logaddexp(0, -score if label else score) if logistic else (score - label) ** 2)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_follow_the_finite_differences_of_the_loss(kind):
    layout = Layout(kind, 3, N_FIELDS if kind.startswith("field") else 0, trains=True)
    table, pairs = parameters(layout)
    rows = rows_with_fields(binary=True)
    r = int(np.argmax(np.diff(rows.indptr)))
    row = rows.part(r, r + 1)
    twin = twin_of(layout, table, pairs, normalize=False)
    step = FmStep()
    step.loss, step.linear_rate, step.factors_rate = Loss.LOGISTIC, 1e-2, 1e-2
    before, pairs_before = layout.factors(table).copy(), pairs.copy()
    train_interactions(
        layout, table, pairs, native_rows(row), fields_of(layout, row), blocks=np.zeros(1, np.int32),
        block_rows=1, step=step, adagrad=False, normalize=False, bias=(0.2, 1.0),
    )  # fmt: skip

    def loss() -> float:
        score = twin.score(row, 0)
        return float(np.logaddexp(0, -score if row.labels[0] else score))

    def slope(array, place) -> float:
        kept, h = array[place], 1e-5
        array[place] = kept + h
        above = loss()
        array[place] = kept - h
        below = loss()
        array[place] = kept
        return (above - below) / (2 * h)

    moved = (before - layout.factors(table)) / 1e-2
    for place in np.ndindex(*moved.shape):
        assert moved[place] == pytest.approx(slope(twin.factors, place), abs=2e-4)
    if kind == "field-weighted":
        changed = (pairs_before - pairs)[0] / 1e-2
        for f, g in np.ndindex(N_FIELDS, N_FIELDS):
            both = slope(twin.pair_weights, (f, g)) + (slope(twin.pair_weights, (g, f)) if f != g else 0)
            assert changed[f, g] == pytest.approx(both, abs=2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_features_and_empty_rows_add_nothing(kind):
    layout = Layout(kind, 4, 3 if kind.startswith("field") else 0)
    table = layout.allocate(4)
    layout.factors(table)[:] = 0.5
    pairs = np.ones((2, 3, 3), np.float32) if kind == "field-weighted" else no_pair_weights()
    rows = RowBatch(
        np.array([0, 0, 2, 5]), np.array([0, 9, 0, 9, 1], np.int32), None, 10,
        fields=np.array([0, 1, 0, 1, 2], np.int32),
    )  # fmt: skip
    scores = interaction_scores(
        layout, table, pairs, native_rows(rows), fields_of(layout, rows), n_rows=3, normalize=False, bias=0.5
    )
    np.testing.assert_allclose(scores, [0.5, 0.5, 1.5])


@pytest.mark.parametrize("kind", KINDS)
def test_threads_learn_too(kind):
    layout = Layout(kind, 4, N_FIELDS if kind.startswith("field") else 0, trains=True)
    rng = np.random.default_rng(0)
    indices = np.stack([rng.integers(0, 3, 4000) + 3 * f for f in range(4)], axis=1).astype(np.int32)
    truth = (indices[:, 0] == 1) ^ (indices[:, 1] == 4)
    rows = RowBatch(
        np.arange(0, 16001, 4, dtype=np.int64), indices.ravel(), None, N_FEATURES,
        truth.astype(np.float32), fields=np.tile(np.arange(4, dtype=np.int32), 4000),
    )  # fmt: skip
    table, pairs = parameters(layout)
    if kind == "field-weighted":
        pairs = np.ones_like(pairs)
    step = FmStep()
    step.loss, step.bias_rate, step.linear_rate, step.factors_rate = Loss.LOGISTIC, 0.1, 0.2, 0.2
    bias = (0.0, 1.0)
    for _ in range(6):
        totals, bias = train_interactions(
            layout, table, pairs, native_rows(rows), fields_of(layout, rows),
            blocks=np.arange(40, dtype=np.int32), block_rows=100, step=step, adagrad=True, normalize=False,
            bias=bias, n_threads=2,
        )  # fmt: skip
    assert totals.loss / 4000 < 0.1


def test_what_does_not_fit_is_refused():
    layout = Layout("field-aware", 4, 3)
    rows = native_rows(RowBatch(np.array([0, 1]), np.array([0], np.int32), None, 1))
    table = layout.allocate(2)

    def scored(table, pairs, fields):
        return interaction_scores(layout, table, pairs, rows, fields, n_rows=1, normalize=False, bias=0.0)

    with pytest.raises(UserError, match=r"'fields' must be in \[0, 2\]. Got 3 to 3"):
        scored(table, no_pair_weights(), np.array([3], np.int32))
    with pytest.raises(UserError, match="'fields' are needed"):
        scored(table, no_pair_weights(), None)
    with pytest.raises(UserError, match="'table' must be"):
        scored(np.zeros((2, 5), np.float32), no_pair_weights(), np.array([0], np.int32))
    with pytest.raises(UserError, match="'pair_weights' must be of shape"):
        scored(table, np.ones((2, 3, 3), np.float32), np.array([0], np.int32))
