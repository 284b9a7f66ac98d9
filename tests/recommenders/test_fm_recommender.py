"""What `FactorizationMachineRecommender` alone promises; what it shares with the others is in test_recommenders."""

import numpy as np
import pytest
from movielens_tables import cold_ndcg, events, films, viewers, without_a_fifth_of_the_films

from pairloom.errors import UserError
from pairloom.recommenders import FactorizationMachineRecommender, Popularity, load_recommender
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.evaluation import evaluate, split_by_user
from pairloom.rows import RowBatch

N_USERS, N_ITEMS = 60, 24
USERS = {
    "user": list(range(N_USERS + 2)),
    "team": ["red" if user % 2 else "blue" for user in range(N_USERS + 2)],
    "age": [20.0 + user % 7 for user in range(N_USERS + 2)],
}
ITEMS = {
    "item": list(range(N_ITEMS + 2)),
    "colour": ["red" if item % 2 else "blue" for item in range(N_ITEMS + 2)],
    "tags": ["even|all" if item % 4 == 0 else "all" for item in range(N_ITEMS + 2)],
    "title": [f"Item {item}" for item in range(N_ITEMS + 2)],
}


def taken(seed=0):
    """Users of a team take items of its colour: the first half of them at work, the others at home."""
    rng = np.random.default_rng(seed)
    rows = {"user": [], "item": [], "place": [], "weight": []}
    for user in range(N_USERS):
        for _ in range(8):
            item = 2 * int(rng.integers(N_ITEMS // 2)) + user % 2
            rows["user"].append(user)
            rows["item"].append(item)
            rows["place"].append("work" if item < N_ITEMS // 2 else "home")
            rows["weight"].append(1.0)
    return rows


def made(**parameters):
    return FactorizationMachineRecommender(**{"n_factors": 8, "n_negatives": 16, "epochs": 30, **parameters})


def colours_of(found):
    return {ITEMS["colour"][item] for item in found.items.tolist()}


@pytest.mark.parametrize("loss", ["softmax", "warp", "bpr"])
def test_a_request_is_one_vector_and_scores_are_those_of_the_whole_machine(loss):
    model = made(loss=loss, user_ids=True, context=["place"]).fit(taken(), users=USERS, items=ITEMS)
    users = np.array([0, 5, 61, -1], np.int32)
    askers = Askers(model.histories_.take(users), users, {"place": "home"})
    scores = model._queries(askers) @ model._item_vectors.T
    asks, items = model._rows_of(askers), model._sides()[0].rows
    assert scores.shape == (4, N_ITEMS + 2)
    own = model.machine_.score(asks)
    for place in range(4):
        part = slice(*asks.indptr[place : place + 2])
        for item in range(N_ITEMS + 2):
            of_item = slice(*items.indptr[item : item + 2])
            indices = np.concatenate((asks.indices[part], items.indices[of_item]))
            of_items = np.ones(len(items.indices)) if items.values is None else items.values
            values = np.concatenate((asks.values[part], of_items[of_item])).astype(np.float32)
            joined = RowBatch(np.array([0, len(indices)]), indices, values, model.machine_.n_features)
            whole = model.machine_.score(joined)[0]
            assert whole - own[place] == pytest.approx(scores[place, item], abs=1e-4)
    assert not model.machine_.weights[model._starts["history"] :].any()  # what asks has no weights of its own


def test_a_new_user_is_known_by_attributes():
    model = made().fit(taken(), users=USERS, items=ITEMS)
    assert colours_of(model.recommend(N_USERS, n=6)) == {"blue"}
    assert colours_of(model.recommend(N_USERS + 1, n=6)) == {"red"}
    unknown = model.recommend("nobody", n=3)
    assert unknown.items.tolist() == Popularity().fit(taken()).recommend("nobody", n=3).items.tolist()


def test_a_new_item_is_known_by_attributes():
    model = made(id_dropout=0.3).fit(taken(), items=ITEMS)
    ranked = model.recommend(history=[1, 3, 5], n=N_ITEMS + 2, seen=True).items.tolist()
    assert ranked.index(N_ITEMS + 1) < ranked.index(N_ITEMS)
    assert colours_of(model.similar_items(N_ITEMS + 1, n=5)) == {"red"}


def test_a_session_is_known_by_its_history_and_the_reason_is_told():
    model = made().fit(taken(), items=ITEMS)
    found = model.recommend(history=[2, 4], n=5, reasons=True)
    assert colours_of(found) == {"blue"}
    assert all("because of Item" in reason for reason in found.reasons[:2])


def test_the_context_of_a_request_counts():
    model = made(context=["place"], epochs=60).fit(taken(), items=ITEMS)
    for user in (0, 1, "nobody"):
        at_work = model.recommend(user, n=4, seen=True, context={"place": "work"}).items
        at_home = model.recommend(user, n=4, seen=True, context={"place": "home"}).items
        assert (at_work < N_ITEMS // 2).all()
        assert (at_home >= N_ITEMS // 2).all()
    plain = model.recommend(0, n=4)
    for context in ({"place": "nowhere"}, {"place": None}, {}):
        assert list(model.recommend(0, n=4, context=context)) == list(plain)
    with pytest.raises(UserError, match=r"'context' must name columns of the fit \(place\). Got 'hour'"):
        model.recommend(0, context={"hour": 3})


def test_events_without_a_context_are_learned_from_too():
    rows = taken()
    rows["place"] = [None if row % 3 == 0 else place for row, place in enumerate(rows["place"])]
    model = made(context=["place"]).fit(rows)
    assert (model.recommend(0, n=3, seen=True, context={"place": "work"}).items < N_ITEMS // 2).all()


@pytest.mark.parametrize("name", ["model", "model.tar.gz"])
def test_a_saved_one_knows_tables_and_contexts(tmp_path, name):
    model = made(user_ids=True, context=["place"], categories=["age"], item_columns=["colour"])
    model.fit(taken(), users=USERS, items=ITEMS)
    model.update({"user": [0, "new"], "item": [3, "novel"], "place": ["home", "bath"]})
    model.save(tmp_path / name)
    loaded = load_recommender(tmp_path / name)
    for asked in ({"users": [0, 60, "new"]}, {"history": [1, "novel"]}):
        for context in ({}, {"place": "work"}, {"place": "bath"}):
            before, after = (each.recommend(**asked, n=5, context=context) for each in (model, loaded))
            assert list(before) == list(after)
    assert list(model.similar_items("novel", n=3)) == list(loaded.similar_items("novel", n=3))


def test_a_new_item_of_an_update_stands_among_what_its_users_took():
    model = made().fit(taken())
    before = model.recommend(3, n=5)
    model.update({"user": [1, 3, 5], "item": ["novel"] * 3})
    assert [row["item"] for row in before] == [
        int(item) for item in model.recommend(3, n=5).items if item != "novel"
    ]
    assert {int(item) % 2 for item in model.similar_items("novel", n=5).items} == {1}
    assert "novel" in model.recommend(7, n=12).items.tolist()
    assert "novel" not in model.recommend(6, n=8).items.tolist()


def test_weights_of_events_count():
    rows = taken()
    rows["weight"] = [20.0 if item == 6 else 1.0 for item in rows["item"]]
    columns = FactorizationMachineRecommender(n_factors=2).columns.__class__(weight="weight")
    ranks = {}
    for binary in (True, False):
        model = made(binary=binary, columns=columns).fit(rows)
        ranked = model.recommend(history=[0, 2], n=N_ITEMS).items.tolist()
        ranks[binary] = ranked.index(6)
    assert ranks[False] == 0 < ranks[True]


def test_items_may_be_known_by_attributes_alone():
    model = made(item_ids=False, history=False, user_columns=["team"]).fit(taken(), users=USERS, items=ITEMS)
    assert colours_of(model.recommend(N_USERS, n=8)) == {"blue"}
    assert (model.explain(1, user=0).scores == 0).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": "hinge"}, "'loss' must be one of bpr, warp, softmax. Got 'hinge'"),
        ({"n_factors": 0}, r"'n_factors' must be an integer in \[1, 4096\]. Got 0"),
        ({"epochs": 1.5}, "'epochs' must be an integer"),
        ({"learning_rate": float("nan")}, "'learning_rate' must be a number in"),
        ({"l2": -1}, "'l2' must be a number in"),
        ({"n_negatives": 0}, "'n_negatives' must be an integer"),
        ({"popularity_power": 2}, r"'popularity_power' must be a number in \[0, 1\]. Got 2"),
        ({"id_dropout": 1}, r"'item_dropout' must be a number in \[0, 1\)"),
        ({"group_share": 0}, "'group_share' must be a number in"),
    ],
)
def test_settings_that_cannot_be_are_refused(parameters, message):
    with pytest.raises(UserError, match=message):
        FactorizationMachineRecommender(**parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"item_ids": False}, "items must have features. Got neither ids nor attributes"),
        ({"history": False}, "who asks must have features. Got none"),
        ({"item_columns": ["colour"]}, "'item_columns' must name columns of its table. Got 'colour' of none"),
        ({"user_columns": ["team"]}, "'user_columns' must name columns of its table"),
        ({"categories": ["x"]}, "'categories' must name columns of the tables. Got 'x'"),
        ({"context": ["hour"]}, "column 'hour' must be there"),
    ],
)
def test_tables_that_do_not_fit_are_refused(parameters, message):
    with pytest.raises(UserError, match=message):
        FactorizationMachineRecommender(**parameters).fit(taken())


def test_ratings_of_films_are_ranked_as_well_as_by_peers(data_folder):
    """Peers on this split: BPR and WARP of vectors alone .40 to .42, implicit ALS .447, popularity .24."""
    split = split_by_user(events(data_folder))
    model = FactorizationMachineRecommender(epochs=20)
    model.fit(split.train, users=viewers(data_folder), items=films(data_folder))
    assert evaluate(model, split).means()["ndcg"] > 0.42


@pytest.mark.parametrize(("loss", "least"), [("warp", 0.39), ("bpr", 0.37)])
def test_other_losses_rank_films_too(data_folder, loss, least):
    split = split_by_user(events(data_folder))
    model = FactorizationMachineRecommender(loss=loss, epochs=20).fit(split.train)
    assert evaluate(model, split).means()["ndcg"] > least


def test_films_that_nobody_took_are_found_by_their_attributes(data_folder):
    warm, cold = without_a_fifth_of_the_films(events(data_folder))
    table = films(data_folder)
    model = FactorizationMachineRecommender(epochs=10).fit(warm, items=table)
    assert cold_ndcg(model, cold) > 2 * cold_ndcg(Popularity().fit(warm, items=table), cold)
    assert cold_ndcg(model, cold) > 0.33
