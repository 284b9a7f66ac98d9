"""Indexes of items: the same answers by each, and what they keep."""

import sys

import numpy as np
import pytest

from pairloom.errors import DataError, MissingExtraError, UserError
from pairloom.formats.tensor_file import parse_tensors, write_tensors
from pairloom.kernels.retrieval import Filter, Vectors
from pairloom.recommenders import ImplicitALS
from pairloom.recommenders.retrieval import (
    RETRIEVALS,
    ExactIndex,
    NeighbourGraph,
    build_index,
    restore_index,
)


def drawn(n_items=3000, n_factors=16, n_queries=60):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, n_factors))
    vectors = centres[rng.integers(0, 40, n_items)] + 0.5 * rng.normal(size=(n_items, n_factors))
    vectors *= rng.lognormal(0, 0.4, size=(n_items, 1))
    queries = centres[rng.integers(0, 40, n_queries)] + 0.5 * rng.normal(size=(n_queries, n_factors))
    return vectors.astype(np.float32), queries.astype(np.float32)


@pytest.fixture(scope="module")
def graph():
    vectors, queries = drawn()
    return build_index("ann", vectors, queries)


@pytest.fixture(scope="module")
def clicks():
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 400, 12_000), (900 * rng.random(12_000) ** 2).astype(int)
    return {"user": users, "item": (items + 13 * users) % 900}


@pytest.mark.parametrize("name", RETRIEVALS)
def test_recall_is_measured_against_the_exact_answer(name, graph):
    vectors, queries = drawn()
    index = graph if name == "ann" else build_index(name, vectors, queries)
    right = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :100]
    found, scores = index.find(queries, 100)
    shared = np.mean([len(np.intersect1d(a, b)) / 100 for a, b in zip(found, right, strict=True)])
    assert index.recall.n == 100
    assert index.recall.n_queries == 60
    assert index.recall.value == pytest.approx(shared, abs=0.002)
    assert index.recall.value >= (0.98 if name == "ann" else 1)
    assert "recall@100" in repr(index)
    np.testing.assert_allclose(
        scores, np.take_along_axis(queries @ vectors.T, found, 1), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_walk_heeds_filters(graph, share):
    vectors, queries = drawn()
    rng = np.random.default_rng(2)
    seen = np.sort(rng.integers(0, 3000, (60, 30)), axis=1).astype(np.int32)
    among = Filter(rng.random(3000) > share, np.arange(61) * 30, seen.ravel())
    found, scores = graph.find(queries, 50, among)
    right, _ = ExactIndex(Vectors(vectors)).find(queries, 50, among)
    shared = [len(np.intersect1d(a, b)) / 50 for a, b in zip(found, right, strict=True)]
    assert np.mean(shared) > 0.95
    assert (found >= 0).all()
    assert not among.refused[found].any()
    assert not any(np.isin(own, items).any() for own, items in zip(found, seen, strict=True))
    assert (np.diff(scores) <= 0).all()


def test_boosts_and_long_lists_are_scanned(graph):
    vectors, queries = drawn()
    boosts = np.ones(3000, np.float32)
    boosts[5] = 1e6
    exact = ExactIndex(Vectors(vectors))
    np.testing.assert_array_equal(
        graph.find(queries, 10, Filter(boosts=boosts))[0], exact.find(queries, 10, Filter(boosts=boosts))[0]
    )
    np.testing.assert_array_equal(graph.find(queries, 5000)[0], exact.find(queries, 5000)[0])


def test_new_items_are_scanned_beside_the_graph_until_they_are_many(graph):
    vectors, queries = drawn()
    new = (queries[:3] * 100).astype(np.float32)
    grown = build_index("ann", np.concatenate((vectors, new)), queries, before=graph)
    assert grown.n_walked == 3000
    found, _ = grown.find(queries[:3], 5)
    assert (found >= 3000).any(axis=1).all()
    assert graph.vectors.n_items == 3000
    changed = vectors.copy()
    changed[7] += 1
    assert graph.grown(Vectors(changed)) is None
    assert graph.grown(Vectors(np.concatenate((vectors, vectors)))) is None


def test_a_graph_is_kept_as_plain_arrays(graph, tmp_path):
    vectors, queries = drawn()
    write_tensors(tmp_path / "graph", graph.to_arrays())
    arrays = parse_tensors(np.fromfile(tmp_path / "graph", np.uint8), "graph")
    restored = restore_index("ann", vectors, arrays)
    assert repr(restored) == repr(graph)
    for own, right in zip(restored.find(queries, 20), graph.find(queries, 20), strict=True):
        np.testing.assert_array_equal(own, right)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("neighbours", lambda a: np.where(a == a.max(), 3000, a)),
        ("neighbours", lambda a: a - 1),
        ("neighbours", lambda a: np.full_like(a, int(np.argmin(a >= 0)))),
        ("neighbours", lambda a: a[:-1]),
        ("neighbours", lambda a: a.astype(np.int64)),
        ("levels", lambda a: a + 1),
        ("levels", lambda a: np.full_like(a, 100)),
        ("levels", lambda a: np.tile(a, 2)),
        ("offsets", lambda a: a + 1),
        ("entrance", lambda a: np.array([3000, 1, 64])),
        ("entrance", lambda a: np.array([0, 7, 64])),
        ("entrance", lambda a: np.array([a[0], a[1], 1 << 40])),
        ("recall", lambda a: a * np.nan),
    ],
)
def test_a_graph_that_leads_out_of_the_items_is_refused(graph, name, change):
    arrays = graph.to_arrays()
    arrays[name] = change(arrays[name])
    with pytest.raises(ValueError, match=r"a graph of neighbours|a recall"):
        restore_index("ann", drawn()[0], arrays)
    with pytest.raises(KeyError):
        restore_index("ann", drawn()[0], {})


