"""What every recommender promises, whichever model is behind it."""

import json
import tarfile
import threading

import numpy as np
import pytest

from pairloom.errors import DataError, UserError
from pairloom.recommenders import (
    BPR,
    EASE,
    SLIM,
    WARP,
    Columns,
    ContentBased,
    FactorizationMachineRecommender,
    Hybrid,
    ImplicitALS,
    ItemToItem,
    MatrixFactorization,
    Popularity,
    RandomItems,
    TwoTower,
    load_recommender,
)
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.catalogue import TYPES
from pairloom.recommenders.interactions import Events, Histories

MADE = {
    "item-to-item": lambda **more: ItemToItem(least_common=1, **more),
    "cosine": lambda **more: ItemToItem(relation="cosine", least_common=1, **more),
    "ease": lambda **more: EASE(l2=5, **more),
    "implicit-als": lambda **more: ImplicitALS(n_factors=2, l2=0.01, **more),
    "slim": lambda **more: SLIM(l1=0.1, l2=3, **more),
    "bpr": lambda **more: BPR(n_factors=4, learning_rate=0.1, l2=0.01, popularity_power=0, **more),
    "warp": lambda **more: WARP(n_factors=2, learning_rate=0.1, epochs=40, l2=2, bias_l2=10, **more),
    "matrix-factorization": lambda **more: MatrixFactorization(
        n_factors=8, epochs=60, n_negatives=4, learning_rate=0.01, dropout=0, batch_size=16, l2=0.1, **more
    ),
    "content": lambda **more: ContentBased(weights={"kind": 2, "year": 1}, **more),
    "fm": lambda **more: FactorizationMachineRecommender(
        n_factors=4, n_negatives=8, epochs=40, l2=0.01, **more
    ),
    "two-tower": lambda **more: TwoTower(
        n_factors=8, epochs=60, batch_size=64, learning_rate=0.02, validation_share=0.0, n_buckets=64, **more
    ),
    "hybrid": lambda **more: Hybrid(
        parts=[EASE(l2=5), ImplicitALS(n_factors=2, l2=0.01)], share=0.25, n_factors=2, epochs=10, **more
    ),
    "popularity": Popularity,
}
OWN_VECTORS = ("bpr", "warp", "matrix-factorization")
"""Training gives their users vectors, which a history alone comes near to."""
PERSONAL = [name for name in MADE if name != "popularity"]
# Two tastes: users a* take 1 to 4, users b* take 11 to 14; all take 99.
TASTES = [
    *((f"a{user}", item) for user in range(6) for item in (1, 2, 3, 4, 99) if (user + item) % 5),
    *((f"b{user}", item) for user in range(6) for item in (11, 12, 13, 14, 99) if (user + item) % 5),
]
TABLE = {"user": [user for user, _ in TASTES], "item": [item for _, item in TASTES]}
ITEMS = {
    "item": [1, 2, 3, 4, 11, 12, 13, 14, 99, 500],
    "kind": ["one|odd", "one", "one|odd", "one", "two|odd", "two", "two|odd", "two", "all", "new"],
    "year": [1, 2, 3, 4, 11, 12, 13, 14, 99, 500],
    "title": ["Uno", "Due", "Tre", "Quattro", "Undici", "Dodici", "Tredici", "Quattordici", "Tutti", "Nuovo"],
}


@pytest.fixture(params=list(MADE))
def fitted(request):
    return MADE[request.param]().fit(TABLE, items=ITEMS)


@pytest.fixture(params=PERSONAL)
def personal(request):
    return MADE[request.param]().fit(TABLE, items=ITEMS)


def taken_by(user):
    return {item for who, item in TASTES if who == user}


def test_lists_hold_what_a_user_has_not(fitted):
    found = fitted.recommend(["a1", "b2"], n=5)
    for user in ("a1", "b2"):
        rows = [row for row in found if row["user"] == user]
        assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
        assert not {row["item"] for row in rows} & taken_by(user)
        scores = [row["score"] for row in rows]
        assert scores == sorted(scores, reverse=True)
    again = fitted.recommend("a1", n=9, seen=True)
    assert taken_by("a1") <= set(again.items.tolist())


