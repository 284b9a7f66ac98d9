"""One clear error for each thing that can be wrong."""

import copy
import re

import numpy as np
import polars as pl
import pytest

from pairloom.encoding import Bucket, Date, FeatureEncoder, Id, Multi, Standard, Text
from pairloom.encoding.layout import Layout
from pairloom.errors import DataError, UserError
from pairloom.tables import StringColumn, Table


@pytest.mark.parametrize(
    ("spec", "values", "message"),
    [
        (Standard(), [1.0, np.inf], "row 2, field 'x': expected a finite number. Got inf."),
        (Bucket(), [-np.inf], "row 1, field 'x': expected a finite number. Got -inf."),
        (Id(), [0.5, np.inf], "row 2, field 'x': expected a finite number. Got inf."),
        (Standard(), ["1.5", "", "many"], "row 3, field 'x': expected a number. Got 'many'."),
        (Standard(), ["1.5", "inf"], "row 2, field 'x': expected a finite number. Got inf."),
        (Standard(), [1e200], "row 1, field 'x': expected a number within 1e+140. Got 1e+200."),
        (Bucket(width=1e-9), [0.0, 1.0],
         "field 'x': expected at most 65536 intervals. Got width=1e-09 over 0 to 1."),
        (Bucket(width=1.0), [1e300], "field 'x': expected at most 65536 intervals."),
        (Bucket(log=1.0001), [1e300],
         "field 'x': expected at most 65536 intervals. Got log=1.0001 over 1e+300 to 1e+300."),
        (Date(), ["2026-05-01", "1 May"],
         "row 2, field 'x': expected a time in ISO 8601, of the years 1 to 9999. Got '1 May'."),
        (Date(format="%Y"), ["2026", "May"], "row 2, field 'x': expected a time written as '%Y'. Got 'May'."),
        (Date(), [881250949000],
         "row 1, field 'x': expected a time in the years 1 to 9999. Got 881250949000 s since 1970."),
        (Date(), ["1", "881250949000"],
         "row 2, field 'x': expected a time in ISO 8601, of the years 1 to 9999. Got '881250949000'."),
        (Date(), [np.inf, 1.5], "row 1, field 'x': expected a finite number. Got inf."),
        (Id(), [["a"], ["b"]], "field 'x': expected one id in each row. Got lists. Use Multi()."),
        (Standard(), [["a"], ["b"]], "field 'x': expected one number in each row. Got lists."),
        (Date(), [[1], [2]], "field 'x': expected one time in each row. Got lists."),
        (Multi(), [[1.5], [2, 3], [1, np.inf]],
         "row 3, field 'x': expected lists of ids. Got an infinite number in one."),
        (Multi(), [[["a"]]], "field 'x': expected lists of ids. Got lists of lists."),
        (Id(), np.array(["2026-05-01"], "datetime64[s]"),
         "field 'x': expected ids. Got times. Use Date(), or"),
        (Standard(), np.array(["2026-05-01"], "datetime64[s]"),
         "field 'x': expected numbers. Got times. Use Date()."),
        (Id(), [object()], "row 1, field 'x': expected ids, numbers, text, times or lists. Got object."),
        (Id(), np.array([1j]),
         "field 'x': expected real numbers, ids, text or times. Got Complex data not supported."),
        (Id(), ["a", "\ud800"], "row 2, field 'x': expected Unicode text. Got '\\ud800'."),
    ],
)  # fmt: skip
def test_bad_values(spec, values, message):
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        FeatureEncoder({"x": spec}).fit({"x": values})
    assert caught.value.field == "x"


@pytest.mark.parametrize("spec", [Standard(), Bucket(), Bucket(width=1)])
def test_bad_values_after_fit_name_their_row_in_the_stream(spec):
    encoder = FeatureEncoder({"x": spec}).fit({"x": [1.0, 2.0]})
    tables = [Table({"x": np.array([1.0, 2.0])}, 2), Table({"x": np.array([3.0, np.inf])}, 2)]
    with pytest.raises(DataError, match=r"row 4, field 'x': expected a finite number. Got inf"):
        list(encoder.encode(tables))


