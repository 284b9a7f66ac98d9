"""What `ContentBased` alone promises; what it shares with the others is in test_recommenders."""

import math

import numpy as np
import pytest
from movielens_tables import cold_ndcg, events, films, without_a_fifth_of_the_films

from pairloom.errors import DataError, UserError
from pairloom.recommenders import ContentBased, Popularity, load_recommender
from pairloom.recommenders.content.field_weights import choice_weights
from pairloom.recommenders.evaluation import evaluate, split_by_user
from pairloom.recommenders.fields.encoding import number_rows, trigram_rows, word_rows
from pairloom.recommenders.fields.kinds import field_kinds
from pairloom.recommenders.fields.sparse_rows import SparseRows

ITEMS = {
    "item": ["a", "b", "c", "d", "none", "new"],
    "kind": ["x|y", "x", "z", "z", "", "z|y"],
    "about": ["the red fox", "a red dog", "blue skies over", "blue fox skies", "", "skies so blue"],
    "price": [1.0, 2.0, 90.0, 100.0, float("nan"), 95.0],
}
EVENTS = {"user": [1, 1, 2, 2, 3, 3, 4], "item": ["a", "b", "c", "d", "c", "none", "none"]}


def fitted(**parameters):
    return ContentBased(**parameters).fit(EVENTS, items=ITEMS)


def test_columns_are_taken_for_what_they_are():
    model = fitted()
    kinds = field_kinds(model.attributes_, None, None, "x")
    assert kinds == {"kind": "category", "about": "text", "price": "number"}
    assert fitted(text="kind").text == ["kind"]
    kinds = field_kinds(model.attributes_, ["kind"], ["price"], "x")
    assert kinds == {"kind": "text", "about": "category", "price": "category"}


def test_likeness_is_the_weighted_sum_of_one_cosine_a_field():
    """The slow twin: every field as a dense table of weights, by the formulas of the docstrings."""
    model = fitted(weights={"kind": 1, "about": 2, "price": 1}, text_weighting="tf-idf")
    items = [model.items_.number(item) for item in ITEMS["item"]]

    def cosines(bags, idf):
        counts = {}
        for bag in bags:
            for word in set(bag):
                counts[word] = counts.get(word, 0) + 1
        rows = [{word: bag.count(word) * idf(counts[word]) for word in bag} for bag in bags]
        lengths = [math.sqrt(sum(value**2 for value in row.values())) or 1 for row in rows]
        return np.array(
            [
                [
                    sum(row[word] * other.get(word, 0) for word in row) / own / length
                    for other, length in zip(rows, lengths, strict=True)
                ]
                for row, own in zip(rows, lengths, strict=True)
            ]
        )

    def smooth(count):
        return math.log(6 / (1 + count)) + 1

    kinds = cosines([[v for v in kind.split("|") if v] for kind in ITEMS["kind"]], smooth)
    words = cosines([text.split() for text in ITEMS["about"]], smooth)
    prices = number_rows(np.array(ITEMS["price"])).normalized().dense()
    expected = 0.25 * kinds + 0.5 * words + 0.25 * prices @ prices.T
    np.fill_diagonal(expected, 0)
    for place, item in enumerate(items):
        related = model._related(item)[items]
        related[place] = 0
        np.testing.assert_allclose(related, expected[place], atol=1e-6)
    scores = model.recommend(history={"a": 3, "c": 1}, n=9)
    found = dict(zip(scores.items.tolist(), scores.scores.tolist(), strict=True))
    assert found["d"] == pytest.approx((expected[0, 3] + expected[2, 3]) / 2, rel=1e-5)


def test_many_rows_score_as_each_alone():
    """Common features go through a dense product and rare ones through their lists: both must be in the sum."""
    rng = np.random.default_rng(0)
    n_items = 300
    table = {
        "item": np.arange(n_items),
        "tags": ["|".join(f"t{t}" for t in set((rng.zipf(1.5, 5) % 150).tolist())) for _ in range(n_items)],
        "size": rng.normal(size=n_items),
        "picture": rng.normal(size=(n_items, 5)),
    }
    history = {"user": rng.integers(0, 50, 900), "item": rng.integers(0, n_items, 900)}
    model = ContentBased(binary=False).fit(history, items=table)
    assert len(model._matrix._common) > 0
    assert model._matrix._is_rare.any()
    scores = model._matrix.scores(model.histories_, model._weights)
    for user in (0, 7, 49):
        items, weights = model.histories_.of(user)
        for target in range(0, n_items, 37):
            slow = model._contributions(items, weights, target).sum()
            assert scores[user, target] == pytest.approx(slow, abs=1e-5)


def test_bm25_saturates_and_allows_for_length():
    rows = word_rows(["fox fox fox fox", "fox", "dog " + "word " * 30, "dog"], "bm25").dense()
    assert rows[1, 0] < rows[0, 0] < 2.2 * rows[1, 0]
    assert rows[2].max() > 0
    dog = np.flatnonzero(rows[3])[0]
    assert rows[2, dog] < rows[3, dog]
    idf = math.log1p((4 - 2 + 0.5) / (2 + 0.5))
    mean = (4 + 1 + 31 + 1) / 4
    assert rows[1, 0] == pytest.approx(idf * 2.2 / (1 + 1.2 * (0.25 + 0.75 / mean)), rel=1e-6)