def test_tastes_are_told_apart(personal):
    missing = {1, 2, 3, 4, 99} - taken_by("a1")
    if personal.name == "content":
        missing.remove(99)  # the others took it, but it is not like them
    assert set(personal.recommend("a1", n=len(missing)).items.tolist()) == missing
    block = [99] if personal.name == "two-tower" else []  # it goes with everything
    assert set(personal.recommend(history=[11, 12], n=2, block=block).items.tolist()) == {13, 14}
    assert set(personal.similar_items(3, n=3).items.tolist()) == {1, 2, 4}


@pytest.mark.parametrize("name", [name for name in MADE if name not in OWN_VECTORS])
def test_a_known_user_and_the_same_history_get_the_same(name):
    fitted = MADE[name]().fit(TABLE, items=ITEMS)
    by_user = fitted.recommend("a1", n=4)
    by_history = fitted.recommend(history=sorted(taken_by("a1"), reverse=True), n=4)
    assert by_user.items.tolist() == by_history.items.tolist()
    np.testing.assert_allclose(by_user.scores, by_history.scores, rtol=1e-5)


def test_many_users_get_what_each_gets_alone(fitted):
    users = ["a1", "nobody", "b2", "a0"]
    together = fitted.recommend(users, n=3)
    for user in users:
        alone = fitted.recommend(user, n=3)
        assert alone.items.tolist() == together.items[together.users == user].tolist()


def test_who_is_unknown_or_has_nothing_gets_what_is_popular(fitted):
    for found in (
        fitted.recommend("nobody", n=1, reasons=True),
        fitted.recommend(history=[], n=1, reasons=True),
        fitted.recommend(history=["nothing known"], n=1, reasons=True),
    ):
        assert found.items.tolist() == [99]
        assert found.reasons == ["popular"]


def test_reasons_are_items_of_the_history(personal):
    (row,) = personal.recommend(history=[11, 12, 1], n=1, where={"kind": "two"}, reasons=True)
    assert "Undici" in row["reason"] or "Dodici" in row["reason"]
    assert row["reason"].startswith("because of ")
    added = personal.explain(13, history=[11, 12, 1])
    assert set(added.items.tolist()) == {11, 12, 1}
    assert added.items.tolist()[-1] == 1
    if personal.name == "hybrid":
        return  # its contributions are shares of what its parts say
    total = personal.recommend(history=[11, 12, 1], n=9)
    score = dict(zip(total.items.tolist(), total.scores.tolist(), strict=True))[13]
    if getattr(personal, "bias_columns", 0):
        score -= personal._item_vectors[personal.items_.number(13), -1]
    assert added.scores.sum() == pytest.approx(score, rel=1e-4)


def test_filters_hold(fitted):
    def items(**wishes):
        return set(fitted.recommend("a1", n=20, seen=True, **wishes).items.tolist())

    assert items(where={"kind": "two"}) == {11, 12, 13, 14}
    assert items(where={"kind": ["one", "all"]}) == {1, 2, 3, 4, 99}
    assert items(where={"kind": "odd", "year": (2, 12)}) == {3, 11}
    assert items(only=[1, 2, 12345]) == {1, 2}
    assert items(only=[]) == set()
    assert items(block=[99, 1, 777]) == {2, 3, 4, 11, 12, 13, 14, 500}


def test_caps_hold_for_every_value(fitted):
    found = fitted.recommend("nobody", n=10, caps={"kind": 1})
    kinds = dict(zip(ITEMS["item"], ITEMS["kind"], strict=True))
    values = [value for item in found.items.tolist() for value in kinds[item].split("|")]
    assert len(values) == len(set(values))
    assert len(found) >= 4


def test_boosts_move_items(fitted):
    plain = fitted.recommend("nobody", n=1).items.tolist()
    assert plain == [99]
    assert fitted.recommend("nobody", n=1, boosts={3: 100.0}).items.tolist() == [3]
    assert fitted.recommend("nobody", n=1, boosts={99: 0.001}).items.tolist() != [99]


def test_diversity_trades_score_for_difference(personal):
    near = personal.recommend(history=[1, 2], n=3, seen=True, where={"kind": ["one", "two"]})
    far = personal.recommend(history=[1, 2], n=3, seen=True, where={"kind": ["one", "two"]}, diversity=0.9)
    numbers = [personal.items_.numbers(found.items.tolist()) for found in (near, far)]
    assert personal.similarity(numbers[1]).sum() < personal.similarity(numbers[0]).sum()
    assert far.items[0] == near.items[0]


