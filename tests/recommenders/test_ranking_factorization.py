"""What BPR and WARP promise beyond what every recommender does."""

import numpy as np
import pytest

from pairloom.errors import UserError
from pairloom.recommenders import BPR, WARP, Columns
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.evaluation import split_by_user

KINDS = [BPR, WARP]


def ndcg(model, test, users=None):
    """Of the first 20, as `evaluate` has it, by plain sorting."""
    asked = np.unique(test["user"]) if users is None else users
    numbers = model.users_.numbers(asked.tolist())
    histories = model.histories_.take(numbers)
    scores = model._scores(Askers(histories, numbers))
    scores[histories.owners(), histories.items] = -np.inf
    truth = np.zeros(scores.shape, bool)
    rows = np.searchsorted(asked, test["user"])
    items = model.items_.numbers(test["item"].tolist())
    mine = np.isin(test["user"], asked) & (items >= 0)
    truth[rows[mine], items[mine]] = True
    discounts = 1 / np.log2(np.arange(2, 22))
    best = np.argsort(-scores, axis=1)[:, :20]
    counts = np.bincount(rows[np.isin(test["user"], asked)], minlength=len(asked)).clip(max=20)
    ideal = np.concatenate(([0], np.cumsum(discounts)))[counts]
    return float((np.take_along_axis(truth, best, 1) @ discounts / ideal).mean())


@pytest.fixture(scope="module")
def split(data_folder):
    rows = np.loadtxt(data_folder / "movielens-100k" / "u.data.gz", dtype=np.int64)
    return split_by_user({"user": rows[:, 0], "item": rows[:, 1]})


@pytest.fixture(scope="module")
def learned(split):
    return {kind: kind().fit(split.train) for kind in KINDS}


@pytest.mark.parametrize(("kind", "floor"), [(BPR, 0.415), (WARP, 0.44)])
def test_lists_on_movielens_are_as_good_as_stated(split, learned, kind, floor):
    assert ndcg(learned[kind], split.test) >= floor


@pytest.mark.parametrize("kind", KINDS)
def test_a_history_tells_as_much_as_training_on_it(split, learned, kind):
    """Everybody asked about by their histories alone, as if training had not seen them."""
    model = learned[kind]._copy()
    model._user_vectors = model._folded_in(model.histories_)
    known = ndcg(learned[kind], split.test)
    assert ndcg(model, split.test) == pytest.approx(known, abs=0.012)


@pytest.mark.parametrize("kind", KINDS)
def test_sgd_learns_too(split, kind):
    """Plain steps need a rate and a penalty of their own."""
    settings = {
        BPR: {"learning_rate": 0.05, "popularity_power": 0, "l2": 0.01},
        WARP: {"learning_rate": 0.002, "l2": 0.1},
    }
    model = kind(solver="sgd", epochs=20, **settings[kind]).fit(split.train)
    assert ndcg(model, split.test) >= 0.36


@pytest.mark.parametrize("kind", KINDS)
def test_an_update_moves_those_it_is_about(split, learned, kind):
    """Half of one user's films come later: the list is nearly as good as with all from the start, and others stay."""
    users = np.unique(split.train["user"])
    late = np.isin(split.train["user"], users[:100]) & (np.arange(len(split.train["user"])) % 2 == 0)
    before = {name: column[~late] for name, column in split.train.items()}
    after = {name: column[late] for name, column in split.train.items()}
    model = kind().fit(before)
    poor = ndcg(model, split.test, users[:100])
    others, items = model.recommend(users[200:210].tolist(), n=5), model._item_vectors
    model.update(after)
    rich = ndcg(model, split.test, users[:100])
    assert rich > poor + 0.02
    assert rich == pytest.approx(ndcg(learned[kind], split.test, users[:100]), abs=0.05)
    assert list(model.recommend(users[200:210].tolist(), n=5)) == list(others)
    np.testing.assert_array_equal(model._item_vectors[: len(items)], items)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_item_is_found_by_who_took_it(kind):
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(60), 12)
    items = np.where(users % 2 == 0, rng.integers(0, 20, len(users)), rng.integers(20, 40, len(users)))
    model = kind(n_factors=8).fit({"user": users, "item": items})
    takers = np.arange(0, 30, 2)
    model.update({"user": takers, "item": np.full(len(takers), 777)})
    place = {}
    for user in (40, 41):
        found = model.recommend(user, n=50)
        place[user] = found.items.tolist().index(777)
    assert place[40] < place[41]
    assert model.similar_items(777, n=5).items.max() < 20


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_one_is_equal_to_the_bit(kind, tmp_path):
    rng = np.random.default_rng(0)
    model = kind(n_factors=5, epochs=3).fit(
        {"user": rng.integers(0, 50, 600), "item": rng.integers(0, 40, 600)}
    )
    model.save(tmp_path / "model.tar.gz")
    loaded = kind.load(tmp_path / "model.tar.gz")
    for asker in (Askers.sessions(model.histories_), Askers(model.histories_, np.arange(50, dtype=np.int32))):
        np.testing.assert_array_equal(model._scores(asker), loaded._scores(asker))
    more = {"user": [3, 99], "item": [7, 99]}
    np.testing.assert_array_equal(model.update(more)._item_vectors, loaded.update(more)._item_vectors)