def test_numbers_are_alike_where_they_are_close():
    numbers = np.array([1900.0, 1950.0, 1994.0, 1995.0, 1996.0, np.nan])
    rows = number_rows(numbers).normalized().dense()
    alike = rows @ rows.T
    assert alike[3, 4] > alike[3, 0] == 0
    assert not alike[5].any()
    huge = number_rows(np.array([-1.7e308, 1.7e308, 0.0]))
    assert np.isfinite(huge.values).all()
    assert number_rows(np.full(3, 7.0)).dense().tolist() == [[1], [1], [1]]
    assert number_rows(np.full(3, np.nan)).n_features == 0


def test_trigrams_mark_where_words_begin_and_end():
    rows = trigram_rows(["cat", "Cat!", "cats", "", "at"], 1 << 20).dense()
    np.testing.assert_array_equal(rows[0], rows[1])
    assert (rows[0] > 0).sum() == 3
    assert ((rows[0] > 0) & (rows[2] > 0)).sum() == 2
    assert not rows[3].any()
    assert ((rows[0] > 0) & (rows[4] > 0)).sum() == 1
    np.testing.assert_allclose(rows.sum(axis=1), [1, 1, 1, 0, 1], rtol=1e-6)


def test_rows_survive_being_turned_put_together_and_cut():
    rng = np.random.default_rng(1)
    first, second = (np.where(rng.random((6, n)) < 0.4, rng.normal(size=(6, n)), 0) for n in (4, 7))

    def rows(dense):
        owners, features = np.nonzero(dense)
        order = rng.permutation(len(owners))
        return SparseRows.of_entries(
            owners[order], features[order], dense[owners, features][order], dense.shape
        )

    both = SparseRows.beside([rows(first), rows(second)], 6)
    whole = np.concatenate((first, second), axis=1).astype(np.float32)
    np.testing.assert_allclose(both.dense(), whole)
    np.testing.assert_allclose(both.turned().dense(), whole.T)
    np.testing.assert_allclose(both.take(np.array([3, 3, 0])).dense(), whole[[3, 3, 0]])
    dropped = np.arange(11) % 3 == 0
    np.testing.assert_allclose(both.without(dropped).dense(), whole[:, ~dropped])
    np.testing.assert_allclose(both.widened(8).dense()[:6], whole)


def test_items_without_attributes_come_after_those_that_are_alike_by_popularity():
    model = fitted()
    found = model.recommend(history=["c"], n=6)
    assert found.items.tolist()[:2] == ["new", "d"] or found.items.tolist()[:2] == ["d", "new"]
    assert "none" in found.items.tolist()
    assert found.scores[found.items.tolist().index("none")] == 0
    nothing = model.recommend(history=["none"], n=3, reasons=True)
    assert nothing.items.tolist()[0] == "c"  # the most popular besides
    assert nothing.reasons == ["popular"] * 3
    assert not nothing.scores.any()
    assert len(model.similar_items("none")) == 0


def test_an_item_that_nobody_took_is_recommended():
    assert "new" in fitted().recommend(2, n=1).items.tolist()
    assert fitted().recommend(2, n=1, reasons=True).reasons[0].startswith("because of ")


def test_vectors_of_the_caller_count():
    rng = np.random.default_rng(0)
    pictures = np.concatenate((rng.normal(3, 1, (10, 6)), rng.normal(-3, 1, (10, 6))))
    table = {"user": [1, 1, 2, 2], "item": [0, 1, 10, 11]}
    given = (
        {"item": np.arange(20), "picture": pictures},
        {"item": np.arange(20), "picture": {i: pictures[i] for i in range(20)} | {"unknown": pictures[0]}},
        {"item": np.arange(20), "picture": pictures.tolist()},
        [{"item": i, "picture": pictures[i].tolist()} for i in range(20)],
    )
    for items in given:
        model = ContentBased().fit(table, items=items)
        assert set(model.recommend(1, n=8).items.tolist()) == set(range(2, 10))
        assert set(model.similar_items(15, n=9).items.tolist()) == set(range(10, 20)) - {15}