def test_a_list_longer_than_the_catalogue_has_all_of_it(fitted):
    assert len(fitted.recommend("nobody", n=1000)) == 10
    assert len(fitted.recommend("nobody", n=1000, seen=True, block=ITEMS["item"])) == 0


def test_a_user_who_has_everything_gets_nothing():
    model = Popularity().fit({"user": [1, 1, 2], "item": [5, 6, 5]})
    assert len(model.recommend(1)) == 0
    assert model.recommend([1, 2]).users.tolist() == [2]


@pytest.mark.parametrize("name", ["model", "model.tar.gz"])
def test_a_saved_one_answers_the_same(fitted, tmp_path, name):
    fitted.save(tmp_path / name)
    loaded = load_recommender(tmp_path / name)
    assert type(loaded) is type(fitted)
    for wishes in ({"history": [1, 2]}, {"users": ["a1", "b1"], "where": {"year": (1, 20)}, "reasons": True}):
        before, after = fitted.recommend(**wishes), loaded.recommend(**wishes)
        assert list(before) == list(after)
    assert type(fitted).load(tmp_path / name).items_.numbers([99]) == fitted.items_.numbers([99])


def test_one_of_another_kind_is_refused(tmp_path):
    Popularity().fit(TABLE).save(tmp_path / "model")
    with pytest.raises(UserError, match=r"EASE: the recommender at .* must be one. Got Popularity"):
        EASE.load(tmp_path / "model")


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.update(format="other"),
        lambda about: about.update(version=99),
        lambda about: about.update(model="os.system"),
        lambda about: about.update(surprise=1),
        lambda about: about.update(parameters={}),
        lambda about: about["parameters"].update(relation="x"),
        lambda about: about.update(attributes=["a", "b", "c", "d", "e"]),
    ],
)
def test_metadata_that_cannot_be_is_refused(tmp_path, change):
    ItemToItem().fit(TABLE, items=ITEMS).save(tmp_path)
    about = json.loads((tmp_path / "recommender.json").read_text())
    change(about)
    (tmp_path / "recommender.json").write_text(json.dumps(about))
    with pytest.raises((DataError, UserError)):
        load_recommender(tmp_path)


@pytest.mark.parametrize("kind", TYPES)
def test_damaged_arrays_are_refused_or_answer(tmp_path, kind):
    """Bytes changed anywhere end in an error of ours or in answers, never in a crash."""
    kind().fit(TABLE, items=ITEMS).save(tmp_path)
    whole = (tmp_path / "recommender.safetensors").read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        broken = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            broken[place] = rng.integers(0, 256)
        (tmp_path / "recommender.safetensors").write_bytes(broken[: len(broken) - int(rng.integers(0, 2))])
        try:
            load_recommender(tmp_path).recommend(["a1", "b1"], n=3)
        except (DataError, UserError):
            refused += 1
    assert refused > 30


def test_what_is_no_recommender_is_refused(tmp_path):
    with pytest.raises(DataError, match="Got nothing by that name"):
        load_recommender(tmp_path / "none")
    with pytest.raises(DataError, match=r"with recommender.json"):
        load_recommender(tmp_path)
    with tarfile.open(tmp_path / "other.tar.gz", "w:gz") as archive:
        archive.add(__file__, "recommender.txt")
    with pytest.raises(DataError, match=r"with recommender.json"):
        load_recommender(tmp_path / "other.tar.gz")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either users or a history"),
        ({"users": "a1", "history": [1]}, "either users or a history"),
        ({"users": "a1", "n": 0}, "'n' must be 1 or more. Got 0"),
        (
            {"users": "a1", "where": {"colour": "red"}},
            "'where' must name a column of the items table. Got 'colour'",
        ),
        ({"users": "a1", "where": {"kind": (1, 2)}}, "a pair .* is for a column of numbers"),
        ({"users": "a1", "caps": {"colour": 1}}, "'caps' must name a column"),
        ({"users": "a1", "caps": {"kind": 0}}, "'caps' must be 1 or more"),
        ({"users": "a1", "boosts": {1: -1}}, "'boosts' must be finite numbers above 0"),
        ({"users": "a1", "diversity": 2}, r"'diversity' must be in \[0, 1\]"),
        ({"history": {1: -1}}, "weights of a history must be finite numbers of 0 or more"),
    ],
)
def test_wishes_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        Popularity().fit(TABLE, items=ITEMS).recommend(**arguments)


