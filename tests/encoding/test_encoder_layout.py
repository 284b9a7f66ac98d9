"""Known answers: which columns there are, what they are called, where a value goes."""

import numpy as np
import pytest

from pairloom.encoding import Bucket, Date, FeatureEncoder, Id, Multi, Standard, Text


def names(specs, columns):
    return FeatureEncoder(specs).fit(columns).get_feature_names_out().tolist()


def encoded(encoder, columns):
    """Rows as lists of names, with the value where it is not one."""
    matrix, known = encoder.transform(columns), encoder.get_feature_names_out()
    rows = []
    for i in range(matrix.shape[0]):
        span = slice(matrix.indptr[i], matrix.indptr[i + 1])
        pairs = zip(known[matrix.indices[span]], matrix.data[span].tolist(), strict=True)
        rows.append([name if value == 1 else (name, round(value, 4)) for name, value in pairs])
    return rows


def test_ids_come_in_order_of_first_appearance():
    encoder = FeatureEncoder(["user", "item"]).fit({"user": [42, 7, 42], "item": ["b", "a", "b"]})
    assert encoder.get_feature_names_out().tolist() == [
        "user=<missing>", "user=<unseen>", "user=42", "user=7",
        "item=<missing>", "item=<unseen>", "item=b", "item=a",
    ]  # fmt: skip
    assert encoder.fields_.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert encoder.specs_ == {"user": Id(), "item": Id()}
    assert encoder.columns_of("item")[0].tolist() == [4, 5, 6, 7]
    assert encoder.columns_of("item")[1] == ["<missing>", "<unseen>", "b", "a"]


def test_unseen_and_missing_ids_have_columns_of_their_own():
    encoder = FeatureEncoder(["user"]).fit({"user": [42, 7]})
    assert encoded(encoder, {"user": ["7", None, "nobody", "", "07"]}) == [
        ["user=7"], ["user=<missing>"], ["user=<unseen>"], ["user=<missing>"], ["user=<unseen>"],
    ]  # fmt: skip


def test_rare_ids_are_unseen():
    encoder = FeatureEncoder({"user": Id(min_count=2)}).fit({"user": ["a", "b", "a"]})
    assert encoded(encoder, {"user": ["a", "b"]}) == [["user=a"], ["user=<unseen>"]]


def test_an_id_that_became_frequent_gets_the_last_column():
    encoder = FeatureEncoder({"user": Id(min_count=2), "item": Id()}).fit(
        {"user": ["a", "b", "a"], "item": "xxx"[:0] or ["x"] * 3}
    )
    encoder.transform({"user": ["a"], "item": ["x"]})
    encoder.partial_fit({"user": ["b", "c"], "item": ["y", "x"]})
    assert encoder.get_feature_names_out().tolist()[-2:] == ["user=b", "item=y"]
    assert encoded(encoder, {"user": ["a", "b", "c"], "item": ["x", "y", "z"]}) == [
        ["user=a", "item=x"], ["user=b", "item=y"], ["user=<unseen>", "item=<unseen>"],
    ]  # fmt: skip


def test_genres():
    films = {"genres": ["Adventure|Comedy", "Comedy", None, ""]}
    encoder = FeatureEncoder({"genres": Multi()}).fit(films)
    assert encoded(encoder, films) == [
        ["genres=Adventure", "genres=Comedy"], ["genres=Comedy"], ["genres=<missing>"], ["genres=<missing>"],
    ]  # fmt: skip
    shares = FeatureEncoder({"genres": Multi(sep=",", normalize=True)}).fit({"genres": ["a, b", "a"]})
    assert encoded(shares, {"genres": ["b,a, b", "c"]}) == [
        [("genres=a", 0.3333), ("genres=b", 0.6667)], ["genres=<unseen>"],
    ]  # fmt: skip