def test_vectors_in_a_data_frame_may_miss(tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas makes the data frame")
    frame = pandas.DataFrame(
        {
            "item": [1, 2, 3, 4],
            "sentence": [[0.5, 1.0], None, [0.4, 1.1], [1.0, -0.5]],
            "kind": ["a", "a", "b", "b"],
        }
    )
    model = ContentBased(weights={"sentence": 1}).fit({"user": [1], "item": [1]}, items=frame)
    assert model.recommend(1, n=1).items.tolist() == [3]
    model.save(tmp_path / "model")
    loaded = load_recommender(tmp_path / "model")
    assert list(loaded.recommend(1, n=3)) == list(model.recommend(1, n=3))
    loaded.update({"user": [1], "item": [99]})
    assert 99 not in loaded.recommend(1, n=9).items.tolist()


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([[0.5, 1.0], [0.5], [1.0, 2.0]], "row 2, field 'v': expected a vector of 2 numbers.* Got 1"),
        ([[0.5, 1.0], [float("inf"), 1.0], [1.0, 2.0]], "row 2, field 'v': expected finite numbers"),
        (np.full((3, 2), 1e30), "whose squares float32 can add up"),
        (np.ones((2, 2)), "expected 3 rows, as the other columns. Got 2"),
        ({1: [0.5, 1.0], 2: [0.5]}, "vectors of one length"),
        ({1: 0.5, 2: 0.5}, "vectors of one length"),
    ],
)  # fmt: skip
def test_vectors_that_cannot_be_are_refused(column, message):
    with pytest.raises(DataError, match=message):
        ContentBased().fit({"user": [1], "item": [1]}, items={"item": [1, 2, 3], "v": column})


def test_weights_are_learned_from_what_goes_together():
    """Users stay within a shelf; colours are noise."""
    rng = np.random.default_rng(0)
    shelves, colours = rng.integers(0, 8, 200), rng.integers(0, 8, 200)
    table = {
        "item": np.arange(200),
        "shelf": [f"s{s}" for s in shelves],
        "colour": [f"c{c}" for c in colours],
    }
    users = np.repeat(np.arange(100), 6)
    items = np.concatenate([rng.choice(np.flatnonzero(shelves == user % 8), 6) for user in range(100)])
    model = ContentBased().fit({"user": users, "item": items}, items=table)
    assert model.weights_["shelf"] > 0.9
    assert sum(model.weights_.values()) == pytest.approx(1)
    again = ContentBased().fit({"user": users, "item": items}, items=table)
    assert again.weights_ == model.weights_


def test_weights_of_choices_are_at_the_least_of_their_loss():
    rng = np.random.default_rng(0)
    differences = rng.normal([0.4, -0.3, 0.0, 0.2], 1, (400, 5, 4))
    there = rng.random((400, 5)) < 0.8

    def loss(weights):
        margins = np.where(there, np.exp(-(differences @ weights)), 0)
        return np.log1p(margins.sum(axis=1)).mean() + 5e-4 * weights @ weights

    weights = choice_weights(differences, there)
    assert weights[1] == 0
    assert weights[0] > weights[3] > 0
    for _ in range(50):
        other = np.maximum(weights + rng.normal(0, 0.02, 4), 0)
        assert loss(other) >= loss(weights)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"text_weighting": "x"}, "'text_weighting' must be one of bm25, tf-idf. Got 'x'"),
        ({"weights": "x"}, "'weights' must be learned, equal or a mapping"),
        ({"weights": {"kind": -1}}, "'weights' must be finite numbers of 0 or more"),
        ({"weights": {}}, "one of them above 0"),
        ({"weights": {"kind": float("nan")}}, "'weights' must be finite"),
        ({"weights": {"colour": 1}}, "'weights' must name columns of the items table. Got 'colour'"),
        ({"text": ["colour"]}, "'text' must name columns of the table. Got 'colour' of kind, about, price"),
        ({"text": ["kind"], "categories": ["kind"]}, "must be text or categories, not both"),
    ],
)
def test_settings_that_do_not_fit_are_refused(parameters, message):
    with pytest.raises(UserError, match=message):
        fitted(**parameters)


def test_a_table_of_items_is_needed():
    for items in (None, {"item": [1]}):
        with pytest.raises(UserError, match="ContentBased: must be given a table of items with attributes"):
            ContentBased().fit({"user": [1], "item": [1]}, items=items)


@pytest.mark.parametrize(
    "column", [["", "", ""], ["x", "y", "z"], [1, 1, 1], ["same"] * 3, [float("nan")] * 3, [[], [], []]]
)
def test_columns_that_tell_nothing_are_no_trouble(column):
    model = ContentBased().fit({"user": [1, 1, 2], "item": [1, 2, 2]}, items={"item": [1, 2, 3], "c": column})
    assert len(model.recommend(1, n=5)) == 1
    assert np.isfinite(model.recommend(2, n=5).scores).all()


def test_films_that_nobody_rated_are_found(data_folder):
    known, cold = without_a_fifth_of_the_films(events(data_folder))
    table = films(data_folder)
    learned = cold_ndcg(ContentBased().fit(known, items=table), cold)
    shuffled = dict(table, item=np.random.default_rng(0).permutation(table["item"]))
    by_chance = cold_ndcg(ContentBased().fit(known, items=shuffled), cold)
    popular = cold_ndcg(Popularity().fit(known, items=shuffled), cold)
    assert learned > 0.23
    assert learned > 2 * max(by_chance, popular)


def test_quality_on_films_that_many_rated(data_folder):
    split = split_by_user(events(data_folder))
    model = ContentBased().fit(split.train, items=films(data_folder))
    assert evaluate(model, split).means()["ndcg"] > 0.065
