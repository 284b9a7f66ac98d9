"""What `Hybrid` alone promises; what it shares with the others is in test_recommenders."""

import json

import numpy as np
import pytest
from movielens_tables import events, films, viewers

from pairloom.errors import DataError, UserError
from pairloom.recommenders import (
    EASE,
    Columns,
    FactorizationMachineRecommender,
    Hybrid,
    ImplicitALS,
    ItemToItem,
    Popularity,
    load_recommender,
)
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.evaluation import evaluate, split_by_user
from pairloom.recommenders.evaluation.ranking import interval
from pairloom.recommenders.hybrid.candidates import find_candidates
from pairloom.recommenders.hybrid.features import CandidateRows
from pairloom.recommenders.interactions import Histories

N_USERS, N_ITEMS = 80, 40


def taken(seed=0):
    """Two tastes that share no item; at work the first half of each is taken, at home the other."""
    rng = np.random.default_rng(seed)
    rows = {"user": [], "item": [], "place": [], "time": []}
    for user in range(N_USERS):
        for step, item in enumerate(rng.choice(N_ITEMS // 2, 9, replace=False)):
            rows["user"].append(user)
            rows["item"].append(2 * int(item) + user % 2)
            rows["place"].append("work" if item < N_ITEMS // 4 else "home")
            rows["time"].append(step)
    return rows


def made(**parameters):
    parts = [ItemToItem(least_common=1), EASE(l2=5)]
    return Hybrid(**{"parts": parts, "share": 0.25, "n_factors": 4, "epochs": 10, **parameters})


def test_candidates_are_what_the_parts_list():
    model = made().fit(taken())
    users = np.array([0, 3, -1], np.int32)
    askers = Askers(model.histories_.take(users), users)
    found = find_candidates(model.parts_, askers, 7)
    assert set(found.askers.tolist()) == {0, 1}  # nobody knows the third
    for asker, user in enumerate((0, 3)):
        for place, part in enumerate(model.parts_):
            listed = part.recommend(user, n=7)
            own = found.askers == asker
            ranks = dict(zip(found.items[own].tolist(), found.ranks[own, place].tolist(), strict=True))
            knows = listed.scores > 0 if part.sparse_scores else np.ones(len(listed), bool)
            numbers = model.items_.numbers(listed.items[knows].tolist()).tolist()
            assert [ranks[number] for number in numbers] == listed.ranks[knows].tolist()
            scores = found.scores[own, place][found.ranks[own, place] > 0]
            assert scores.mean() == pytest.approx(0, abs=1e-5)


def test_rows_say_where_parts_rank_an_item():
    model = made().fit(taken())
    users = np.array([5], np.int32)
    askers = Askers(model.histories_.take(users), users)
    found = find_candidates(model.parts_, askers, 16)
    encoder = CandidateRows(2, 16, model._encoder.items, model._encoder.users, 0)
    rows = encoder.rows(found, users, np.array([9]), model.popularity_, ())
    knots = np.append(2.0 ** np.arange(encoder.n_ranks - 1), 0)
    for row in range(rows.n_rows):
        part = slice(*rows.indptr[row : row + 2])
        for place in range(2):
            first = place * (encoder.n_ranks + 13)
            of_ranks = (rows.indices[part] >= first) & (rows.indices[part] < first + encoder.n_ranks)
            shares = rows.values[part][of_ranks]
            places = rows.indices[part][of_ranks] - first
            rank = found.ranks[row, place]
            expected = 0 if rank == 0 else np.log2(rank)
            if rank == 0:
                assert places.tolist() == [encoder.n_ranks - 1]
            else:
                assert shares @ np.log2(knots[places]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("hold_out", ["random", "last"])
def test_what_parts_learn_from_is_not_what_they_are_judged_by(hold_out):
    model = made(hold_out=hold_out, n_hold_outs=3, columns=Columns(time="time"))
    seen = []

    class Watching(Popularity):
        def _learn(self):
            super()._learn()
            seen.append(self.histories_)

    model.parts = [Watching()]
    model.fit(taken())
    *inner, whole = seen
    assert len(inner) == (3 if hold_out == "random" else 1)
    held = []
    for histories in inner:
        counts = np.diff(histories.offsets)
        assert (counts == 7).all()  # a quarter of nine is set aside
        held.append({(u, i) for u, i in zip(whole.owners(), whole.items, strict=True)}
                    - {(u, i) for u, i in zip(histories.owners(), histories.items, strict=True)})  # fmt: skip
    assert len(set().union(*held)) == sum(map(len, held))
    if hold_out == "last":
        rows = taken()
        last = {
            (user, int(model.items_.number(item)))
            for user, item, time in zip(rows["user"], rows["item"], rows["time"], strict=True)
            if time >= 7
        }
        assert held[0] == {(int(u), int(i)) for u, i in last}


def test_scores_are_probabilities_and_best_first():
    model = made(calibration="isotonic").fit(taken())
    found = model.recommend(list(range(20)), n=8)
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    for user in range(20):
        own = found.users == user
        assert (np.diff(found.scores[own]) <= 0).all()
        listed = found.scores[own] > 0
        assert {item % 2 for item in found.items[own][listed][:4].tolist()} == {user % 2}


def test_the_context_of_a_request_counts():
    parts = [FactorizationMachineRecommender(n_factors=8, n_negatives=16, epochs=30, context=["place"])]
    model = made(parts=parts, context=["place"]).fit(taken())
    at_work = model.recommend(0, n=3, context={"place": "work"}).items
    at_home = model.recommend(0, n=3, context={"place": "home"}).items
    assert (at_work < N_ITEMS // 2).all()
    assert (at_home >= N_ITEMS // 2).all()


@pytest.mark.parametrize("name", ["model", "model.tar.gz"])
def test_a_saved_one_holds_its_parts(tmp_path, name):
    items = {"item": list(range(N_ITEMS)), "side": ["odd" if item % 2 else "even" for item in range(N_ITEMS)]}
    users = {"user": list(range(N_USERS)), "age": [20.0 + user % 9 for user in range(N_USERS)]}
    parts = [EASE(l2=5), ImplicitALS(n_factors=4, retrieval="int8")]
    parts.append(FactorizationMachineRecommender(n_factors=4, epochs=3, context=["place"]))
    model = made(parts=parts, context=["place"]).fit(taken(), users=users, items=items)
    assert model.calibration_report_["n_rows"] > 10
    model.update({"user": ["new", "new", 3], "item": [0, 2, "novel"], "place": ["home"] * 3})
    model.save(tmp_path / name)
    loaded = load_recommender(tmp_path / name)
    assert [type(part) for part in loaded.parts_] == [type(part) for part in parts]
    assert loaded.parts_[1].retrieval == "int8"
    for asked in ({"users": [0, 7, "new"]}, {"history": [1, 3]}):
        for wishes in ({}, {"context": {"place": "work"}}, {"seen": True, "boosts": {5: 3.0}}):
            before, after = (each.recommend(**asked, **wishes, n=6) for each in (model, loaded))
            assert list(before) == list(after)
    assert list(model.similar_items(4, n=3)) == list(loaded.similar_items(4, n=3))


def test_parts_that_cannot_be_are_refused(tmp_path):
    made().fit(taken()).save(tmp_path)
    about = json.loads((tmp_path / "recommender.json").read_text())
    about["parameters"]["parts"][1]["model"] = "hybrid"
    (tmp_path / "recommender.json").write_text(json.dumps(about))
    with pytest.raises((DataError, UserError), match="must not hold another hybrid"):
        load_recommender(tmp_path)
    for parameters, message in (
        ({"parts": []}, "'parts' must name at least one"),
        ({"parts": ["nothing"]}, "'model' must be one of"),
        ({"parts": ["hybrid"]}, "must not hold another hybrid"),
        ({"n_candidates": 0}, "'n_candidates' must be an integer of 1 or more"),
        ({"share": 0.9}, r"'share' must be in \(0, 0.5\]"),
        ({"hold_out": "first"}, "'hold_out' must be one of random, last"),
        ({"calibration": "none"}, "'calibration' must be platt or isotonic"),
    ):
        with pytest.raises(UserError, match=message):
            made(**parameters)


def test_too_few_events_are_said():
    with pytest.raises(UserError, match="must have taken two items or more"):
        made().fit({"user": [1, 2], "item": [1, 2]})
    with pytest.raises(UserError, match="must hold some of what was set aside"):
        made().fit({"user": [1, 1], "item": [1, 2]})


def test_a_repeated_event_is_set_aside_with_its_twins():
    rows = {name: column * 2 for name, column in taken().items()}
    model = made()
    seen = []

    class Watching(Popularity):
        def _learn(self):
            super()._learn()
            seen.append(self.histories_)

    model.parts = [Watching()]
    model.fit(rows)
    assert (np.diff(seen[0].offsets) == 7).all()
    assert isinstance(seen[0], Histories)


def test_films_are_ranked_better_than_by_either_part(data_folder):
    split = split_by_user(events(data_folder))
    tables = {"users": viewers(data_folder), "items": films(data_folder)}
    parts = [ImplicitALS(), FactorizationMachineRecommender(epochs=10)]
    model = Hybrid(parts=parts, n_hold_outs=1).fit(split.train, **tables)
    whole = evaluate(model, split)
    report = model.calibration_report_
    assert report["after"]["expected_calibration_error"] < 0.02
    for part in model.parts_:
        alone = evaluate(part, split)
        difference = whole.per_user["ndcg"] - alone.per_user["ndcg"]
        assert difference.mean() > 0
        assert interval(difference)[1] > 0
    assert whole.means()["ndcg"] > 0.44