def test_a_number_that_leaves_float32():
    encoder = FeatureEncoder({"x": Standard()}).fit({"x": [1.0, 2.0]})
    with pytest.raises(
        DataError, match=r"row 2, field 'x': expected a number near those of training. Got 1e\+300"
    ):
        encoder.transform({"x": [1.0, 1e300]})


def test_numbers_too_far_from_a_tiny_deviation():
    encoder = FeatureEncoder({"x": Standard()}).fit({"x": [0.0, 1e-300]})
    with pytest.raises(
        DataError, match=r"row 1, field 'x': expected a number near those of training. Got 1e\+100"
    ):
        encoder.transform({"x": [1e100]})


def test_unknown_columns():
    columns = {"user": [1], "item": [2]}
    with pytest.raises(
        UserError, match=r"column 'usr' must be one .*It has user, item. Did you mean 'user'\?"
    ):
        FeatureEncoder(["usr"]).fit(columns)
    encoder = FeatureEncoder(["user"]).fit(columns)
    with pytest.raises(UserError, match=r"column 'user' must be one .*It has item\."):
        encoder.transform({"item": [1]})
    with pytest.raises(UserError, match=r"column 'rating' must be one .*It has user\."):
        encoder.encode({"user": [1]}, label="rating")
    with pytest.raises(UserError, match=r"column 'usr' must be one of"):
        encoder.columns_of("usr")
    many = {f"c{i}": [1] for i in range(30)}
    with pytest.raises(UserError, match=r"c19, \.\.\. \(30 in all\)\."):
        FeatureEncoder(["zz"]).fit(many)


def test_a_later_table_without_a_column():
    tables = [Table({"user": np.array([1])}, 1), Table({"item": np.array([1])}, 1)]
    with pytest.raises(
        DataError, match=r"row 2, field 'user': expected the columns of the first table, \['user'\]"
    ):
        FeatureEncoder(["user"]).fit(tables)


def test_wrong_widths():
    encoder = FeatureEncoder(["user", "item"]).fit(np.ones((2, 2)))
    with pytest.raises(UserError, match="X has 3 features, but FeatureEncoder is expecting 2 features"):
        encoder.transform(np.ones((2, 3)))
    with pytest.raises(UserError, match=r"an array must have the 2 listed columns user, item. Got 3 columns"):
        FeatureEncoder(["user", "item"]).fit(np.ones((2, 3)))
    with pytest.raises(UserError, match=r"an array must have 2 dimensions, rows x columns. Got 1. Reshape"):
        encoder.transform(np.ones(2))
    with pytest.raises(DataError, match=r"row 2: expected 2 values, as in the first row. Got 1"):
        encoder.transform([[1, 2], [3]])
    with pytest.raises(DataError, match="columns of one length"):
        encoder.transform({"user": [1, 2], "item": [1]})
    with pytest.raises(DataError, match="field 'item': expected 1 values"):
        FeatureEncoder().fit([Table({"user": np.array([1]), "item": np.array([1, 2])}, 1)])


@pytest.mark.parametrize(
    "data",
    [
        {"user": []}, {}, [], iter([]), np.empty((0, 1)), pl.DataFrame({"user": []}),
        [Table({"user": StringColumn.from_strings([])}, 0)],
    ],
)  # fmt: skip
def test_no_rows(data):
    with pytest.raises(DataError, match="at least one row"):
        FeatureEncoder(["user"]).fit(data)


@pytest.mark.parametrize(
    "data", [None, 3, "user", ["a", "b"], [1, 2], {"user": "abc"}, {"user": np.ones((2, 2))}]
)
def test_things_that_are_no_table(data):
    with pytest.raises(UserError, match=r"must be a DataFrame|expected a list or array|expected a 1-D array"):
        FeatureEncoder(["user"]).fit(data)


