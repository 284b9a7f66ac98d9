"""One table in every form in which a caller may hold it."""

from datetime import UTC, datetime
from decimal import Decimal

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pairloom.encoding import Bucket, Date, FeatureEncoder, Id, Multi, Standard
from pairloom.kernels.raw_keys import IntegerKeys
from pairloom.tables import StringColumn, Table

COLUMNS = {
    "user": [7, 12, None, 7],
    "name": ["a", None, "", "ü"],
    "price": [1.5, None, 2.0, -1.0],
    "flag": [True, None, False, True],
    "at": [datetime(2026, 5, 1, 12), None, datetime(1960, 1, 1), datetime(2026, 5, 2)],
    "genres": ["a|b", "b", None, "a"],
}
SPECS = {
    "user": Id(), "name": Id(), "price": Standard(), "flag": Id(), "at": Date(parts=("year", "hour")),
    "genres": Multi(),
}  # fmt: skip


def pandas_numpy_dtypes():
    return pd.DataFrame({name: pd.Series(values, dtype=None) for name, values in COLUMNS.items()})


def pandas_nullable():
    return pandas_numpy_dtypes().convert_dtypes().assign(name=pd.Categorical(COLUMNS["name"]))


def pandas_objects():
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in COLUMNS.items()})


def polars_categories():
    return pl.DataFrame(COLUMNS).with_columns(
        pl.col("name").cast(pl.Categorical), pl.col("user").cast(pl.Int8)
    )


def arrow_chunks():
    table = pa.table(COLUMNS)
    return pa.concat_tables([table.slice(0, 1), table.slice(1, 2), table.slice(3)])


def arrow_dictionary():
    table = pa.table(COLUMNS)
    return table.set_column(1, "name", table["name"].dictionary_encode())


FORMS = {
    "mapping": lambda: COLUMNS,
    "records": lambda: [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)],
    "pandas": pandas_numpy_dtypes,
    "pandas nullable": pandas_nullable,
    "pandas objects": pandas_objects,
    "polars": lambda: pl.DataFrame(COLUMNS),
    "polars categories": polars_categories,
    "arrow": lambda: pa.table(COLUMNS),
    "arrow chunks": arrow_chunks,
    "arrow dictionary": arrow_dictionary,
    "narwhals": lambda: nw.from_native(pl.DataFrame(COLUMNS)),
    "object array": lambda: np.array(list(zip(*COLUMNS.values(), strict=True)), dtype=object),
    "rows": lambda: [list(row) for row in zip(*COLUMNS.values(), strict=True)],
    "series": lambda: {name: pl.Series(values) for name, values in COLUMNS.items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_encodes_alike(form):
    wanted = FeatureEncoder(SPECS).fit(COLUMNS)
    got = FeatureEncoder(SPECS).fit(FORMS[form]())
    assert got.get_feature_names_out().tolist() == wanted.get_feature_names_out().tolist()
    np.testing.assert_array_equal(got.transform(FORMS[form]()).toarray(), wanted.transform(COLUMNS).toarray())
    assert got.n_features_in_ == 6


@pytest.mark.parametrize("form", ["pandas", "polars", "arrow"])
def test_strings_need_no_arrow(form, monkeypatch):
    monkeypatch.setattr("pairloom.encoding.frames.find_spec", lambda name: None)
    wanted = FeatureEncoder(SPECS).fit(COLUMNS).transform(COLUMNS)
    np.testing.assert_array_equal(
        FeatureEncoder(SPECS).fit(COLUMNS).transform(FORMS[form]()).toarray(), wanted.toarray()
    )


def test_a_slice_of_a_frame():
    frame = pl.DataFrame({"name": ["x", "y", "z", "y"]})
    encoder = FeatureEncoder(["name"]).fit(frame.slice(1, 2))
    assert encoder.columns_of("name")[1][2:] == ["y", "z"]
    arrow = FeatureEncoder(["name"]).fit(pa.table({"name": ["x", "y", None, "z"]}).slice(1))
    assert arrow.columns_of("name")[1][2:] == ["y", "z"]


def test_tables_as_readers_yield_them():
    first = Table({"user": np.array([7, 12]), "genres": StringColumn.from_strings(["a|b", None])}, 2)
    second = Table(
        {"user": StringColumn.from_strings(["x", "7"]), "genres": StringColumn.from_strings(["b", "a"])}, 2
    )
    specs = {"user": Id(), "genres": Multi()}
    encoder = FeatureEncoder(specs).fit(iter([first, second]))
    assert encoder.get_feature_names_out().tolist() == [
        "user=<missing>", "user=<unseen>", "user=7", "user=12", "user=x",
        "genres=<missing>", "genres=<unseen>", "genres=a", "genres=b",
    ]  # fmt: skip
    assert [batch.n_rows for batch in encoder.encode(iter([first, second]))] == [2, 2]
    assert encoder.transform([first, second])[[0, 3]].indices.tolist() == [2, 7, 8, 2, 7]
    assert encoder.transform(first).shape == (2, 9)
    assert encoder.reading() == {"columns": ["user", "genres"], "kinds": {"user": "id", "genres": "text"}}


def test_how_files_should_be_read():
    assert FeatureEncoder(["user"]).reading() == {"columns": ["user"], "kinds": {}}
    assert FeatureEncoder({"age": Bucket()}).reading() == {"columns": ["age"], "kinds": {"age": "number"}}
    assert FeatureEncoder().reading() == {"columns": None, "kinds": {}}
    assert FeatureEncoder(["user"], remainder="auto").reading()["columns"] is None


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "uint64", "float32", "float64"])
def test_arrays_of_numbers(dtype):
    array = np.array([[1, 10], [2, 10]], dtype=dtype, order="F")
    encoder = FeatureEncoder(["user", "item"]).fit(array)
    assert encoder.columns_of("user")[1] == ["<missing>", "<unseen>", "1", "2"]
    assert FeatureEncoder({"x1": Id()}).fit(array).columns_of("x1")[1] == ["<missing>", "<unseen>", "10"]
    assert FeatureEncoder().fit(array).field_names_ == ["x0", "x1"]
    assert not hasattr(encoder, "feature_names_in_")
    assert encoder.transform({"user": [1], "item": [10]}).indices.tolist() == [2, 6]


