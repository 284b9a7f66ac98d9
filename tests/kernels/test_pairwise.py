"""The kernel behind BPR and WARP: the native test holds its steps against a twin in doubles; here, what goes in."""

import numpy as np
import pytest

from pairloom.errors import UserError
from pairloom.kernels.levels import available_levels
from pairloom.kernels.pairwise import (
    Negatives,
    PairwiseFactors,
    PairwiseSteps,
    PairwiseTraining,
    TakenPairs,
    draw_negatives,
)


def pairs_of(taken, **more):
    users, items = np.nonzero(taken)
    offsets = np.concatenate(([0], np.cumsum(np.bincount(users, minlength=len(taken)))))
    return TakenPairs(offsets.astype(np.int64), items.astype(np.int32), taken.shape[1], **more)


def made(seed=0, n_users=40, n_items=30, sums=True):
    rng = np.random.default_rng(seed)
    taken = rng.random((n_users, n_items)) < 0.2
    arrays = [rng.normal(0, 0.1, shape).astype(np.float32) for shape in ((n_users, 16), (n_items, 16))]
    arrays.append(np.zeros(n_items, np.float32))
    squares = tuple(np.ones_like(each) for each in arrays) if sums else None
    return PairwiseFactors(*arrays, squares), taken


@pytest.mark.parametrize("level", available_levels())
@pytest.mark.parametrize("loss", ["bpr", "warp"])
def test_every_level_learns_to_rank(monkeypatch, level, loss):
    monkeypatch.setenv("PAIRLOOM_CPU", level)
    factors, taken = made()
    training = PairwiseTraining(factors, pairs_of(taken), PairwiseSteps(loss, 0.2))
    wrong = [training.epoch(seed).wrong for seed in range(60)]
    assert wrong[-1] < 0.5 * wrong[0]
    scores = factors.users @ factors.items.T + factors.biases
    above = (scores[:, :, None] > scores[:, None, :])[taken[:, :, None] & ~taken[:, None, :]].mean()
    assert above > 0.95


def test_one_thread_gives_the_same_each_time_and_threads_learn_as_well():
    found = []
    for n_threads in (1, 1, 3):
        factors, taken = made()
        training = PairwiseTraining(factors, pairs_of(taken), PairwiseSteps("bpr", 0.1))
        totals = [training.epoch(seed, n_threads=n_threads) for seed in range(20)]
        assert {each.samples for each in totals} == {taken.sum()}
        found.append(factors)
    np.testing.assert_array_equal(found[0].items, found[1].items)
    assert np.abs(found[0].items - found[2].items).max() < 0.5


def test_weights_multiply_steps():
    for weight in (0.0, 2.0):
        factors, taken = made(sums=False)
        before = factors.items.copy()
        weights = np.full(int(taken.sum()), weight, np.float32)
        PairwiseTraining(factors, pairs_of(taken, weights=weights), PairwiseSteps("bpr", 0.05)).epoch(1)
        twin, _ = made(sums=False)
        PairwiseTraining(twin, pairs_of(taken), PairwiseSteps("bpr", 0.05 * weight)).epoch(1)
        np.testing.assert_allclose(factors.items, twin.items, atol=1e-6)
        assert (factors.items == before).all() == (weight == 0)


def test_known_items_stay_where_only_new_ones_learn():
    factors, taken = made()
    before = factors.items.copy()
    PairwiseTraining(factors, pairs_of(taken), PairwiseSteps("warp", 0.1), first_item=20).epoch(1)
    np.testing.assert_array_equal(factors.items[:20], before[:20])
    assert not factors.biases[:20].any()
    assert (factors.items[20:] != before[20:]).any()


def test_negatives_are_never_taken_and_all_alike():
    rng = np.random.default_rng(0)
    taken = rng.random((5, 12)) < 0.5
    taken[3], taken[4] = True, False
    users = np.repeat(np.arange(5, dtype=np.int32), 6000)
    drawn = draw_negatives(pairs_of(taken), users, 7)
    assert (drawn[users == 3] == -1).all()
    for user in (0, 1, 2, 4):
        counts = np.bincount(drawn[users == user], minlength=12)
        assert not counts[taken[user]].any()
        free = counts[~taken[user]]
        np.testing.assert_allclose(free / free.sum(), 1 / len(free), atol=0.02)