def test_items_and_users_that_must_be_known_are_named():
    model = ItemToItem().fit(TABLE)
    with pytest.raises(UserError, match=r"'item' must be known. Got 12345, which is none of 9 items"):
        model.similar_items(12345)
    with pytest.raises(UserError, match=r"'user' must be known. Got 'nobody'"):
        model.explain(99, user="nobody")
    with pytest.raises(UserError, match="must be fitted first"):
        ItemToItem().recommend(1)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"user": [1, None], "item": [1, 2]}, "expected an id. Got none"),
        ({"user": ["a", "b"], "item": ["x", ""]}, "row 2, field 'item': expected an id. Got none"),
        (
            {"user": [1, 2], "item": [1, 2], "w": [1, -2]},
            "row 2, field 'w': expected a weight of 0 or more. Got -2",
        ),
        (
            {"user": [1, 2], "item": [1, 2], "w": [None, 2.0]},
            "row 1, field 'w': expected a weight of 0 or more. Got none",
        ),
        ({"user": [1, 2], "item": [1, 2], "w": [1e300, 2.0]}, "a weight that float32 holds"),
        ({"user": [1, 2], "item": [1, 2], "w": [float("inf"), 2.0]}, "a finite number"),
    ],
)
def test_rows_that_cannot_be_are_named(table, message):
    columns = Columns(weight="w" if "w" in table else None)
    with pytest.raises(DataError, match=message):
        Popularity(columns=columns).fit(table)


def test_columns_that_miss_are_named():
    with pytest.raises(UserError, match=r"column 'item' must be there. Got user, film"):
        Popularity().fit({"user": [1], "film": [2]})
    with pytest.raises(DataError, match=r"expected each of the items once. Got 7 again"):
        Popularity().fit({"user": [1], "item": [7]}, items={"item": [7, 8, 7]})


def test_a_users_table_is_kept_with_the_model(fitted, tmp_path):
    users = {"user": ["a1", "c1"], "age": [31, 54], "job": ["clerk", "cook|poet"]}
    fitted.fit(TABLE, users=users, items=ITEMS)
    assert fitted.users_.number("c1") == 12
    assert fitted.recommend("c1", n=1).items.tolist() == fitted.recommend(history=[], n=1).items.tolist()
    fitted.update({"user": ["d1"], "item": [777]})
    fitted.save(tmp_path / "model.tar.gz")
    loaded = load_recommender(tmp_path / "model.tar.gz")
    for model in (fitted, loaded):
        assert model.attributes_.n_rows == len(model.items_)
        assert model.attributes_.columns["kind"].of(model.items_.number(777)) == []
        jobs, ages = model.user_attributes_.columns["job"], model.user_attributes_.columns["age"]
        assert jobs.of(model.users_.number("c1")) == ["cook", "poet"]
        assert ages.numbers[model.users_.numbers(["a1", "c1"])].tolist() == [31, 54]
        assert np.isnan(ages.numbers[model.users_.number("d1")])
    assert loaded.recommend("d1", n=3).items.tolist() == fitted.recommend("d1", n=3).items.tolist()
    with pytest.raises(DataError, match=r"row 2, field 'user': expected each of the users once. Got 1 again"):
        Popularity().fit({"user": [1], "item": [7]}, users={"user": [1, 1]})


def test_ids_of_mixed_type_are_one_where_they_spell_the_same():
    model = Popularity().fit({"user": ["1", "2", "x"], "item": [7, 7, 8]})
    assert model.recommend(1, n=5).items.tolist() == [8]
    assert model.recommend("1", n=5).items.tolist() == [8]


@pytest.mark.parametrize(("duplicates", "weight"), [("sum", 6), ("last", 2), ("largest", 4)])
def test_events_of_one_pair_count_together(duplicates, weight):
    table = {"user": [1, 1, 1], "item": [5, 5, 5], "w": [4.0, 2.0, 0.0], "t": [10, 20, 30]}
    by_time = Popularity(columns=Columns(weight="w", time="t"), duplicates=duplicates).fit(table)
    assert by_time.histories_.weights.tolist() == [weight]
    turned = {name: values[::-1] for name, values in table.items()}
    assert (
        Popularity(columns=Columns(weight="w", time="t"), duplicates=duplicates)
        .fit(turned)
        .histories_.weights
        == weight
    )


