"""Training on clicks: with display bias undone, a machine ranks by what users like, not by what was put on top."""

import numpy as np

from pairloom import FactorizationMachineRegressor
from pairloom.exposure import fit_position_bias, inverse_propensity_weights, relevance_targets
from pairloom.recommenders import Columns, Popularity
from pairloom.rows import RowBatch
from pairloom.synthetic import BrowsingUsers

WORLD = BrowsingUsers(60, 30, 10, taste=0.6, like_rate=0.3, random_state=4)
SHOWN_FIRST = np.random.default_rng(1).permutation(30)
"""What the logging policy puts on top for whoever comes: unrelated to what is liked."""


def sessions(n_requests=12_000, seed=0):
    rng = np.random.default_rng(seed)
    users = rng.integers(60, size=n_requests)
    scores = -0.15 * np.argsort(SHOWN_FIRST) + rng.gumbel(size=(n_requests, 30))
    lists = np.argsort(-scores, axis=1)[:, :10]
    return users, lists, WORLD.clicks(users, lists, rng)


def one_hot(users, items):
    indices = np.column_stack((users, 60 + items)).astype(np.int32).ravel()
    return RowBatch(np.arange(0, len(indices) + 1, 2), indices, None, 90)


def ndcg(scores):
    """Mean NDCG@10 of all items by true relevance."""
    order = np.argsort(-scores, axis=1)[:, :10]
    discounts = 1 / np.log2(np.arange(10) + 2)
    gained = (np.take_along_axis(WORLD.relevance, order, axis=1) * discounts).sum(axis=1)
    best = (np.sort(WORLD.relevance, axis=1)[:, ::-1][:, :10] * discounts).sum(axis=1)
    return float((gained / best).mean())


def test_weighted_training_ranks_better():
    users, lists, clicks = sessions()
    rows, positions = np.repeat(users, 10), np.tile(np.arange(1, 11), len(users))
    items, clicked = lists.ravel(), clicks.ravel()
    examination = fit_position_bias(items, positions, clicked, n_bootstrap=0)
    assert np.abs(examination.probabilities - WORLD.examination).max() < 0.06
    labels, weights = relevance_targets(clicked, positions, examination)
    everyone = one_hot(np.repeat(np.arange(60), 30), np.tile(np.arange(30), 60))
    found = {}
    for name, label, weight in (("naive", clicked, None), ("corrected", labels, weights)):
        machine = FactorizationMachineRegressor(n_factors=2, epochs=3, random_state=0)
        machine.fit(one_hot(rows, items), label, sample_weight=weight)
        found[name] = ndcg(machine.predict(everyone).reshape(60, 30))
    assert found["corrected"] > 0.93
    assert found["naive"] < found["corrected"] - 0.03


def test_weighted_events_of_a_recommender_count_likes():
    users, lists, clicks = sessions(40_000)
    places = np.argwhere(clicks)
    examination = fit_position_bias(
        lists.ravel(), np.tile(np.arange(1, 11), len(users)), clicks.ravel(), n_bootstrap=0
    )
    events = {
        "user": users[places[:, 0]],
        "item": lists[places[:, 0], places[:, 1]],
        "weight": inverse_propensity_weights(places[:, 1] + 1, examination),
    }
    shown = np.bincount(lists.ravel(), minlength=30)
    seen = np.bincount(events["item"], events["weight"], 30)
    clicked = np.bincount(events["item"], minlength=30)
    liked = WORLD.relevance.mean(axis=0)
    corrected, naive = seen / shown, clicked / shown
    scaled = naive / naive.mean() * liked.mean()
    assert np.abs(corrected / liked - 1).mean() < 0.6 * np.abs(scaled / liked - 1).mean()
    model = Popularity(columns=Columns(weight="weight")).fit(events)
    assert len(model.recommend("nobody", n=5)) == 5
