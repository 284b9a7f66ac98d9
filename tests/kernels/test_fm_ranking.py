"""The ranking kernel beside its slow twin."""

from dataclasses import replace

import numpy as np
import pytest

from pairloom.errors import DataError, UserError
from pairloom.kernels.fm_ranking import (
    Groups,
    Negatives,
    RankingEvents,
    RankingStep,
    Sides,
    allocate_ranking_table,
    fm_train_ranking,
    padded_factors,
)
from pairloom.kernels.levels import available_levels
from pairloom.rows import RowBatch
from reference.fm_ranking_twin import group_loss, numerical_gradient

N_USERS, N_ITEMS, N_CATEGORIES = 5, 12, 3
ROOT_OF_SUMS = 4000.0
LOSSES = ("bpr", "warp", "softmax")


def rows_of(lists, n_features, values=None):
    indptr = np.concatenate(([0], np.cumsum([len(each) for each in lists]))).astype(np.int64)
    indices = np.array([index for each in lists for index in each], np.int32)
    return RowBatch(indptr, indices, None if values is None else values(len(indices)), n_features)


def example(*, history=True, context=False, values=False, k=3, seed=0):
    """Users with an id and a group, items with an id and some categories, events with a weekday."""
    rng = np.random.default_rng(seed)
    first_category, first_user = N_ITEMS, N_ITEMS + N_CATEGORIES
    first_context = first_user + N_USERS + 2
    first_history = first_context + 3
    n_features = first_history + N_ITEMS
    drawn = (lambda n: rng.uniform(0.5, 1.5, n).astype(np.float32)) if values else None
    items = [
        [item, *(first_category + np.flatnonzero(rng.random(N_CATEGORIES) < 0.5)).tolist()]
        for item in range(N_ITEMS)
    ]
    users = [[first_user + user, first_user + N_USERS + user % 2] for user in range(N_USERS)]
    taken = [np.sort(rng.choice(N_ITEMS, 5, replace=False)) for _ in range(N_USERS)]
    offsets = np.arange(0, 5 * N_USERS + 1, 5).astype(np.int64)
    event_items = np.concatenate([rng.permutation(each) for each in taken]).astype(np.int32)
    contexts = [[first_context + int(rng.integers(3))] for _ in event_items]
    sides = Sides(
        rows_of(items, n_features, drawn), offsets, np.concatenate(taken).astype(np.int32),
        rows_of(users, n_features, drawn), rows_of(contexts, n_features, drawn) if context else None,
        first_history if history else None,
    )  # fmt: skip
    groups = Groups(
        np.repeat(np.arange(N_USERS, dtype=np.int32), 2),
        np.array([0, *np.cumsum([3, 2] * N_USERS)], np.int64),
        np.arange(len(event_items)),
    )
    table = allocate_ranking_table(n_features, k, scale=0.3, accumulator=ROOT_OF_SUMS**2, rng=rng)
    table[:, padded_factors(k)] = rng.normal(0, 0.3, n_features)
    return sides.checked(n_features), RankingEvents(groups.users, event_items), groups, table


def only(groups, number):
    part = slice(int(groups.offsets[number]), int(groups.offsets[number + 1]))
    events = groups.events[part]
    return Groups(groups.users[number : number + 1], np.array([0, len(events)], np.int64), events)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"history": False},
        {"context": True, "values": True},
        {"context": True, "k": 17},
        {"values": True, "k": 32},
    ],
)
def test_steps_go_along_the_gradient_of_the_loss(loss, shape, monkeypatch):
    """With large sums AdaGrad's steps are all of one length, so that what moved tells the gradient."""
    sides, events, groups, table = example(**shape)
    rng = np.random.default_rng(1)
    k = shape.get("k", 3)
    width = padded_factors(k)
    negatives = Negatives.of_weights(rng.uniform(0.2, 1, N_ITEMS))
    weights = rng.uniform(0.5, 2, len(events.items)).astype(np.float32)
    events = replace(events, weights=weights)
    step = RankingStep(loss, 6, 1.0, 1.0, user_dropout=0.5, item_dropout=0.3)
    before = (table[:, :k].astype(np.float64), table[:, width].astype(np.float64))
    places = [(int(rng.integers(len(table))), int(rng.integers(k))) for _ in range(60)]
    places += [(feature,) for feature in range(N_ITEMS + N_CATEGORIES)]
    for number in (0, 3):
        group = only(groups, number)

        def group_of(factors, linear, group=group):
            return group_loss(
                factors, linear, sides, events.items, group, 0, negatives, step, 11, event_weights=weights
            )

        expected = np.array([numerical_gradient(group_of, *before, place) for place in places])
        assert np.abs(expected).max() > 0.1
        for level in available_levels():
            monkeypatch.setenv("PAIRLOOM_CPU", level)
            moved = table.copy()
            totals = fm_train_ranking(
                moved, k, sides, events, groups=group, negatives=negatives, step=step, seed=11
            )
            assert totals.loss == pytest.approx(group_of(*before), rel=1e-4)
            assert totals.weight == pytest.approx(weights[group.events].sum())
            by_factor, by_weight = (table - moved)[:, :k], (table - moved)[:, width]
            found = np.array([by_factor[place] if len(place) == 2 else by_weight[place] for place in places])
            np.testing.assert_allclose(
                found * ROOT_OF_SUMS, expected, rtol=0, atol=3e-3 * np.abs(expected).max()
            )
            assert not moved[:, k:width].any()