def test_arrays_of_text_and_bytes():
    encoder = FeatureEncoder(["user"]).fit(np.array([["a"], ["b"]]))
    assert encoder.transform(np.array([[b"b"]])).indices.tolist() == [3]


def test_ids_of_every_type_are_one():
    encoder = FeatureEncoder(["id"]).fit({"id": [12, 0]})
    forms = [
        [12],
        [12.0],
        ["12"],
        [np.int32(12)],
        [Decimal(12)],
        [b"12"],
        np.array([12], "uint64"),
        [12, 2**70],
    ]
    for form in forms[:4] + forms[5:]:
        assert encoder.transform({"id": form}).indices[0] == 2, form
    assert encoder.transform(pl.DataFrame({"id": [Decimal(12)]})).indices.tolist() == [2]
    mixed = FeatureEncoder(["id"]).fit({"id": [1.5, "a", True, 3.0, np.float32(2), 2**64]})
    assert mixed.columns_of("id")[1][2:] == ["1.5", "a", "True", "3", "2", "18446744073709551616"]
    assert FeatureEncoder({"id": Id()}).fit({"id": [1.5, 2.0, None]}).columns_of("id")[1][2:] == ["1.5", "2"]


def test_large_unsigned_ids():
    large = np.array([2**64 - 1, 1], np.uint64)
    for form in ({"id": large}, pl.DataFrame({"id": large}), pd.DataFrame({"id": large})):
        assert FeatureEncoder(["id"]).fit(form).columns_of("id")[1][2:] == ["18446744073709551615", "1"]


def test_times_with_a_zone():
    spec = {"at": Date(parts=("hour",))}
    zoned = [datetime(2026, 5, 1, 12, tzinfo=UTC)]
    encoder = FeatureEncoder(spec).fit({"at": zoned})
    wanted = encoder.transform({"at": ["2026-05-01T12:00:00"]}).indices.tolist()
    for form in (
        {"at": zoned},
        {"at": ["2026-05-01T14:00:00+02:00"]},
        pd.DataFrame({"at": pd.to_datetime(["2026-05-01T14:00:00+02:00"])}),
        pl.DataFrame({"at": zoned}).with_columns(pl.col("at").dt.convert_time_zone("Asia/Tokyo")),
    ):
        assert encoder.transform(form).indices.tolist() == wanted


def test_dates_without_a_time():
    encoder = FeatureEncoder({"at": Date(parts=("day",))}).fit({"at": [datetime(2026, 5, 1).date()]})
    assert encoder.transform(pl.DataFrame({"at": [datetime(2026, 5, 1).date(), None]})).indices.tolist() == [
        1,
        0,
    ]


def test_a_list_column_of_a_frame():
    lists = {"seen": [["a", "b"], None, []]}
    wanted = FeatureEncoder(["seen"]).fit(lists)
    for form in (
        pl.DataFrame(lists),
        pa.table(lists),
        pd.DataFrame(lists),
        {"seen": [{"b", "a"}, (), np.array([])]},
    ):
        got = wanted.transform(form)
        np.testing.assert_array_equal(got.toarray(), wanted.transform(lists).toarray())


def test_an_id_column_with_gaps_and_multi_of_single_ids():
    keys = IntegerKeys(np.array([5, 0]), np.array([True, False]))
    encoder = FeatureEncoder({"tags": Multi()}).fit([Table({"tags": keys}, 2)])
    assert encoder.columns_of("tags")[1] == ["<missing>", "<unseen>", "5"]
    assert encoder.transform({"tags": [5, None]}).indices.tolist() == [2, 0]


def test_integer_column_names():
    encoder = FeatureEncoder([0]).fit(pd.DataFrame({0: [1, 2], 1: [3, 4]}))
    assert encoder.field_names_ == ["0"]