@pytest.mark.parametrize("kind", KINDS)
def test_one_thread_gives_the_same_each_time(kind):
    rng = np.random.default_rng(0)
    table = {"user": rng.integers(0, 50, 600), "item": rng.integers(0, 40, 600)}
    one, two = (kind(epochs=5).fit(table) for _ in range(2))
    np.testing.assert_array_equal(one._item_vectors, two._item_vectors)
    assert (kind(epochs=5, random_state=1).fit(table)._item_vectors != one._item_vectors).any()
    assert np.isfinite(kind(epochs=5, n_jobs=2).fit(table)._item_vectors).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_catalogue_of_one_item_and_users_with_all_of_them_end(kind):
    alone = kind().fit({"user": [1, 2, 3], "item": [7, 7, 7]})
    assert len(alone.recommend(1)) == 0
    assert alone.recommend(99).items.tolist() == [7]
    full = kind().fit({"user": [1, 1, 2, 2], "item": [7, 8, 7, 8]})
    assert full.recommend(history=[7], n=5).items.tolist() == [8]
    assert len(full.recommend(history=[7, 8])) == 0
    assert len(full.explain(7, history=[7, 8])) == 2
    full.update({"user": [3], "item": [9]})
    assert full.recommend(1).items.tolist() == [9]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_count_where_asked_for(kind):
    rng = np.random.default_rng(0)
    table = {"user": rng.integers(0, 30, 400), "item": rng.integers(0, 20, 400), "w": rng.random(400) + 0.1}
    weighted, plain = (
        kind(binary=b, epochs=5, columns=Columns(weight="w")).fit(table) for b in (False, True)
    )
    assert (weighted._item_vectors != plain._item_vectors).any()


def test_numbers_that_run_away_are_told():
    rng = np.random.default_rng(0)
    table = {"user": rng.integers(0, 30, 400), "item": rng.integers(0, 20, 400), "w": np.full(400, 1e30)}
    with pytest.raises(
        UserError, match=r"BPR: learning must stay within numbers below 1e\+06.*Lower the rate"
    ):
        BPR(binary=False, columns=Columns(weight="w"), solver="sgd").fit(table)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_factors": 0}, "'n_factors', 'epochs' and 'fold_in_epochs' must be 1 or more"),
        ({"epochs": 0}, "'n_factors', 'epochs' and 'fold_in_epochs' must be 1 or more"),
        ({"learning_rate": 0}, "'learning_rate' and 'init_scale' must be finite numbers above 0"),
        ({"learning_rate": float("nan")}, "'learning_rate' and 'init_scale' must be finite numbers above 0"),
        ({"l2": -1}, "'l2' and 'bias_l2' must be finite numbers of 0 or more"),
        ({"popularity_power": 2}, r"'popularity_power' must be in \[0, 1\]"),
        ({"solver": "adam"}, "'solver' must be one of adagrad, sgd. Got 'adam'"),
        ({"max_sampled": 0}, "WARP: 'max_sampled' must be 1 or more"),
    ],
)
def test_settings_that_no_learning_has_are_refused(settings, message):
    for kind in KINDS:
        if "max_sampled" not in settings or kind is WARP:
            with pytest.raises(UserError, match=message):
                kind(**settings)