@pytest.mark.parametrize("dtype", [pl.Duration, pl.Time, pl.Binary])
def test_dtypes_that_cannot_be_encoded(dtype):
    with pytest.raises(DataError, match=r"field 'x': expected numbers, ids, text, times or lists. Got"):
        FeatureEncoder().fit(pl.DataFrame({"x": pl.Series([None], dtype=dtype)}))


def test_lazy_frames_are_not_collected_unasked():
    with pytest.raises((UserError, TypeError), match=r"[Ll]azy"):
        FeatureEncoder().fit(pl.LazyFrame({"x": [1]}))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"columns": "user"}, "'columns' must be column names, or a mapping"),
        ({"columns": []}, "'columns' must be column names, .*at least one"),
        ({"columns": ["a", "a"]}, "'columns' must be different names"),
        ({"columns": {"user": "id"}}, "at 'user'. Got 'id'"),
        ({"remainder": "passthrough"}, "'remainder' must be 'drop', 'auto' or a spec"),
        ({"unseen_samples": -1}, "'unseen_samples' must be a finite number of at least 0"),
        ({"missing_share": 2}, r"'missing_share' must be a number in \[0, 1\]"),
        ({"random_state": -1}, "'random_state' must be an integer"),
        ({"random_state": None}, "'random_state' must be an integer"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(UserError, match=message):
        FeatureEncoder(**parameters).fit({"user": [1]})


def test_unknown_parameters():
    with pytest.raises(UserError, match=r"a parameter must be one of columns, remainder.*Got 'colums'"):
        FeatureEncoder().set_params(colums=["user"])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Id(min_count=0), "Id: 'min_count' must be an integer of at least 1. Got 0."),
        (lambda: Id(hash_dim=0), "Id: 'hash_dim' must be in"),
        (lambda: Id(min_count=2, hash_dim=9), "Id: 'min_count' must be left out beside hash_dim"),
        (lambda: Multi(sep=""), "Multi: 'sep' must be a string, not empty"),
        (lambda: Bucket(quantiles=5, width=1), "given one at a time. Got 'quantiles, width'"),
        (lambda: Bucket(quantiles=1), r"'quantiles' must be an integer in \[2, 65536\]"),
        (lambda: Bucket(width=0), "'width' must be a number above 0"),
        (lambda: Bucket(width=float("nan")), "'width' must be a number above 0"),
        (lambda: Bucket(log=1), "'log' must be a number above 1"),
        (lambda: Bucket(edges=(2, 1)), "'edges' must be rising finite numbers"),
        (lambda: Bucket(edges=5), "'edges' must be rising finite numbers"),
        (lambda: Date(parts=("hours",)), "'parts' must be some of year, quarter"),
        (lambda: Date(cyclic=("year",)), "'cyclic' must be some of quarter"),
        (lambda: Date(parts=()), "must be not all empty"),
        (lambda: Date(age_days=(3, 1)), "'age_days' must be rising"),
        (lambda: Date(age_at="soon"), "'age_at' must be an ISO 8601 time"),
        (lambda: Date(unit="h"), "'unit' must be one of"),
        (lambda: Text(hash_dim=0), "'hash_dim' must be in"),
        (lambda: Text(words=(2, 1)), "'words' must be a pair of rising sizes"),
        (lambda: Text(words=None), "'words, characters' must be not both None"),
    ],
)
def test_bad_specs(build, message):
    with pytest.raises(UserError, match=message):
        build()


def test_too_many_columns():
    hashed = Id(hash_dim=2**31 - 2)
    with pytest.raises(DataError, match=r"at most 2147483647 columns in all. Got \d+. Hash some ids"):
        Layout([np.zeros(0, np.int32)] * 2).grow(0, 2**31)
    assert hashed.hash_dim == 2**31 - 2