@pytest.mark.parametrize("loss", LOSSES)
def test_sums_of_squares_scale_the_steps(loss):
    sides, events, groups, table = example(values=True, k=5)
    negatives = Negatives.of_weights(np.ones(N_ITEMS))
    width = padded_factors(5)
    table[:, width + 1 : width + 3] = 0.25
    moved = table.copy()
    fm_train_ranking(
        moved,
        5,
        sides,
        events,
        groups=only(groups, 1),
        negatives=negatives,
        step=RankingStep(loss, 4, 0.1, 0.2),
        seed=3,
    )
    user = int(groups.users[1])
    history = sides.first_history + np.setdiff1d(
        sides.history_items[5 * user : 5 * user + 5], events.items[only(groups, 1).events]
    )
    for feature in [*history, *sides.users.indices[2 * user : 2 * user + 2]]:  # each moved once
        change = (table[feature, :5] - moved[feature, :5]).astype(np.float64)
        gained = moved[feature, width + 1] - 0.25
        gradient = change * np.sqrt(0.25 + gained) / 0.1
        assert gained == pytest.approx(np.square(gradient).mean(), rel=2e-3, abs=1e-7)
    assert (moved[:, width + 2] >= 0.25).all()
    assert (moved[:N_ITEMS, width + 2] > 0.25).any()


def test_decay_shrinks_what_a_group_touches():
    sides, events, groups, table = example()
    negatives = Negatives.of_weights(np.ones(N_ITEMS))
    plain, shrunk = table.copy(), table.copy()
    for moved, decay in ((plain, 0.0), (shrunk, 0.5)):
        fm_train_ranking(
            moved, 3, sides, events, groups=only(groups, 0), negatives=negatives,
            step=RankingStep("softmax", 4, 1.0, 1.0, factors_decay=decay, weights_decay=decay),
        )  # fmt: skip
    touched = np.flatnonzero((plain[:, :3] != table[:, :3]).any(axis=1))
    untouched = np.setdiff1d(np.arange(len(table)), touched)
    np.testing.assert_array_equal(shrunk[untouched], table[untouched])
    most = 0.5 * len(only(groups, 0).events) / ROOT_OF_SUMS  # each event pulls with a probability at most
    for feature in sides.users.indices[:2]:
        shares = (plain - shrunk)[feature, :3] / table[feature, :3]
        assert 0.1 * most < shares.mean() < most
        np.testing.assert_allclose(shares, shares.mean(), rtol=5e-2)


def test_what_is_drawn_follows_its_weights():
    rng = np.random.default_rng(0)
    for weights in (rng.random(50) ** 4, np.r_[np.zeros(5), 1.0, np.zeros(3)], np.r_[1e-9, np.ones(6), 0]):
        negatives = Negatives.of_weights(weights)
        chances = np.zeros(len(weights))
        np.add.at(chances, np.arange(len(weights)), negatives.accept.astype(float))
        np.add.at(chances, negatives.aliases, 1 - negatives.accept.astype(float))
        np.testing.assert_allclose(chances / len(weights), weights / weights.sum(), atol=1e-7)
        some = weights > 0
        np.testing.assert_allclose(negatives.logs[some], np.log(weights[some] / weights.sum()), rtol=1e-5)
    for wrong in ([0.0, 0.0], [1.0, -1.0], [np.nan, 1.0], []):
        with pytest.raises(UserError, match="weights must be finite numbers of 0 or more"):
            Negatives.of_weights(np.array(wrong))


@pytest.mark.parametrize("loss", LOSSES)
def test_training_lowers_the_loss_at_every_level_alike(loss, monkeypatch):
    found = {}
    for level in available_levels():
        monkeypatch.setenv("PAIRLOOM_CPU", level)
        sides, events, groups, table = example(context=True)
        table[:, padded_factors(3) + 1 : padded_factors(3) + 3] = 0.01
        negatives = Negatives.of_weights(np.ones(N_ITEMS))
        losses = []
        for epoch in range(60):
            totals = fm_train_ranking(
                table,
                3,
                sides,
                events,
                groups=groups,
                negatives=negatives,
                step=RankingStep(loss, 8, 0.1, 0.1),
                seed=epoch,
            )
            losses.append(totals.loss / totals.weight)
        assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
        found[level] = np.mean(losses[:3])
    assert np.ptp(list(found.values())) < 1e-3