def test_a_model_answers_alike_by_every_index(clicks):
    models = {name: ImplicitALS(n_factors=16, epochs=3, retrieval=name).fit(clicks) for name in RETRIEVALS}
    users = list(range(400))
    lists = {name: model.recommend(users, n=20) for name, model in models.items()}
    np.testing.assert_array_equal(lists["exact"].items, lists["int8"].items)
    np.testing.assert_array_equal(lists["exact"].scores, lists["int8"].scores)
    assert (lists["exact"].items == lists["ann"].items).mean() > 0.97
    for model in models.values():
        assert "recall@100" in repr(model)
        alone = model.recommend(17, n=20, block=[3], boosts={5: 2.0})
        np.testing.assert_array_equal(
            alone.items, models["exact"].recommend(17, n=20, block=[3], boosts={5: 2.0}).items
        )
        np.testing.assert_array_equal(model.similar_items(3).items, models["exact"].similar_items(3).items)
        assert 3 not in model.similar_items(3, n=2000).items


@pytest.mark.parametrize("name", RETRIEVALS)
def test_an_index_is_saved_with_its_model_and_follows_updates(name, clicks, tmp_path):
    model = ImplicitALS(n_factors=16, epochs=2, retrieval=name).fit(clicks)
    model.save(tmp_path / "model")
    loaded = ImplicitALS.load(tmp_path / "model")
    assert loaded.retrieval == name
    assert loaded.index_.recall == model.index_.recall
    asked = [0, 5, "nobody"]
    np.testing.assert_array_equal(loaded.recommend(asked).items, model.recommend(asked).items)
    before = model.index_
    model.update({"user": [0, 1], "item": [3, 4]})
    assert model.index_ is before
    model.update({"user": [0, 1, 2, 3] * 2, "item": [5000] * 4 + [3] * 4})
    assert model.index_.vectors.n_items == 901
    assert 5000 in model.recommend(4, n=901, seen=True).items
    model.save(tmp_path / "updated.tar.gz")
    again = ImplicitALS.load(tmp_path / "updated.tar.gz")
    np.testing.assert_array_equal(again.recommend(asked, n=50).items, model.recommend(asked, n=50).items)


def test_a_damaged_graph_in_a_model_file_is_an_error_that_names_the_file(clicks, tmp_path):
    ImplicitALS(n_factors=16, epochs=1, retrieval="ann").fit(clicks).save(tmp_path / "model")
    path = tmp_path / "model" / "recommender.safetensors"
    arrays = dict(parse_tensors(np.fromfile(path, np.uint8), "x"))
    arrays["prepared.neighbours"] = np.full_like(arrays["prepared.neighbours"], 10**6)
    write_tensors(path, arrays)
    with pytest.raises(DataError, match="leads out of the items"):
        ImplicitALS.load(tmp_path / "model")


def test_without_faiss_the_error_names_the_extra(monkeypatch, clicks):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match="ann"):
        ImplicitALS(retrieval="ann", epochs=1).fit(clicks)


def test_an_unknown_index_is_refused():
    with pytest.raises(UserError, match=r"'retrieval' must be one of exact, int8, ann\. Got 'hnsw'"):
        ImplicitALS(retrieval="hnsw")
    with pytest.raises(UserError, match="'retrieval' must be one of"):
        build_index("lsh", *drawn(10, 4, 2))


def test_empty_catalogues_and_no_queries():
    nothing = np.zeros((0, 4), np.float32)
    for name in RETRIEVALS:
        index = build_index(name, nothing, nothing)
        assert index.recall is None
        assert index.find(np.zeros((2, 4), np.float32), 5)[0].shape == (2, 0)
    graph = NeighbourGraph(Vectors(drawn(50, 4)[0]))
    assert graph.find(nothing, 5)[0].shape == (0, 5)
