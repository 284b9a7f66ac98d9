"""Position bias: planted examination is found from clicks and from swaps, and what cannot be found is refused."""

import numpy as np
import pytest

from pairloom.errors import DataError, UserError
from pairloom.exposure import (
    Examination,
    ExposureLog,
    Impressions,
    RandomSwaps,
    fit_position_bias,
    fit_swaps,
    inverse_propensity_weights,
    position_bias_of,
    read_exposures,
    relevance_targets,
    swaps_of,
)
from pairloom.synthetic import BrowsingUsers

WORLD = BrowsingUsers(150, 30, 6, random_state=1)
POPULAR = WORLD.relevance.mean(axis=0)


def sessions(n_requests, seed):
    """Lists by popularity with some noise, the same for everybody on average."""
    rng = np.random.default_rng(seed)
    users = rng.integers(WORLD.n_users, size=n_requests)
    lists = np.argsort(-(8 * POPULAR + 0.5 * rng.gumbel(size=(n_requests, 30))), axis=1)[:, :6]
    return users, lists, WORLD.clicks(users, lists, rng)


def columns(lists, clicks):
    n_requests, length = lists.shape
    positions = np.tile(np.arange(1, length + 1), n_requests)
    return lists.ravel(), positions, clicks.ravel(), np.repeat(np.arange(n_requests), length)


def plain_em(groups, positions, clicks, n_steps):
    theta, gamma = np.full(positions.max(), 0.5), np.full(groups.max() + 1, 0.5)
    for _ in range(n_steps):
        t, g = theta[positions - 1], gamma[groups]
        looked = np.where(clicks, 1, t * (1 - g) / (1 - t * g))
        liked = np.where(clicks, 1, g * (1 - t) / (1 - t * g))
        theta = np.bincount(positions - 1, looked) / np.bincount(positions - 1)
        gamma = np.bincount(groups, liked) / np.maximum(np.bincount(groups), 1)
    return theta / theta[0]


def test_em_finds_the_maximum_that_plain_steps_find():
    _, lists, clicks = sessions(400, 0)
    groups, positions, clicked, requests = columns(lists, clicks)
    found = fit_position_bias(groups, positions, clicked, requests=requests, method="em", n_bootstrap=0)
    assert found.probabilities == pytest.approx(plain_em(groups, positions, clicked, 4000), abs=2e-3)


def test_intervals_cover_what_is_planted_where_click_rates_do_not():
    covered, naive_covered = [], []
    for seed in range(40):
        _, lists, clicks = sessions(800, seed)
        groups, positions, clicked, requests = columns(lists, clicks)
        found = fit_position_bias(groups, positions, clicked, requests=requests, n_bootstrap=40)
        covered.append((found.low <= WORLD.examination) & (WORLD.examination <= found.high))
        rate = clicks.mean(axis=0)
        error = np.sqrt(rate * (1 - rate) / len(clicks)) / rate[0]
        naive_covered.append(np.abs(rate / rate[0] - WORLD.examination) < 1.96 * error)
    assert np.mean(covered, axis=0)[1:].min() >= 0.80  # of 40 runs of 95 %: one in 10,000 is below
    assert np.mean(covered) >= 0.92
    assert np.mean(naive_covered, axis=0)[-1] <= 0.6


def test_few_impressions_a_group_mislead_the_likelihood_alone():
    found = {"proportional": [], "em": []}
    for seed in range(12):
        users, lists, clicks = sessions(900, seed)
        pairs = users[:, None] * 30 + lists
        for method, each in found.items():
            each.append(
                fit_position_bias(*columns(pairs, clicks)[:3], method=method, n_bootstrap=0).probabilities
            )
    off = {method: np.mean(each, axis=0)[1:] - WORLD.examination[1:] for method, each in found.items()}
    assert np.abs(off["proportional"]).max() < 0.03
    assert off["em"].min() > 0.05


@pytest.mark.parametrize("design", ["with top", "adjacent", "any"])
def test_swaps_need_no_model_of_relevance(design):
    rng = np.random.default_rng(4)
    swaps = RandomSwaps(6, design, random_state=2)
    users = rng.integers(WORLD.n_users, size=6000)
    best = np.argsort(-WORLD.relevance, axis=1)[:, :6]  # personal lists
    shown, pairs = [], []
    for user in users:
        items, context = swaps.apply(best[user].tolist())
        shown.append(items)
        pairs.append(context["swap"])
    clicks, pairs = WORLD.clicks(users, np.array(shown), rng), np.array(pairs)
    at = np.arange(6000)
    sides = clicks[at, pairs[:, 0] - 1], clicks[at, pairs[:, 1] - 1]
    found = fit_swaps(pairs[:, 0], pairs[:, 1], *sides, n_bootstrap=200)
    assert found.probabilities == pytest.approx(WORLD.examination, rel=0.3)
    inside = (found.low <= WORLD.examination) & (WORLD.examination <= found.high)
    assert inside.sum() >= 5
    if design == "with top":
        by_hand = [sides[1][pairs[:, 1] == k].sum() / sides[0][pairs[:, 1] == k].sum() for k in range(2, 7)]
        assert found.probabilities[1:] == pytest.approx(by_hand, rel=1e-6)


