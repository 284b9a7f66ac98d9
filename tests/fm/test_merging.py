"""How changes of several hosts become one, and how their rows are cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.fm.chunks import chunks_of
from pairloom.fm.host_parts import Part, parts_of
from pairloom.fm.merging import Curvature, bias_merging, table_merging
from pairloom.fm.settings import FMSettings
from pairloom.fm.state import TrainingState
from pairloom.fm.summed_adam import adam_step, summed_gradients
from pairloom.kernels.fm import AdamSettings
from pairloom.synthetic import ClickModel

CURVATURE = Curvature(0.25, 0.25, 0.05)
ROWS = ClickModel(n_fields=4, ids_per_field=8, n_factors=2).sample(500, 1).rows
SOLVERS = ("sgd", "adagrad", "ftrl")


def prepared(solver, **more):
    settings = FMSettings("classification", n_factors=3, solver=solver, linear_rate=0.3, factors_rate=0.2,
                          bias_rate=0.1, factors_init="normal", linear_init="normal",
                          linear_scale=0.1, **more)  # fmt: skip
    state = TrainingState(settings)
    state.grow(ROWS.n_features)
    return state, list(chunks_of([ROWS], np.random.default_rng(0), shuffle=False))


def trained_apart(solver, blocks, **more):
    """Table rows before and after training on blocks of 50 rows, with the rule that merges them."""
    state, (chunk,) = prepared(solver, **more)
    step, before = state.step(0), state.table.copy()
    rule = table_merging(state.settings, step, state.native.k_padded, CURVATURE)
    state.native.train(
        state.table, chunk.native(state.label_scale), np.array(blocks, np.int32), 50, 0, 0, step, 1
    )
    columns = np.concatenate(list(Part(chunk, np.array(blocks, np.int32), 50).indices()))
    visits = np.bincount(columns, minlength=len(before)).astype(np.float32)[:, None]
    return rule, before, state.table, visits


def significant(state_table, solver):
    return state_table[:, : {"sgd": 5, "adagrad": 6, "ftrl": 15}[solver]]  # without padding


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("more", [{}, {"linear_decay": 0.1, "factors_decay": 0.2}])
def test_what_one_host_alone_changed_stays_as_it_is(solver, more):
    rule, before, after, visits = trained_apart(solver, [0, 3, 4], **more)
    seen = visits[:, 0] > 0
    assert seen.sum() > 5
    merged = rule.pull(before[seen], rule.push(before[seen], after[seen], visits[seen]))
    np.testing.assert_allclose(
        significant(merged, solver), significant(after[seen], solver), rtol=2e-4, atol=2e-5
    )


def test_ftrl_with_l1_keeps_zeros():
    rule, before, after, visits = trained_apart("ftrl", [0], linear_l1=2.0, factors_l1=2.0)
    seen = visits[:, 0] > 0
    merged = rule.pull(before[seen], rule.push(before[seen], after[seen], visits[seen]))
    np.testing.assert_array_equal(merged[:, :4] == 0, after[seen][:, :4] == 0)
    assert (merged[:, :5] == 0).any()


def merge_two(n_visits, share_of_a_step=0.05):
    """Two hosts pull a weight from 0 towards 1 and 3, in so many steps each."""
    settings = FMSettings(n_factors=1, solver="sgd", linear_rate=share_of_a_step, factors_rate=0.0)
    rule = table_merging(settings, TrainingState(settings).step(0), 4, Curvature(1, 1, 1))
    before, visits = np.zeros((1, 8), np.float32), np.full((1, 1), n_visits, np.float32)
    sums = np.zeros((1, 2), np.float32)
    for optimum in (1, 3):
        after = before.copy()
        after[0, 4] = optimum * (1 - (1 - share_of_a_step) ** n_visits)
        sums += rule.push(before, after, visits)
    return rule.pull(before, sums)[0, 4]


def test_few_visits_add_up_and_many_average():
    assert merge_two(1) == pytest.approx(0.05 + 0.15, rel=0.03)
    assert merge_two(10_000) == pytest.approx(2, rel=1e-3)
    assert merge_two(20) == pytest.approx(
        2 * (1 - 0.95**40), rel=1e-3
    )  # as in one training over the rows of both


def test_a_bias_that_does_not_move_merges_to_itself():
    settings = FMSettings(solver="sgd", bias_rate=0.0)
    rule = bias_merging(settings, TrainingState(settings).step(0), CURVATURE)
    bias = np.array([[0.5, 0, 0]], np.float32)
    visits = np.ones((1, 1), np.float32)
    np.testing.assert_array_equal(rule.pull(bias, rule.push(bias, bias, visits)), bias)


@given(
    st.lists(st.integers(1, 60), min_size=0, max_size=4),
    st.integers(1, 40),
    st.integers(1, 100),
    st.booleans(),
)
def test_parts_hold_every_row_once(chunk_rows, n_parts, most_rows, shuffle):
    chunks = [
        c for n in chunk_rows for c in chunks_of([ROWS.part(0, n)], np.random.default_rng(0), shuffle=False)
    ]
    parts = list(parts_of(chunks, n_parts, 2 * n_parts, most_rows, np.random.default_rng(1), shuffle=shuffle))
    assert len(parts) == n_parts
    for chunk in chunks:
        rows = [
            row for part in parts for piece in part if piece.chunk is chunk
            for block in piece.blocks.tolist() for row in range(*piece.rows_of(block))
        ]  # fmt: skip
        assert sorted(rows) == list(range(chunk.n_rows))
    sizes = [sum(piece.n_rows for piece in part) for part in parts]
    assert sum(sizes) == sum(chunk_rows)
    nonzeros = sum(len(indices) for part in parts for piece in part for indices in piece.indices())
    assert nonzeros == sum(chunk.n_nonzeros for chunk in chunks)


@pytest.mark.parametrize(
    "more", [{}, {"linear_decay": 0.1, "factors_decay": 0.2, "bias_decay": 0.1, "clip": 0.02}]
)
@pytest.mark.parametrize("n_hosts", [1, 3])
def test_gradients_of_hosts_make_adams_step(n_hosts, more):
    """Three mini-batches, each in so many shares, against the kernel on the whole batches."""
    own, (chunk,) = prepared("adam", epsilon=1e-3, **more)
    theirs, _ = prepared("adam", epsilon=1e-3, **more)
    step, rows = own.step(0), chunk.native(own.label_scale)
    measured = np.zeros(8)
    for batch in range(3):
        adam = AdamSettings(150, 0.9, 0.999, 1e-3)
        theirs.native.train_adam(theirs.table, rows, np.array([batch], np.int32), adam, step, 1)
        blocks = np.arange(batch * 3, batch * 3 + 3, dtype=np.int32)
        features = np.unique(np.concatenate(list(Part(chunk, blocks, 50).indices()))).astype(np.int64)
        gradients = [
            summed_gradients([Part(chunk, np.ascontiguousarray(own_blocks), 50)], own, step, features)
            for own_blocks in np.split(blocks, np.arange(1, n_hosts))
        ]
        total = sum(g.rows for g in gradients) / 150
        measured += sum(g.measures.sums for g in gradients)
        adam_step(own, step, features, total, sum(g.bias for g in gradients) / 150)
    np.testing.assert_allclose(own.table, theirs.table, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose([own.native.bias, *own.native.bias_state],
                               [theirs.native.bias, *theirs.native.bias_state], rtol=1e-4, atol=1e-6)  # fmt: skip
    assert measured[7] == 450
