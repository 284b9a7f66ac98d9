"""SLIM against the textbook solution, and what it refuses."""

import numpy as np
import pytest

from pairloom.errors import UserError
from pairloom.kernels.levels import available_levels
from pairloom.kernels.slim import item_gram, slim_weights
from pairloom.recommenders import SLIM, Columns
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.evaluation import split_by_user


def obvious(X, target, l1, l2, rounds=3000):
    """Coordinate descent on the rows themselves, one coordinate after the other, in doubles."""
    weights, left = np.zeros(X.shape[1]), X[:, target].astype(np.float64)
    for _ in range(rounds):
        for i in range(X.shape[1]):
            if i == target or not X[:, i].any():
                continue
            left += X[:, i] * weights[i]
            weights[i] = max(0.0, (X[:, i] @ left - l1) / (X[:, i] @ X[:, i] + l2))
            left -= X[:, i] * weights[i]
    return weights


@pytest.mark.parametrize("level", available_levels())
def test_weights_are_those_of_the_elastic_net(monkeypatch, level):
    monkeypatch.setenv("PAIRLOOM_CPU", level)
    rng = np.random.default_rng(0)
    X = (rng.random((50, 9)) < 0.4) * rng.integers(1, 4, (50, 9))
    users, items = np.nonzero(X)
    table = {"user": users, "item": items, "w": X[users, items]}
    model = SLIM(l1=2.0, l2=3.0, binary=False, columns=Columns(weight="w")).fit(table)
    order = model.items_.numbers(range(9))
    found = np.zeros((9, 9))
    found[model._weights.owners(), model._weights.items] = model._weights.weights
    for target in range(9):
        expected = obvious(X, target, 2.0, 3.0, rounds=300)
        np.testing.assert_allclose(found[order, order[target]], expected, atol=2e-4)


def test_neighbours_are_bounded():
    rng = np.random.default_rng(0)
    table = {"user": rng.integers(0, 60, 900), "item": rng.integers(0, 30, 900)}
    model = SLIM(l1=0, l2=1, n_neighbours=3, n_jobs=2).fit(table)
    assert np.bincount(model._weights.items, minlength=30).max() == 3
    assert SLIM(l1=1e6).fit(table).recommend(3, n=2).scores.tolist() == [0, 0]


def test_lists_on_movielens_are_as_good_as_stated(data_folder):
    rows = np.loadtxt(data_folder / "movielens-100k" / "u.data.gz", dtype=np.int64)
    split = split_by_user({"user": rows[:, 0], "item": rows[:, 1]})
    model = SLIM().fit(split.train)
    asked, owners = np.unique(split.test["user"], return_inverse=True)
    histories = model.histories_.take(model.users_.numbers(asked.tolist()))
    scores = model._scores(Askers.sessions(histories))
    scores[histories.owners(), histories.items] = -1
    truth = np.zeros(scores.shape, bool)
    items = model.items_.numbers(split.test["item"].tolist())
    truth[owners[items >= 0], items[items >= 0]] = True
    discounts = 1 / np.log2(np.arange(2, 22))
    hits = np.take_along_axis(truth, np.argsort(-scores, axis=1)[:, :20], 1)
    ideal = np.cumsum(discounts)[np.bincount(owners).clip(max=20) - 1]
    assert (hits @ discounts / ideal).mean() >= 0.435


def test_a_saved_one_is_equal_to_the_bit(tmp_path):
    rng = np.random.default_rng(0)
    model = SLIM(l1=0.5, l2=1).fit({"user": rng.integers(0, 60, 900), "item": rng.integers(0, 30, 900)})
    model.update({"user": [1], "item": [999]})
    model.save(tmp_path / "model.tar.gz")
    loaded = SLIM.load(tmp_path / "model.tar.gz")
    askers = Askers.sessions(model.histories_)
    np.testing.assert_array_equal(model._scores(askers), loaded._scores(askers))


def test_a_catalogue_of_one_item_ends():
    assert SLIM().fit({"user": [1, 2], "item": [7, 7]}).recommend(99).items.tolist() == [7]


@pytest.mark.parametrize("settings", [{"l1": -1}, {"l2": 0}, {"l1": float("nan")}, {"n_neighbours": 0}])
def test_settings_that_no_learning_has_are_refused(settings):
    with pytest.raises(UserError, match="SLIM: "):
        SLIM(**settings)


def test_arrays_that_do_not_fit_are_refused():
    offsets = np.array([0, 1, 2], np.int64)
    side = offsets, np.array([0, 1], np.int32), np.ones(2, np.float32)
    with pytest.raises(UserError, match=r"numbers in 'by_user' must be in \[0, 1\]"):
        item_gram((offsets, np.array([0, 2], np.int32), side[2]), side)
    with pytest.raises(UserError, match="offsets of 'by_item' must rise"):
        item_gram(side, (np.array([1, 0, 2], np.int64), *side[1:]))
    with pytest.raises(UserError, match="'gram' must be a square of float32"):
        slim_weights(np.ones((2, 3), np.float32), l1=1, l2=1)
    with pytest.raises(UserError, match="numbers below"):
        slim_weights(np.full((2, 2), np.inf, np.float32), l1=1, l2=1)
    table = {"user": [1, 2], "item": [7, 8], "w": [1e30, 1.0]}
    with pytest.raises(UserError, match="Scale the weights"):
        SLIM(binary=False, columns=Columns(weight="w")).fit(table)
