"""Rows joined with tables of their keys, histories and first days."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pairloom.encoding import Date, DaysSinceFirst, FeatureEncoder, History, Id, Related
from pairloom.errors import DataError, UserError
from pairloom.formats import read_tables
from pairloom.kernels.row_assembly import joined_batches
from pairloom.rows import RelationalRows

DAY = 86_400.0
USERS = {"user": [7, 42, 5], "age": ["young", "old", "old"], "points": [1.5, 2.5, 3.5]}
RATINGS = {"user": [42, 7, 42, 42], "item": ["a", "a", "b", "b"], "time": [0.0, DAY, 20 * DAY, 5.0]}
BARE = {"unseen_samples": 0, "missing_share": 0}
USERS_ITEMS = [History(of="item", by="user"), History(of="user", by="item")]


def named(encoder, batches):
    """Every row as a dict from the names of columns to values."""
    names = encoder.get_feature_names_out()
    rows = []
    for batch in batches:
        values = np.ones(len(batch.indices)) if batch.values is None else batch.values
        for i in range(batch.n_rows):
            span = slice(batch.indptr[i], batch.indptr[i + 1])
            rows.append(
                {n: round(float(v), 4) for n, v in zip(names[batch.indices[span]], values[span], strict=True)}
            )
    return rows


def test_tables_are_joined_by_key():
    for table in (USERS, pd.DataFrame(USERS)):
        encoder = FeatureEncoder(["item"], relations=[Related(table, on="user", columns=["age"])], **BARE)
        rows = named(encoder, encoder.fit(RATINGS).encode(RATINGS))
        assert rows[0] == {"item=a": 1, "user.age=old": 1}
        assert rows[1] == {"item=a": 1, "user.age=young": 1}
        assert encoder.field_names_ == ["item", "user.age"]


def test_columns_of_a_table_are_encoded_as_those_of_rows():
    encoder = FeatureEncoder(["user"], relations=[Related(USERS, on="user")], **BARE)
    rows = named(encoder, encoder.fit(RATINGS).encode(RATINGS))
    assert rows[0] == {"user=42": 1, "user.age=old": 1, "user.points": 0}
    assert rows[1] == {"user=7": 1, "user.age=young": 1, "user.points": -1.2247}


def test_histories_are_sets_of_what_training_rows_hold():
    encoder = FeatureEncoder(["user", "item"], histories=USERS_ITEMS, **BARE)
    rows = named(encoder, encoder.fit(RATINGS).encode(RATINGS))
    half = round(1 / np.sqrt(2), 4)
    of_42 = {"user=42": 1, "item of user=a": half, "item of user=b": half}
    assert rows[0] == of_42 | {"item=a": 1, "user of item=42": half, "user of item=7": half}
    assert rows[3] == of_42 | {"item=b": 1, "user of item=42": 1}
    assert rows[1]["item of user=a"] == 1
    plain = FeatureEncoder(["user"], histories=[History("item", "user", normalize=False)], **BARE)
    assert named(plain, plain.fit(RATINGS).encode(RATINGS))[0] == {
        "user=42": 1, "item of user=a": 1, "item of user=b": 1,
    }  # fmt: skip


def test_keys_that_training_never_met_have_nothing():
    encoder = FeatureEncoder(
        ["user", "item"],
        relations=[Related(USERS, on="user", columns=["age"])],
        histories=[*USERS_ITEMS, DaysSinceFirst(by="user", time="time")],
        **BARE,
    ).fit(RATINGS)
    new = {"user": [99, 5, None], "item": ["z", "a", "b"], "time": [DAY, 400 * DAY, None]}
    of_a = {"item=a": 1, "user of item=42": 0.7071, "user of item=7": 0.7071}
    assert named(encoder, encoder.encode(new)) == [
        {"user=<unseen>": 1, "item=<unseen>": 1, "user.age=<missing>": 1, "days of user=(-inf, 0.01)": 1},
        {"user=<unseen>": 1, "user.age=old": 1, "days of user=(-inf, 0.01)": 1} | of_a,
        {
            "user=<missing>": 1,
            "item=b": 1,
            "user.age=<missing>": 1,
            "user of item=42": 1,
            "days of user=<missing>": 1,
        },
    ]


def test_days_since_first_and_bins_of_time():
    encoder = FeatureEncoder(
        {"time": Date(parts=(), bins=2)},
        histories=[DaysSinceFirst(by="user", time="time", edges=(1, 30))],
        **BARE,
    ).fit(RATINGS)
    assert encoder.get_feature_names_out().tolist() == [
        "time=<missing>", "time.bins=(-inf, 1970-01-02T00:00:00)", "time.bins=[1970-01-02T00:00:00, inf)",
        "days of user=<missing>", "days of user=(-inf, 1)", "days of user=[1, 30)", "days of user=[30, inf)",
    ]  # fmt: skip
    rows = [[name.split("=")[1] for name in row] for row in named(encoder, encoder.encode(RATINGS))]
    early, late = "(-inf, 1970-01-02T00:00:00)", "[1970-01-02T00:00:00, inf)"
    assert rows == [[early, "(-inf, 1)"], [late, "(-inf, 1)"], [late, "[1, 30)"], [early, "(-inf, 1)"]]
    iso = {"user": [42, 42], "time": ["1969-01-01", "1970-03-01T12:00:00+02:00"]}
    days = [list(row)[1] for row in named(encoder, encoder.encode(iso))]
    assert days == ["days of user=(-inf, 1)", "days of user=[30, inf)"]


def wide(n=500, seed=0):
    rng = np.random.default_rng(seed)
    users = {
        "user": np.arange(40),
        "age": rng.choice(["x", "y", "z"], 40).tolist(),
        "points": rng.normal(size=40),
    }
    items = {
        "item": [f"i{i}" for i in range(30)],
        "genres": rng.choice(["a|b", "b", "c|a|d", ""], 30).tolist(),
    }
    rows = {
        "user": rng.integers(0, 40, n), "item": [f"i{i}" for i in rng.integers(0, 30, n)],
        "time": rng.uniform(0, 1e7, n), "price": rng.normal(size=n), "rating": rng.integers(1, 6, n).astype(float),
    }  # fmt: skip
    encoder = FeatureEncoder(
        ["user", "item", "price"],
        relations=[Related(users, on="user"), Related(items, on="item")],
        histories=[*USERS_ITEMS, DaysSinceFirst(by="item", time="time")],
    )
    return encoder, rows


@pytest.mark.parametrize("training", [False, True])
def test_joined_and_relational_rows_are_one(training):
    encoder, rows = wide()
    encoder.fit(rows)
    relational = list(encoder.encode_relational(rows, training=training, label="rating", batch_rows=100))
    assert [batch.n_rows for batch in relational] == [100] * 5
    assert len({id(relation.rows) for batch in relational for relation in batch.relations}) == 2
    whole = RelationalRows.stacked(relational)
    joined = named(encoder, encoder.encode(rows, training=training))
    assert named(encoder, [whole.join()]) == joined
    assert named(encoder, joined_batches(whole, 1000)) == joined
    assert max(len(batch.indices) for batch in joined_batches(whole, 1000)) < 1100
    order = np.random.default_rng(1).permutation(500)
    taken = whole.take(order)
    assert named(encoder, [taken.join()]) == [joined[i] for i in order]
    np.testing.assert_array_equal(taken.labels, np.array(rows["rating"])[order])
    (with_fields,) = encoder.encode(rows, with_fields=True)
    np.testing.assert_array_equal(with_fields.fields, encoder.fields_[with_fields.indices])


def test_the_encoder_chooses_what_it_returns():
    encoder, rows = wide()
    assert isinstance(encoder.fit_transform(rows), RelationalRows)
    assert encoder.transform(rows).shape == (500, encoder.n_features_out_)
    encoder.output = "matrix"
    matrix = encoder.transform(rows)
    encoder.output = "relational"
    joined = encoder.transform(rows).join()
    assert matrix.nnz == len(joined.indices)
    plain = FeatureEncoder(["user"]).fit(rows)
    assert plain.transform(rows).format == "csr"
    plain.output = "relational"
    assert plain.transform(rows).relations == ()


def test_rows_that_are_lent_are_those_of_an_encoder_without_relations():
    encoder, rows = wide(2000)
    encoder.set_params(unseen_samples=5, missing_share=0.01)
    bare = FeatureEncoder(["user", "item", "price"], unseen_samples=5, missing_share=0.01)
    for ours, theirs in zip(
        named(encoder, encoder.fit(rows).encode(rows, training=True)),
        named(bare, bare.fit(rows).encode(rows, training=True)),
        strict=True,
    ):
        assert theirs.items() <= ours.items()
        if "user=<unseen>" in theirs or "user=<missing>" in theirs:
            assert "user.age=<missing>" in ours
            assert not any(name.startswith("item of user") for name in ours)
    assert sum("user=<unseen>" in row for row in named(bare, bare.encode(rows, training=True))) > 50


def test_learning_in_parts_is_learning_from_the_whole():
    encoder, rows = wide()
    encoder.fit(rows)
    parts = FeatureEncoder(**encoder.get_params())
    for begin in range(0, 500, 125):
        parts.partial_fit({name: column[begin : begin + 125] for name, column in rows.items()})
    assert named(parts, parts.encode(rows)) == named(encoder, encoder.encode(rows))


def test_histories_grow_and_columns_keep_their_numbers():
    encoder = FeatureEncoder(["user", "item"], histories=USERS_ITEMS, **BARE).fit(RATINGS)
    before = encoder.get_feature_names_out().tolist()
    encoder.partial_fit({"user": [7], "item": ["c"]})
    names = encoder.get_feature_names_out().tolist()
    assert names[: len(before)] == before
    assert names[len(before) :] == ["item=c", "item of user=c"]
    assert named(encoder, encoder.encode({"user": [7], "item": ["c"]})) == [
        {"user=7": 1, "item=c": 1, "item of user=a": 0.7071, "item of user=c": 0.7071, "user of item=7": 1}
    ]


def test_a_stream_of_tables(tmp_path):
    (tmp_path / "ratings.csv").write_text("user,item,rating\n42,a,5\n7,a,3\n42,b,4\n")
    (tmp_path / "users.csv").write_text("user,age\n7,young\n42,old\n")
    users = list(read_tables(tmp_path / "users.csv"))
    encoder = FeatureEncoder(
        {"item": Id()}, relations=[Related(users, on="user")], histories=USERS_ITEMS, **BARE
    )
    assert encoder.reading() == {"columns": ["item", "user"], "kinds": {"item": "id"}}
    encoder.fit(read_tables(tmp_path / "ratings.csv", **encoder.reading()))
    (batch,) = encoder.encode(read_tables(tmp_path / "ratings.csv"), label="rating")
    assert named(encoder, [batch])[1] == {
        "item=a": 1, "user.age=young": 1, "item of user=a": 1, "user of item=42": 0.7071, "user of item=7": 0.7071,
    }  # fmt: skip
    assert batch.labels.tolist() == [5, 3, 4]


def test_what_was_learned_is_restored():
    encoder, rows = wide()
    encoder.fit(rows)
    metadata, arrays = encoder.to_state()
    restored = FeatureEncoder.from_state(json.loads(json.dumps(metadata)), arrays)
    new = {**rows, "user": [*rows["user"][:-1], 99], "item": [*rows["item"][:-1], "new"]}
    for training in (False, True):
        assert named(restored, restored.encode(rows, training=training)) == named(
            encoder, encoder.encode(rows, training=training)
        )
    assert named(restored, restored.encode(new)) == named(encoder, encoder.encode(new))
    assert restored.to_state()[0] == metadata
    for each in (encoder, restored):
        each.partial_fit({name: column[:50] for name, column in rows.items()} | {"item": ["i29"] * 50})
    assert named(restored, restored.encode(rows)) == named(encoder, encoder.encode(rows))
    with pytest.raises(UserError, match="'table' must be a table with column 'user' to fit anew"):
        restored.fit(rows)


def test_a_state_of_version_1_is_read():
    metadata, arrays = FeatureEncoder(["user", "item"]).fit(RATINGS).to_state()
    old = {name: value for name, value in metadata.items() if name not in ("joins", "output")} | {
        "version": 1
    }
    restored = FeatureEncoder.from_state(old, arrays)
    assert (restored.relations, restored.histories) == ((), ())
    assert restored.transform(RATINGS).shape == (4, 8)


def test_a_key_without_a_row_names_both():
    short = {"user": [42], "age": ["old"]}
    with pytest.raises(
        DataError, match=r"row 2, field 'user': .*table of 'user' has a row for. Got 7.*unlisted"
    ):
        FeatureEncoder(["item"], relations=[Related(short, on="user")]).fit(RATINGS)
    late = FeatureEncoder(["item"], relations=[Related(USERS, on="user")]).fit(RATINGS)
    with pytest.raises(DataError, match=r"row 3.*Got 'eve'"):
        list(late.encode({"user": [7, 42, "eve"], "item": ["a", "a", "b"]}, training=True))
    lenient = FeatureEncoder(["item"], relations=[Related(short, on="user", unlisted="missing")], **BARE)
    assert named(lenient, lenient.fit(RATINGS).encode(RATINGS))[1] == {"item=a": 1, "user.age=<missing>": 1}


def test_a_key_with_two_rows_names_both():
    twice = {"user": [42, 7, 5, 7, 42], "age": ["old", "young", "x", "y", "z"]}
    with pytest.raises(
        DataError, match=r"table of 'user', row 4.*one row for every key. Got 7 in row 2 and again in"
    ):
        FeatureEncoder(["item"], relations=[Related(twice, on="user")]).fit(RATINGS)
    with pytest.raises(DataError, match=r"table of 'user', row 2.*a key in every row. Got a missing value"):
        FeatureEncoder(["item"], relations=[Related({"user": [42, None], "age": [1, 2]}, on="user")]).fit(
            RATINGS
        )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FeatureEncoder(relations=USERS), "'relations' must be a list of Related"),
        (lambda: FeatureEncoder(relations=["user"]), "'relations' must be a list of Related"),
        (lambda: FeatureEncoder(relations=[Related(USERS, on="nobody")]), "column 'nobody' must be one of"),
        (lambda: FeatureEncoder(relations=[Related(USERS, on="user", columns=["agee"])]), "mean 'age'"),
        (lambda: FeatureEncoder(relations=[Related(USERS, on=3)]), "'on' must be the name of a column. Got 3"),
        (lambda: FeatureEncoder(relations=[Related(USERS, on="user", unlisted="?")]), "'unlisted' must be"),
        (lambda: FeatureEncoder(relations=[Related({"user": [1]}, on="user")]), "must have another column"),
        (lambda: FeatureEncoder(relations=[Related(USERS, on="user")] * 2), "Got 'user.age' twice"),
        (lambda: FeatureEncoder(histories=[USERS]), "'histories' must be a list of History"),
        (lambda: FeatureEncoder(histories=[History("shop", "user")]), "column 'shop' must be one of"),
        (lambda: History("user", "user"), "'of' must be another column than 'by'"),
        (lambda: History("", "user"), "'of' must be the name of a column"),
        (lambda: DaysSinceFirst("user", "time", edges=(3, 1)), "'edges' must be rising"),
        (lambda: DaysSinceFirst("user", "time", unit="year"), "'unit' must be one of"),
        (lambda: FeatureEncoder(output="dense"), "'output' must be one of auto, matrix, relational"),
        (lambda: FeatureEncoder({"time": Date(bins=1)}), "'bins' must be an integer in"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(make, message):
    with pytest.raises(UserError, match=message):
        make().fit(RATINGS)


def test_batches_with_other_shared_parts_are_not_stacked():
    encoder, rows = wide()
    one, two = encoder.fit_transform(rows), FeatureEncoder(**encoder.get_params()).fit_transform(rows)
    with pytest.raises(ValueError, match="the same shared parts"):
        RelationalRows.stacked([one, two])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m, a: a.pop("key.0.integers"), "'integers' is not among"),
        (lambda m, a: a.pop("table.0.row_of"), "no 'row_of'"),
        (lambda m, a: a["table.0.row_of"].__setitem__(0, 40), "different rows in"),
        (lambda m, a: a["table.0.row_of"].__setitem__(0, a["table.0.row_of"][1]), "different rows in"),
        (lambda m, a: a["table.1.0.row_columns"].__setitem__(0, 10**6), "'row_columns' must be in"),
        (lambda m, a: a["table.1.0.row_columns"].__setitem__(0, -1), "'row_columns' must be in"),
        (lambda m, a: a["table.1.0.row_indptr"].__setitem__(1, 10**9), "'row_indptr' must rise"),
        (lambda m, a: a["table.0.1.row_values"].__setitem__(0, np.nan), "'row_values' must be finite"),
        (lambda m, a: a.update({"history.0.row_indptr": np.zeros(0, np.int64)}), "'row_indptr' must rise"),
        (lambda m, a: a["history.0.row_columns"].__setitem__(0, 2**31 - 1), "'row_columns' must be in"),
        (lambda m, a: a["history.0.row_columns"].__setitem__(1, a["history.0.row_columns"][0]), "once, in order"),
        (lambda m, a: a["history.2.first"].__setitem__(0, -(2**62)), "years 1 to 9999"),
        (lambda m, a: a.update({"history.2.first": a["history.2.first"].astype(np.int32)}), "'first' must be"),
        (lambda m, a: a["key.0.listed"].__setitem__(0, -3), "'listed' must be in"),
        (lambda m, a: m["joins"]["keys"].pop(), "no 'item'"),
        (lambda m, a: m["joins"]["keys"].reverse(), "cannot be used"),
        (lambda m, a: m["joins"]["histories"].pop(), "must be those of 8 fields"),
        (lambda m, a: m["joins"]["histories"][0].update(of="shop"), "no 'shop'"),
        (lambda m, a: m["joins"]["tables"][0].update(unlisted="run"), "Invalid enum value 'run'"),
        (lambda m, a: m["joins"]["tables"][0]["names"].pop(), "as many specs as columns"),
        (lambda m, a: a.pop("3.columns"), "no '3.columns'"),
        (lambda m, a: m.update(output=7), "Expected `str`"),
        (lambda m, a: m.update(output="code"), "'output' must be"),
    ],
)  # fmt: skip
def test_a_spoiled_state_of_joins_is_refused(spoil, message):
    encoder, rows = wide()
    metadata, arrays = encoder.fit(rows).to_state()
    metadata, arrays = (
        json.loads(json.dumps(metadata)),
        {name: array.copy() for name, array in arrays.items()},
    )
    FeatureEncoder.from_state(metadata, arrays)
    spoil(metadata, arrays)
    with pytest.raises(UserError, match=message):
        FeatureEncoder.from_state(metadata, arrays).transform(rows)
