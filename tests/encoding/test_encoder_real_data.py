"""Real columns, read as a stream and counted a second way."""

import csv
import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pairloom.encoding import Bucket, Date, FeatureEncoder, Id, Multi, Standard, Text
from pairloom.formats import read_tables
from reference.feature_encoder import as_dicts, assert_same, encode_table

CHUNK_BYTES = 200_000


def stream(path: Path, encoder: FeatureEncoder, delimiter: str, names=None, **options):
    return read_tables(
        path, content_type="text/csv", delimiter=delimiter, names=names, header=names is None, quote=None,
        chunk_bytes=CHUNK_BYTES, **encoder.reading(), **options,
    )  # fmt: skip


def rows_of(path: Path, delimiter: str, encoding: str = "utf-8") -> list[list[str]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode(encoding)
    return [line.split(delimiter) for line in text.splitlines()]


def test_movielens_ratings(data_folder):
    path, names = data_folder / "movielens-100k" / "u.data.gz", ["user", "item", "rating", "time"]
    encoder = FeatureEncoder({"user": Id(), "item": Id(), "time": Date(parts=("month", "hour"))})
    encoder.fit(stream(path, encoder, "\t", names))
    assert encoder.n_features_out_ == (2 + 943) + (2 + 1682) + (1 + 12 + 24)
    known = encoder.get_feature_names_out()
    tables = read_tables(path, content_type="text/csv", delimiter="\t", names=names, header=False, quote=None)
    batches = list(encoder.encode(tables, label="rating"))
    raw = rows_of(path, "\t")
    assert sum(batch.n_rows for batch in batches) == len(raw) == 100_000
    assert sum(float(batch.labels.sum()) for batch in batches) == sum(int(row[2]) for row in raw)
    counts = np.bincount(np.concatenate([batch.indices for batch in batches]), minlength=len(known))
    got = dict(zip(known, counts.tolist(), strict=True))
    assert {name: n for name, n in got.items() if name.startswith("item=") and n} == {
        f"item={item}": n for item, n in Counter(row[1] for row in raw).items()
    }
    first = batches[0].indices[batches[0].indptr[0] : batches[0].indptr[1]]
    assert known[first].tolist() == ["user=196", "item=242", "time.month=12", "time.hour=15"]


def test_movielens_films(data_folder):
    path = data_folder / "movielens-100k" / "u.item"
    names = ["item", "title", "released", "video", "url", *(f"genre{i}" for i in range(19))]
    specs = {
        "item": Id(),
        "title": Text(hash_dim=4096, words=(1, 2)),
        "released": Date(parts=("year",), age_days=(365, 3650), format="%d-%b-%Y"),
        "genre8": Id(),
    }
    encoder = FeatureEncoder(specs)
    encoder.fit(stream(path, encoder, "|", names, charset="latin-1"))
    got = as_dicts(
        encoder.transform(list(stream(path, encoder, "|", names, charset="latin-1"))),
        encoder.get_feature_names_out(),
    )
    columns = dict(zip(names, zip(*rows_of(path, "|", "latin-1"), strict=True), strict=True))
    assert_same(got, encode_table(specs, columns, columns))
    assert sum("released=<missing>" in row for row in got) == 1


def test_movielens_users(data_folder):
    path, names = data_folder / "movielens-100k" / "u.user", ["user", "age", "sex", "occupation", "zip"]
    specs = {
        "user": Id(),
        "age": Bucket(quantiles=5),
        "sex": Id(),
        "occupation": Id(min_count=10),
        "zip": Id(),
    }
    encoder = FeatureEncoder(specs)
    encoder.fit(stream(path, encoder, "|", names))
    raw = dict(zip(names, zip(*rows_of(path, "|"), strict=True), strict=True))
    columns = raw | {"age": [float(age) for age in raw["age"]]}
    got = as_dicts(encoder.transform(columns), encoder.get_feature_names_out())
    assert_same(got, encode_table(specs, columns, columns))
    assert encoder.columns_of("age")[1][1:] == ["(-inf, 23)", "[23, 29)", "[29, 35)", "[35, 46)", "[46, inf)"]
    ages = Counter(name for row in got for name in row if name.startswith("age="))
    assert min(ages.values()) > 150
    assert "zip=00000" in encoder.get_feature_names_out()


def test_movielens_genres(data_folder):
    path = data_folder / "movielens-latest-small" / "movies.csv.gz"
    encoder = FeatureEncoder({"genres": Multi()})
    encoder.fit(read_tables(path, chunk_bytes=CHUNK_BYTES, **encoder.reading()))
    matrix = encoder.transform(list(read_tables(path, **encoder.reading())))
    with gzip.open(path, "rt", newline="") as lines:
        genres = [row["genres"].split("|") for row in csv.DictReader(lines)]
    names = encoder.get_feature_names_out()
    expected = Counter(f"genres={genre}" for row in genres for genre in row)
    assert {
        name: n for name, n in zip(names, np.asarray(matrix.sum(axis=0)).ravel(), strict=True) if n
    } == expected
    assert matrix.shape == (9742, 2 + 20)


@pytest.fixture(scope="module")
def criteo(data_folder):
    path = data_folder / "criteo-display-ads" / "criteo_80k.tsv.gz"
    numbers, categories = [f"I{i}" for i in range(1, 14)], [f"C{i}" for i in range(1, 27)]
    specs = dict.fromkeys(numbers, Bucket(log=2)) | dict.fromkeys(categories, Id(min_count=2))
    return path, ["label", *numbers, *categories], specs


def test_criteo(criteo):
    path, names, specs = criteo
    encoder = FeatureEncoder(specs)
    encoder.fit(stream(path, encoder, "\t", names))
    raw = rows_of(path, "\t")
    for name in ("C1", "C3", "C10", "C22"):
        met = Counter(row[names.index(name)] for row in raw)
        assert len(encoder.columns_of(name)[0]) == 2 + sum(n > 1 for text, n in met.items() if text), name
    tables = read_tables(
        path, content_type="text/csv", delimiter="\t", names=names, header=False, quote=None,
        kinds=encoder.reading()["kinds"],
    )  # fmt: skip
    batches = list(encoder.encode(tables, label="label", training=True))
    assert all((np.diff(batch.indptr) == 39).all() and batch.values is None for batch in batches)
    assert sum(batch.labels.sum() for batch in batches) == 17_958
    counts = np.bincount(
        np.concatenate([batch.indices for batch in batches]), minlength=encoder.n_features_out_
    )
    for name in ("I1", "I2", "C1", "C3", "C10", "C22"):
        columns, labels = encoder.columns_of(name)
        assert counts[columns[0]] > 0, f"the missing values of {name} are trained"
        assert labels[1] != "<unseen>" or counts[columns[1]] > 0, f"the unseen ids of {name} are trained"
    some = ["I1", "I5", "C1", "C3", "C22"]
    columns = {name: [row[names.index(name)] for row in raw] for name in some}
    columns |= {name: [float(x) if x else None for x in columns[name]] for name in ("I1", "I5")}
    encoder = FeatureEncoder({name: specs[name] for name in some}).fit(columns)
    few = {name: values[:500] for name, values in columns.items()}
    got = as_dicts(encoder.transform(few), encoder.get_feature_names_out())
    assert_same(got, encode_table({name: specs[name] for name in some}, columns, few))


def test_criteo_in_batches_of_any_size(criteo):
    path, names, specs = criteo
    with gzip.open(path, "rt") as lines:
        raw = [line.rstrip("\n").split("\t") for line, _ in zip(lines, range(5000), strict=False)]
    columns = dict(zip(names, zip(*raw, strict=True), strict=True))
    numbers = {name: [float(x) if x else None for x in columns[name]] for name in names[1:14]}
    table = columns | numbers
    whole = FeatureEncoder(specs | {"I5": Bucket(quantiles=20), "I2": Standard()}).fit(table)
    parts = FeatureEncoder(specs | {"I5": Bucket(quantiles=20), "I2": Standard()})
    for begin in range(0, 5000, 617):
        parts.partial_fit({name: values[begin : begin + 617] for name, values in table.items()})
    assert parts.get_feature_names_out().tolist() == whole.get_feature_names_out().tolist()
