"""What is popular of late is offered to those of whom nothing is known."""

import numpy as np
import pytest

from pairloom.errors import DataError
from pairloom.recommenders import EASE, Columns, ImplicitALS, ItemToItem, Popularity, load_recommender
from pairloom.recommenders.fading import DAY_US, FadingCounts
from pairloom.recommenders.model_file import save_recommender

TIMED = Columns(time="time")
DAY_S = 86_400


def fashions():
    """Every 25 days another item has half of the events."""
    rng = np.random.default_rng(0)
    days = np.sort(rng.uniform(0, 300, 6000))
    items = np.where(rng.random(6000) < 0.5, (days // 25).astype(int), rng.integers(12, 40, 6000))
    return {"user": rng.integers(0, 900, 6000), "item": items, "time": (days * DAY_S).astype(np.int64)}


def test_a_half_life_is_chosen_by_what_comes_later():
    table = fashions()
    items, times = table["item"].astype(np.int32), table["time"] * 1_000_000
    found = FadingCounts.of_events(items, times, 40)
    assert found.half_life_us <= 30 * DAY_US
    assert int(np.argmax(found.scores)) == 11
    steady = FadingCounts.of_events(np.random.default_rng(1).integers(0, 5, 6000).astype(np.int32), times, 5)
    assert steady.half_life_us > 30 * DAY_US


def test_counts_are_those_of_a_plain_sum():
    rng = np.random.default_rng(2)
    items, times = rng.integers(0, 6, 500).astype(np.int32), rng.integers(0, 90 * int(DAY_US), 500)
    found = FadingCounts.of_events(items, times, 6)
    expected = np.zeros(6)
    for item, time in zip(items, times, strict=True):
        expected[item] += 0.5 ** (max(found.at_us - time, 0) / found.half_life_us)
    np.testing.assert_allclose(found.scores, expected, rtol=1e-5)
    fixed = FadingCounts(np.zeros(6, np.float32), 7 * DAY_US, 0)
    whole = fixed.with_events(items, times, 8)
    parts = fixed
    for part in np.array_split(np.argsort(times), 5):
        parts = parts.with_events(items[part], times[part], 8)
    np.testing.assert_allclose(parts.scores, whole.scores, rtol=0.05)
    assert len(parts.scores) == 8


@pytest.mark.parametrize(
    "made",
    [
        Popularity,
        ItemToItem,
        lambda columns: EASE(l2=9, columns=columns),
        lambda columns: ImplicitALS(n_factors=4, columns=columns),
    ],
)
def test_strangers_get_what_is_popular_of_late(made, tmp_path):
    model = made(columns=TIMED).fit(fashions())
    assert model.recommend("a stranger", n=1).items.tolist() == [11]
    assert model.recommend(history=[], n=1).items.tolist() == [11]
    save_recommender(model, tmp_path / "model.tar.gz")
    loaded = load_recommender(tmp_path / "model.tar.gz")
    assert (
        loaded.recommend("a stranger", n=9).items.tolist()
        == model.recommend("a stranger", n=9).items.tolist()
    )
    later = {"user": [f"new {i}" for i in range(400)], "item": [1000] * 400, "time": [310 * DAY_S] * 400}
    loaded.update(later)
    assert loaded.recommend("a stranger", n=1).items.tolist() == [1000]
    without = made(columns=Columns()).fit(fashions())
    assert without.fading_ is None


def test_a_time_far_in_the_future_fades_nothing_away():
    table = fashions()
    table["time"][17] = 4_000_000_000
    model = Popularity(columns=TIMED).fit(table)
    assert model.recommend("a stranger", n=1).items.tolist() == [11]


def test_counts_that_do_not_fit_are_refused(tmp_path):
    model = Popularity(columns=TIMED).fit(fashions())
    model.fading_ = FadingCounts(np.full(len(model.items_), -1, np.float32), 7 * DAY_US, 0)
    save_recommender(model, tmp_path / "model")
    with pytest.raises(DataError, match="counts that do not fit the items"):
        load_recommender(tmp_path / "model")