def test_an_iterator_cannot_be_read_twice():
    with pytest.raises(UserError, match="fit_transform reads its input twice"):
        FeatureEncoder().fit_transform(iter([Table({"user": np.array([1])}, 1)]))


def test_a_failed_fit_keeps_what_was_learned():
    encoder = FeatureEncoder(["x"]).fit({"x": [1, 2]})
    with pytest.raises(DataError):
        encoder.fit({"x": [1.5, np.inf]})
    assert encoder.columns_of("x")[1][2:] == ["1", "2"]


@pytest.mark.parametrize("label", [[1, None], [1, np.inf], [1, 1e39]])
def test_bad_labels(label):
    encoder = FeatureEncoder(["user"]).fit({"user": [1, 2]})
    with pytest.raises(DataError, match="row 2, field 'label': expected a finite"):
        list(encoder.encode({"user": [1, 2], "label": label}, label="label"))


def test_batch_rows_are_checked():
    with pytest.raises(UserError, match="'batch_rows' must be at least 1"):
        FeatureEncoder(["user"]).fit({"user": [1]}).encode({"user": [1]}, batch_rows=0)


SPECS = {
    "user": Id(min_count=1),
    "age": Bucket(),
    "price": Standard(),
    "at": Date(),
    "title": Text(hash_dim=4),
}
ROWS = {
    "user": ["a", "b"],
    "age": [1.0, 2.0],
    "price": [0.5, 1.5],
    "at": ["2026-05-01"] * 2,
    "title": ["x", "y"],
}


def edit(*path, value):
    def apply(metadata, arrays):
        where = metadata
        for key in path[:-1]:
            where = where[key]
        where[path[-1]] = value

    return apply


def replace(name, value):
    def apply(metadata, arrays):
        if value is None:
            del arrays[name]
        else:
            arrays[name] = value

    return apply


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (edit("version", value=3), "saved version must be 1 to 2. Got 3"),
        (edit("fields", 0, "spec", value={"type": "code"}), "Invalid value 'code'"),
        (edit("fields", 0, "spec", "min_count", value=0), "'min_count' must be an integer of at least 1"),
        (edit("fields", 0, "learned", value={}), "column 'user' cannot be used: no 'n_missing'"),
        (edit("fields", 1, "learned", "n_missing", value="many"), "column 'age' cannot be used"),
        (edit("fields", 2, "learned", "deviation", value=0), "deviation above 0"),
        (edit("fields", 2, "learned", "mean", value=float("nan")), "must be finite"),
        (edit("fields", 3, "learned", "last_year", value=10**6), "years must rise within"),
        (edit("fields", 4, "spec", "hash_dim", value=9), "'columns' must be .* of 10 elements"),
        (replace("0.columns", None), "column 'user' cannot be used: no 'columns'"),
        (replace("0.columns", np.arange(4, dtype=np.int64)), "'columns' must be .* int32"),
        (replace("0.columns", np.array([0, 1, 2, 2], np.int32)), "must be numbered 0, 1, 2"),
        (replace("0.columns", np.array([0, 1, 2, -5], np.int32)), "must be numbered 0, 1, 2"),
        (replace("0.places", np.array([2, 9], np.int32)), "must number the categories from 2 on"),
        (replace("0.places", np.array([2, 0], np.int32)), "must be a positive int32"),
        (replace("0.ends", np.array([1, 99], np.int64)), "'ends' must rise"),
        (replace("1.edges", np.array([2.0, 1.0])), "must be rising finite float64"),
        (replace("1.edges", None), "column 'age' cannot be used: no 'edges'"),
    ],
)
def test_a_spoiled_state_is_refused(spoil, message):
    metadata, arrays = copy.deepcopy(FeatureEncoder(SPECS).fit(ROWS).to_state())
    FeatureEncoder.from_state(metadata, arrays)
    spoil(metadata, arrays)
    with pytest.raises(UserError, match=message):
        FeatureEncoder.from_state(metadata, arrays)