def test_popular_negatives_come_as_often_as_they_weigh():
    """Of three items that nobody has, the one that weighs nothing is never pushed down."""
    taken = np.zeros((1, 4), bool)
    taken[0, 0] = True
    factors = PairwiseFactors(
        np.zeros((1, 16), np.float32), np.zeros((4, 16), np.float32), np.zeros(4, np.float32)
    )
    steps = PairwiseSteps("bpr", 1e-4, negatives=Negatives(np.array([5.0, 3.0, 1.0, 0.0])))
    training = PairwiseTraining(factors, pairs_of(taken), steps)
    for seed in range(4000):
        training.epoch(seed)
    assert factors.biases[3] == 0
    assert factors.biases[1] / factors.biases[2] == pytest.approx(3, rel=0.15)


@pytest.mark.parametrize("loss", ["bpr", "warp"])
def test_users_with_every_item_are_passed_over(loss):
    factors, taken = made()
    taken[:] = True
    before = factors.items.copy()
    assert PairwiseTraining(factors, pairs_of(taken), PairwiseSteps(loss, 0.1)).epoch(1).samples == 0
    np.testing.assert_array_equal(factors.items, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 2], [0, 0]), "must ascend, without repeats"),
        (([0, 2], [1, 0]), "must ascend, without repeats"),
        (([0, 1], [0, 1]), "'offsets' must rise"),
        (([0, 2, 1, 2], [0, 1]), "'offsets' must rise"),
        (([0, 2], [0, 3]), r"'items' must be in \[0, 2\]"),
        (([0, 2], [-1, 1]), r"'items' must be in \[0, 2\]"),
        (([0, 2], [0, 1], [1, -1]), "'weights' must be 0 or more"),
        (([0, 2], [0, 1], [1, np.nan]), "'weights' must be 0 or more"),
        (([0, 2], [0, 1], [1]), "'weights' must be a contiguous"),
    ],
)
def test_pairs_that_cannot_be_are_refused(arguments, message):
    offsets, items, *weights = arguments
    given = None if not weights else np.array(weights[0], np.float32)
    with pytest.raises(UserError, match=message):
        TakenPairs(np.array(offsets, np.int64), np.array(items, np.int32), 3, given)


def test_arrays_that_do_not_fit_are_refused():
    factors, taken = made()
    with pytest.raises(UserError, match="must be of 40 users and 30 items"):
        PairwiseTraining(factors, pairs_of(taken[:5]), PairwiseSteps("bpr", 0.1))
    with pytest.raises(UserError, match="a multiple of 16"):
        PairwiseFactors(factors.users[:, :15], factors.items, factors.biases)
    with pytest.raises(UserError, match="'sums' must be float32 of shape"):
        PairwiseFactors(factors.users, factors.items, factors.biases, (factors.items, None, None))
    with pytest.raises(UserError, match="'max_sampled' must be 1 or more"):
        PairwiseTraining(factors, pairs_of(taken), PairwiseSteps("warp", 0.1, max_sampled=0))
    with pytest.raises(UserError, match="'negatives' must be of 30 items"):
        PairwiseTraining(factors, pairs_of(taken), PairwiseSteps("bpr", 0.1, negatives=Negatives(np.ones(3))))
    alone = PairwiseFactors(
        factors.users, factors.items, factors.biases, (np.ones_like(factors.users), None, None)
    )
    with pytest.raises(UserError, match="'sums' of items and biases must be given"):
        PairwiseTraining(alone, pairs_of(taken), PairwiseSteps("bpr", 0.1)).epoch(1)
    with pytest.raises(UserError, match=r"'users' must be in \[0, 39\]"):
        draw_negatives(pairs_of(taken), np.array([40], np.int32), 1)
    for weights in ([0.0, 0.0], [1.0, -1.0], [1.0, np.nan], [1.0, np.inf]):
        with pytest.raises(UserError, match="'weights' must be finite, 0 or more"):
            Negatives(np.array(weights))