@pytest.mark.parametrize("name", list(MADE))
def test_events_are_taken_in_at_once(name):
    model = MADE[name]().fit(TABLE, items=ITEMS if name == "content" else None)
    n_items = len(model.items_)
    model.update({"user": ["new", "new", "a1"], "item": [11, 12, 4]})
    assert "new" in [row["user"] for row in model.recommend(["new"], n=2)]
    if name != "popularity":
        block = [99] if name in ("two-tower", "matrix-factorization") else []  # it goes with everything
        assert set(model.recommend("new", n=2, block=block).items.tolist()) == {13, 14}
    assert 4 not in model.recommend("a1", n=9).items.tolist()
    model.update({"user": ["new"], "item": ["unheard of"]})
    assert len(model.items_) == n_items + 1
    assert model.recommend("a1", n=1).items.tolist()


@pytest.mark.parametrize("relation", ["surprise", "cosine", "conditional"])
def test_an_update_is_what_building_the_table_anew_gives(relation):
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 60, 900), (rng.zipf(1.4, 900) % 40)
    model = ItemToItem(relation=relation, least_common=1).fit({"user": users[:800], "item": items[:800]})
    chances = model._chances
    model.update({"user": users[800:], "item": items[800:]})
    fresh = ItemToItem(relation=relation, least_common=1).fit({"user": users, "item": items})
    order = fresh.items_.numbers(model.items_.values(np.arange(len(model.items_))).tolist())
    if relation == "surprise":  # with the same item chances
        fresh._chances = np.empty_like(model._chances)
        fresh._chances[order] = model._chances
        fresh._related_items, fresh._related_scores = fresh._rows_of(None)
        np.testing.assert_array_equal(model._chances[: len(chances)], chances)
    np.testing.assert_allclose(fresh._related_scores[order], model._related_scores, rtol=1e-5)


def test_ease_is_the_ridge_regression_without_a_diagonal():
    rng = np.random.default_rng(0)
    X = (rng.random((40, 7)) < 0.4).astype(float)
    users, items = np.nonzero(X)
    for few in (True, False):
        model = EASE(l2=3.0).fit({"user": users, "item": items})
        model._few_users = lambda few=few: few
        model._learn()
        order = model.items_.numbers(range(7))
        for target in range(7):
            others = [i for i in range(7) if i != target]
            gram = X[:, others].T @ X[:, others] + 3.0 * np.eye(6)
            expected = np.linalg.solve(gram, X[:, others].T @ X[:, target])
            np.testing.assert_allclose(model._weights[order[others], order[target]], expected, atol=1e-5)


def test_vectors_of_als_are_at_the_least_of_its_loss():
    rng = np.random.default_rng(0)
    table = {"user": rng.integers(0, 30, 200), "item": rng.integers(0, 12, 200)}
    model = ImplicitALS(n_factors=3, epochs=100, unobserved_weight=0.3, l2=0.05, frequency_power=0.5).fit(
        table
    )
    taken = np.zeros((30, 12))
    histories = model.histories_
    taken[histories.owners(), histories.items] = 1

    def loss(users, items):
        scores = users @ items.T
        sizes = [0.05 * np.sqrt(taken.sum(axis=axis) + 0.3 * n) for axis, n in ((1, 12), (0, 30))]
        penalty = sum(
            size @ np.square(side).sum(axis=1) for size, side in zip(sizes, (users, items), strict=True)
        )
        return (taken * (1 - scores) ** 2).sum() + 0.3 * np.square(scores).sum() + penalty

    users = model._queries(Askers.sessions(histories))[:, :3].astype(np.float64)
    items = model._item_vectors[:, :3].astype(np.float64)
    least = loss(users, items)
    for _ in range(20):
        moved = items + rng.normal(0, 1e-2, items.shape)
        assert loss(users, moved) > least
        assert loss(users + rng.normal(0, 1e-2, users.shape), items) > least