def test_lists_are_multi_valued():
    encoder = FeatureEncoder(["seen"]).fit({"seen": [[1, 2], [], None, [2]]})
    assert encoder.specs_ == {"seen": Multi()}
    assert encoded(encoder, {"seen": [[2, 1], [], [9]]}) == [
        ["seen=1", "seen=2"], ["seen=<missing>"], ["seen=<unseen>"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "numbers", "intervals"),
    [
        (Bucket(edges=(18, 25.5)), [20], ["(-inf, 18)", "[18, 25.5)", "[25.5, inf)"]),
        (Bucket(width=10), [5, 31], ["(-inf, 10)", "[10, 20)", "[20, 30)", "[30, inf)"]),
        (Bucket(log=2), [0, 9], ["(-inf, 1)", "[1, 2)", "[2, 4)", "[4, 8)", "[8, inf)"]),
        (Bucket(log=10), [-20, 5], ["(-inf, -10)", "[-10, -1)", "[-1, 0)", "[0, 1)", "[1, inf)"]),
        (Bucket(quantiles=4), range(1, 9), ["(-inf, 3)", "[3, 5)", "[5, 7)", "[7, inf)"]),
        (Bucket(quantiles=4), [1, 1, 1, 1, 1, 9], ["(-inf, 9)", "[9, inf)"]),
        (Bucket(quantiles=4), [3, 3], ["(-inf, inf)"]),
        (Bucket(), [None], ["(-inf, inf)"]),
        (Bucket(width=2), [None], ["(-inf, inf)"]),
    ],
)
def test_buckets(spec, numbers, intervals):
    expected = ["age=<missing>", *(f"age={interval}" for interval in intervals)]
    assert names({"age": spec}, {"age": list(numbers)}) == expected


def test_a_bucket_is_closed_below():
    encoder = FeatureEncoder({"age": Bucket(edges=(18, 25))}).fit({"age": [1]})
    assert encoded(encoder, {"age": [17.9, 18, 25, 1e300, None]}) == [
        ["age=(-inf, 18)"], ["age=[18, 25)"], ["age=[25, inf)"], ["age=[25, inf)"], ["age=<missing>"],
    ]  # fmt: skip


def test_standard_numbers():
    encoder = FeatureEncoder({"price": Standard()}).fit({"price": [1.0, 3.0, None]})
    assert encoded(encoder, {"price": [3.0, 1.0, None, 5.0]}) == [
        ["price"], [("price", -1.0)], ["price=<missing>"], [("price", 3.0)],
    ]  # fmt: skip
    constant = FeatureEncoder({"price": Standard()}).fit({"price": [0.1] * 10})
    assert encoded(constant, {"price": [1.1]}) == [["price"]]


def test_dates():
    spec = Date(parts=("year", "weekday", "hour"), age_days=(1, 30))
    encoder = FeatureEncoder({"at": spec}).fit({"at": ["2025-12-31", "2026-02-01T12:00:00"]})
    assert encoded(encoder, {"at": ["2026-01-31T23:59:59", None, "2031-01-01T00:30:00+01:00"]}) == [
        ["at.year=2026", "at.weekday=Sat", "at.hour=23", "at.age_days=(-inf, 1)"],
        ["at=<missing>"],
        ["at.year=2026", "at.weekday=Tue", "at.hour=23", "at.age_days=(-inf, 1)"],
    ]
    assert encoder.n_features_out_ == 1 + 2 + 7 + 24 + 3


def test_epochs_dates_and_strings_are_one():
    spec = {"at": Date(parts=("month", "day", "minute"), unit="s")}
    forms = {
        "integers": [881250949, 0],
        "floats": [881250949.0, 0.0],
        "texts": ["881250949", "0"],
        "iso": ["1997-12-04T15:55:49", "1970-01-01"],
        "numpy": np.array([881250949, 0], "datetime64[s]"),
    }
    wanted = [["at.month=12", "at.day=4", "at.minute=55"], ["at.month=1", "at.day=1", "at.minute=0"]]
    encoder = FeatureEncoder(spec).fit({"at": forms["integers"]})
    assert {name: encoded(encoder, {"at": form}) for name, form in forms.items()} == dict.fromkeys(
        forms, wanted
    )
    days = FeatureEncoder({"at": Date(parts=("day",), unit="D")}).fit({"at": [30]})
    assert encoded(days, {"at": [30]}) == [["at.day=31"]]
    written = FeatureEncoder({"at": Date(parts=("year",), format="%d-%b-%Y")}).fit({"at": ["01-Jan-1995"]})
    assert encoded(written, {"at": ["09-Jul-1995", ""]}) == [["at.year=1995"], ["at=<missing>"]]
    packed = FeatureEncoder({"at": Date(parts=("month",), format="%Y%m%d")}).fit({"at": [20200131]})
    assert encoded(packed, {"at": [20200131]}) == [["at.month=1"]]


def test_times_on_a_circle():
    encoder = FeatureEncoder({"at": Date(parts=(), cyclic=("hour", "weekday"))}).fit({"at": ["2026-01-05"]})
    assert encoder.get_feature_names_out().tolist() == [
        "at=<missing>", "at.hour.sin", "at.hour.cos", "at.weekday.sin", "at.weekday.cos",
    ]  # fmt: skip
    row = encoder.transform({"at": ["2026-01-05T06:00"]}).toarray()[0]
    np.testing.assert_allclose(row, [0, 1, 0, 0, 1], atol=1e-6)