def test_threads_learn_as_well():
    rng = np.random.default_rng(0)
    n_users, n_items = 400, 60
    tastes = rng.integers(0, 4, n_users)
    taken = [np.sort(rng.choice(15, 6, replace=False) + 15 * taste).astype(np.int32) for taste in tastes]
    offsets = np.arange(0, 6 * n_users + 1, 6)
    ids = RowBatch(np.arange(n_items + 1), np.arange(n_items, dtype=np.int32), None, 2 * n_items)
    sides = Sides(ids, offsets, np.concatenate(taken), first_history=n_items)
    events = RankingEvents(np.repeat(np.arange(n_users, dtype=np.int32), 6), np.concatenate(taken))
    groups = Groups(
        np.arange(n_users, dtype=np.int32).repeat(3), np.arange(0, 6 * n_users + 1, 2), np.arange(6 * n_users)
    )
    negatives = Negatives.of_weights(np.ones(n_items))
    ends = {}
    for n_threads in (1, 4):
        table = allocate_ranking_table(
            2 * n_items, 8, scale=0.05, accumulator=1e-4, rng=np.random.default_rng(1)
        )
        for epoch in range(8):
            totals = fm_train_ranking(
                table, 8, sides, events, groups=groups, negatives=negatives,
                step=RankingStep("softmax", 20, 0.1, 0.1), seed=epoch, n_threads=n_threads,
            )  # fmt: skip
        ends[n_threads] = totals.loss / totals.weight
    assert ends[1] < 3.2  # all of one taste alike: log 15 = 2.7; at first log 60 = 4.1
    assert ends[4] == pytest.approx(ends[1], rel=0.1)


def test_a_user_who_took_everything_is_passed_over():
    items = RowBatch(np.arange(3), np.arange(2, dtype=np.int32), None, 2)
    sides = Sides(items, np.array([0, 2], np.int64), np.array([0, 1], np.int32))
    table = allocate_ranking_table(2, 2, scale=0.1, accumulator=1.0, rng=np.random.default_rng(0))
    before = table.copy()
    groups = Groups(np.zeros(1, np.int32), np.array([0, 2], np.int64), np.arange(2))
    negatives = Negatives.of_weights(np.ones(2))
    events = RankingEvents(np.zeros(2, np.int32), np.array([0, 1], np.int32))
    totals = fm_train_ranking(table, 2, sides, events, groups=groups, negatives=negatives, step=RankingStep())
    assert (totals.loss, totals.weight) == (0, 0)
    np.testing.assert_array_equal(table, before)


def moved(groups, name):
    return replace(groups, **{name: getattr(groups, name) + 99})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda made: made.update(events=moved(made["events"], "items")), "'items of events' must be in"),
        (lambda made: made.update(events=RankingEvents(np.zeros(1), np.zeros(1))), "'items of events' must be a"),
        (lambda made: made.update(table=made["table"][:, :8]), "'table' must be float32 and 32 wide"),
        (lambda made: made.update(step=RankingStep("hinge")), "'loss' must be one of bpr, warp, softmax"),
        (lambda made: made.update(step=RankingStep(n_negatives=0)), "'n_negatives' must be 1 or more"),
        (lambda made: made.update(groups=moved(made["groups"], "users")), "'users of groups'"),
        (lambda made: made.update(groups=moved(made["groups"], "events")), "'events of groups'"),
        (lambda made: made.update(events=replace(made["events"], weights=np.ones(2))), "'weights of events' must be a"),
        (lambda made: made.update(negatives=Negatives.of_weights(np.ones(3))), "'accept' must be a"),
    ],
)  # fmt: skip
def test_what_a_kernel_must_not_read_is_refused(change, message):
    sides, events, groups, table = example()
    made = {
        "table": table, "n_factors": 3, "sides": sides, "events": events, "groups": groups,
        "negatives": Negatives.of_weights(np.ones(N_ITEMS)), "step": RankingStep(),
    }  # fmt: skip
    change(made)
    with pytest.raises(UserError, match=message):
        fm_train_ranking(**made)


def test_groups_of_the_wrong_size_are_refused():
    sides, events, groups, table = example()
    empty = Groups(groups.users[:1], np.array([0, 0], np.int64), groups.events[:0])
    with pytest.raises(UserError, match="groups must hold 1 to 64 events"):
        fm_train_ranking(
            table,
            3,
            sides,
            events,
            groups=empty,
            negatives=Negatives.of_weights(np.ones(N_ITEMS)),
            step=RankingStep(),
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"history_offsets": np.array([0, 3], np.int64)}, "'history_offsets' must rise"),
        ({"history_items": np.array([3, 1, 2, 4, 5] * N_USERS, np.int32)}, "'history_items' must ascend"),
        ({"history_items": np.array([0, 1, 2, 3, 99] * N_USERS, np.int32)}, "'history_items' must ascend"),
        ({"first_history": 30}, "'first_history' must leave room"),
        ({"users": rows_of([[0]], 40)}, "'users' must have 5 rows"),
    ],
)
def test_sides_that_do_not_fit_are_refused(change, message):
    sides, _, _, table = example()
    with pytest.raises(UserError, match=message):
        replace(sides, **change).checked(len(table))


def test_features_out_of_range_are_refused():
    sides, _, _, table = example()
    with pytest.raises(DataError, match="a column index"):
        replace(sides, items=rows_of([[99]] * N_ITEMS, 100)).checked(len(table))