def test_results_do_not_depend_on_threads():
    rng = np.random.default_rng(1)
    table = {"user": rng.integers(0, 300, 5000), "item": rng.zipf(1.3, 5000) % 200}
    vectors = [ImplicitALS(n_jobs=n, epochs=3).fit(table)._item_vectors for n in (1, 2)]
    np.testing.assert_array_equal(*vectors)
    one, two = (ItemToItem(n_jobs=n).fit(table) for n in (1, 2))
    np.testing.assert_array_equal(one._related_items, two._related_items)
    np.testing.assert_array_equal(one._related_scores, two._related_scores)


def test_settings_that_cannot_be_are_refused():
    for made in (
        lambda: ItemToItem(relation="x"),
        lambda: ItemToItem(n_related=0),
        lambda: ItemToItem(discount=2),
    ):
        with pytest.raises(UserError, match="ItemToItem: "):
            made()
    with pytest.raises(UserError, match="'l2' must be a finite number above 0"):
        EASE(l2=0)
    with pytest.raises(UserError, match="'duplicates' must be one of"):
        Popularity(duplicates="x").fit(TABLE)


def test_histories_merge_as_if_all_events_came_at_once():
    rng = np.random.default_rng(0)
    for duplicates in ("sum", "last", "largest"):
        users, items = (rng.integers(0, n, 90).astype(np.int32) for n in (12, 9))
        weights = rng.integers(1, 9, 90).astype(np.float32)
        events = Events(users, items, weights)
        early, late = events.part(np.s_[:60]), events.part(np.s_[60:])
        late = late.part(late.users > 3)
        both = Events(
            *(np.concatenate((getattr(early, n), getattr(late, n))) for n in ("users", "items", "weights"))
        )
        first, later, whole = (Histories.of_events(each, 12, 9, duplicates) for each in (early, late, both))
        merged = first.merged(later, duplicates)
        for name in ("offsets", "items", "weights"):
            np.testing.assert_array_equal(getattr(merged, name), getattr(whole, name))


def test_updates_in_one_thread_leave_askers_of_others_undisturbed():
    rng = np.random.default_rng(1)
    model = ItemToItem(least_common=1).fit(
        {"user": rng.integers(0, 50, 600), "item": rng.integers(0, 40, 600)}
    )
    ended = threading.Event()
    faults = []

    def ask():
        while not ended.is_set():
            try:
                found = model.recommend(list(range(50)), n=3, reasons=True)
                assert len(found) > 100
                model.similar_items(3)
            except Exception as error:
                faults.append(error)
                return

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    for step in range(60):
        model.update({"user": [step % 50, 1000 + step], "item": [2000 + step, step % 40]})
    ended.set()
    for thread in asking:
        thread.join()
    assert not faults
    assert len(model.items_) == 100
    whole = model.histories_.by_item()
    for name in ("offsets", "items"):
        np.testing.assert_array_equal(getattr(model._turned, name), getattr(whole, name))


def test_titles_are_told_where_there_are_any(fitted):
    assert [fitted.title(item) for item in (1, "99", 12345)] == ["Uno", "Tutti", "12345"]
    assert Popularity().fit(TABLE).title(99) == "99"


def test_lots_are_drawn_by_history_and_seed(tmp_path):
    table = {"user": [user for user in range(40) for _ in range(5)], "item": [i % 97 for i in range(200)]}
    model = RandomItems(random_state=3).fit(table)
    lists = [model.recommend(user, n=20).items.tolist() for user in range(40)]
    assert all(not set(items) & set(range(5 * user, 5 * user + 5)) for user, items in enumerate(lists[:19]))
    assert len({tuple(items) for items in lists}) > 35
    assert len({item for items in lists for item in items}) >= 85
    model.save(tmp_path / "model")
    assert [
        RandomItems.load(tmp_path / "model").recommend(u, n=20).items.tolist() for u in range(40)
    ] == lists
    other = RandomItems(random_state=4).fit(table)
    assert other.recommend(0, n=20).items.tolist() != lists[0]


def test_an_updated_one_leaves_the_other_as_it_is():
    model = ItemToItem(least_common=1).fit(TABLE)
    updated = model.updated({"user": ["new"], "item": [99]})
    assert updated.users_.number("new") == 12
    assert model.users_.number("new") == -1
    assert len(model.histories_.items) + 1 == len(updated.histories_.items)