def test_text():
    encoder = FeatureEncoder({"title": Text(hash_dim=1000)}).fit({"title": ["The end"]})
    assert encoder.n_features_out_ == 1001
    assert encoder.get_feature_names_out()[[0, 1, 1000]].tolist() == [
        "title=<missing>",
        "title#0",
        "title#999",
    ]
    assert encoded(encoder, {"title": ["THE ÄNDE", "the ände", "ände the!", "...", None]})[1:] == [
        encoded(encoder, {"title": ["the ände"]})[0],
        encoded(encoder, {"title": ["the ände"]})[0],
        ["title=<missing>"],
        ["title=<missing>"],
    ]


def test_hashed_ids():
    encoder = FeatureEncoder({"user": Id(hash_dim=1000)}).fit({"user": [1]})
    assert encoder.get_feature_names_out()[[0, 1, 1000]].tolist() == ["user=<missing>", "user#0", "user#999"]
    assert encoded(encoder, {"user": [42, "42", None]}) == [["user#271"], ["user#271"], ["user=<missing>"]]


def test_specs_by_what_the_columns_hold():
    columns = {
        "id": [1, 2], "gappy": [1.0, None], "name": ["a", "b"], "flag": [True, False], "price": [1.5, 2.0],
        "at": np.array(["2026-01-01", "NaT"], "datetime64[D]"), "many": [["a"], []],
    }  # fmt: skip
    assert FeatureEncoder().fit(columns).specs_ == {
        "id": Id(), "gappy": Id(), "name": Id(), "flag": Id(),
        "price": Standard(), "at": Date(), "many": Multi(),
    }  # fmt: skip


def test_unlisted_columns_are_left_out_unless_asked_for():
    columns = {"user": [1, 2], "price": [1.5, 2.5], "note": ["a", "b"]}
    assert FeatureEncoder(["user"]).fit(columns).field_names_ == ["user"]
    assert FeatureEncoder({"price": Bucket()}, remainder="auto").fit(columns).specs_ == {
        "price": Bucket(), "user": Id(), "note": Id(),
    }  # fmt: skip
    hashed = FeatureEncoder(["user"], remainder=Id(hash_dim=4)).fit(columns)
    assert hashed.specs_ == {"user": Id(), "price": Id(hash_dim=4), "note": Id(hash_dim=4)}


def test_lent_cells_train_the_unseen_and_missing_columns():
    random = np.random.default_rng(0)
    columns = {"user": random.integers(0, 500, 100_000), "age": random.normal(size=100_000)}
    encoder = FeatureEncoder({"user": Id(), "age": Bucket()}).fit(columns)
    plain, lent = encoder.transform(columns), encoder.fit_transform(columns)
    unseen, missing = encoder.columns_of("user")[0][[1, 0]]
    age_missing = encoder.columns_of("age")[0][0]
    counts = np.asarray(lent.sum(axis=0)).ravel()
    assert plain[:, [unseen, missing, age_missing]].nnz == 0
    assert 80 < counts[unseen] < 180  # 500 users lend a quarter of a row each
    assert 60 < counts[missing] < 150  # one row in a thousand
    assert 60 < counts[age_missing] < 150
    assert (np.diff(lent.indptr) == 2).all()
    assert (
        FeatureEncoder({"user": Id(), "age": Bucket()}, random_state=1).fit_transform(columns) != lent
    ).nnz > 0
    assert (encoder.fit_transform(columns) != lent).nnz == 0


def test_nothing_is_lent_where_it_is_not_needed():
    columns = {"user": ["a", "b", None] * 1000}
    encoder = FeatureEncoder({"user": Id(min_count=2)}, unseen_samples=0, missing_share=1.0).fit(columns)
    assert (encoder.fit_transform(columns) != encoder.transform(columns)).nnz == 0


def test_labels_weights_and_fields_travel_with_the_rows():
    columns = {"user": [1, 2, 3], "rating": [5, 3.5, 4], "w": [1, 0.5, 2]}
    encoder = FeatureEncoder(["user"]).fit(columns)
    first, second = encoder.encode(columns, label="rating", weight="w", with_fields=True, batch_rows=2)
    assert first.labels.tolist() == [5, 3.5]
    assert second.labels.tolist() == [4]
    assert second.weights.tolist() == [2]
    assert first.fields.tolist() == [0, 0]
    assert first.values is None
    assert first.n_features == 5