def test_learned_from_a_log(tmp_path):
    rng = np.random.default_rng(1)
    swaps = RandomSwaps(4, share=0.8, random_state=3)
    world = BrowsingUsers(3, 5, 4, like_rate=0.6, random_state=2)
    with ExposureLog(tmp_path) as log:
        for number in range(1500):
            user = int(rng.integers(3))
            items, context = swaps.apply(rng.permutation(5)[:4].tolist())
            log.log(Impressions(f"r{number}", items, user=user, context=context))
            clicked = world.clicks(np.array([user]), np.array([items]), rng)[0]
            for item in np.array(items)[clicked]:
                log.feedback(f"r{number}", item)
    joined = read_exposures(tmp_path)
    for found in (
        position_bias_of(joined, n_bootstrap=20),
        position_bias_of(joined, by="item", n_bootstrap=20),
        position_bias_of(joined, by=lambda log: log.user, n_bootstrap=20),
        swaps_of(joined, n_bootstrap=20),
    ):
        assert found.probabilities == pytest.approx(world.examination, rel=0.3)
        assert (found.low <= found.high).all()
    assert (
        swaps_of(joined, n_bootstrap=20).n_requests
        < position_bias_of(joined, n_bootstrap=0).n_requests
        == 1500
    )
    with pytest.raises(UserError, match="'method'"):
        position_bias_of(joined, method="guess")
    with pytest.raises(UserError, match="'by'"):
        position_bias_of(joined, by="moon")
    with pytest.raises(UserError, match="RandomSwaps"):
        swaps_of(joined.take(np.array([row is None for row in joined.context])))


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        ({"clicks": [0, 2, 1, 0]}, DataError, "row 2: expected 0 or 1"),
        ({"clicks": [0, np.nan, 1, 0]}, DataError, "row 2"),
        ({"positions": [1, 0, 1, 2]}, DataError, "row 2: expected a position from 1"),
        ({"positions": [1, 1.5, 1, 2]}, DataError, "row 2"),
        ({"positions": [1, 2]}, DataError, "shape"),
        ({"clicks": [], "groups": [], "positions": []}, DataError, "one or more"),
        ({"groups": [1, 2]}, UserError, "'groups'"),
        ({"groups": [1, 1, 2, 3]}, UserError, "tie position 2 to position 1"),
        ({"clicks": [0, 0, 0, 0]}, UserError, "tie position 2"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(changed, kind, said):
    good = {"groups": [1, 1, 1, 2], "positions": [1, 1, 1, 2], "clicks": [0, 1, 1, 1]}
    with pytest.raises(kind, match=said):
        fit_position_bias(**(good | changed))


def test_swaps_refuse_what_ties_nothing():
    with pytest.raises(UserError, match="tie position 2"):
        fit_swaps([1, 2], [3, 4], [1, 1], [1, 1])
    with pytest.raises(DataError, match="different positions"):
        fit_swaps([1], [1], [1], [1])
    with pytest.raises(UserError, match="n_positions"):
        RandomSwaps(1)
    with pytest.raises(UserError, match="share"):
        RandomSwaps(2, share=0)
    assert RandomSwaps(3).apply(["a"]) == (["a"], {})


def test_examination_is_kept_as_json(tmp_path):
    found = Examination([1, 0.5], [1, 0.4], [1, 0.6], "given", 12)
    found.save(tmp_path / "e.json")
    again = Examination.load(tmp_path / "e.json")
    assert again.probabilities.tolist() == [1, 0.5]
    assert (again.high.tolist(), again.method, again.n_requests) == ([1, 0.6], "given", 12)
    for text in ("{}", "[1]", "nonsense", '{"examination": ["a"], "low": [], "high": []}', "\xff"):
        (tmp_path / "e.json").write_text(text, "latin-1")
        with pytest.raises(DataError, match="examination"):
            Examination.load(tmp_path / "e.json")
    for values in ([], [np.nan], [-1], [[1]]):
        with pytest.raises(DataError, match="examination"):
            Examination.given(values)


def test_weights_undo_examination():
    found = Examination.given([1, 0.5, 0.01, 0])
    assert inverse_propensity_weights([1, 2, 3], found).tolist() == [1, 2, 20]
    labels, weights = relevance_targets([1, 0, 1], [2, 2, 3], found, largest=10)
    assert labels.tolist() == pytest.approx([2, 0, 10])
    assert weights.tolist() == pytest.approx([0.25, 0.25, 0.01])
    with pytest.raises(DataError, match="row 2: expected a position from 1 to 4"):
        inverse_propensity_weights([1, 5], found)
    with pytest.raises(DataError, match="looked at"):
        inverse_propensity_weights([1, 4], found)
    with pytest.raises(UserError, match="largest"):
        inverse_propensity_weights([1], found, largest=0.5)
