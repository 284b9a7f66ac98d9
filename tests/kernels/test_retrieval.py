"""The largest products, held against sorting all of them."""

import numpy as np
import pytest

from pairloom.errors import UserError
from pairloom.kernels.levels import available_levels
from pairloom.kernels.retrieval import Codes, Filter, Vectors, encode_vectors


def drawn(n_items=500, n_factors=33, n_queries=7, seed=0):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n_items, n_factors)) * rng.lognormal(size=(n_items, 1))
    return vectors.astype(np.float32), rng.normal(size=(n_queries, n_factors)).astype(np.float32)


def obvious(scores, n_best, refused=None, seen=None, boosts=None):
    """Sort every row, the smaller item first among equals."""
    scores = scores.copy()
    if boosts is not None:
        scores = np.where(scores > 0, scores * boosts, scores / boosts)
    if refused is not None:
        scores[:, refused] = -np.inf
    for query, items in enumerate(seen or []):
        scores[query, items] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :n_best]
    best = np.take_along_axis(scores, order, axis=1)
    return np.where(best > -np.inf, order, -1), np.where(best > -np.inf, best, 0)


@pytest.mark.parametrize("level", available_levels())
@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("n_queries", [1, 3, 40])
def test_products_are_those_of_sorting_them_all(monkeypatch, level, coded, n_queries):
    monkeypatch.setenv("PAIRLOOM_CPU", level)
    vectors, queries = drawn(n_queries=n_queries)
    rng = np.random.default_rng(1)
    seen = [np.sort(rng.choice(500, 60, replace=False)).astype(np.int32) for _ in queries]
    among = Filter(
        refused=rng.random(500) < 0.2,
        seen_offsets=np.arange(n_queries + 1) * 60,
        seen_items=np.concatenate(seen),
        boosts=np.where(rng.random(500) < 0.1, 3, 1).astype(np.float32),
    )
    scan = Vectors(vectors)
    codes = encode_vectors(scan) if coded else None
    products = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    items, scores = scan.best(queries, 25, codes=codes, n_threads=2)
    right = obvious(products, 25)
    np.testing.assert_array_equal(items, right[0])
    np.testing.assert_allclose(scores, right[1], rtol=1e-4, atol=1e-4)
    items, scores = scan.best(queries, 25, among=among, codes=codes)
    right = obvious(products, 25, among.refused, seen, among.boosts)
    np.testing.assert_array_equal(items, right[0])
    np.testing.assert_allclose(scores, right[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("coded", [False, True])
def test_cosines(coded):
    vectors, queries = drawn()
    vectors[3] = 0
    queries[2] = 0
    scan = Vectors(vectors)
    items, scores = scan.best(queries, 500, cosine=True, codes=encode_vectors(scan) if coded else None)
    for query, (found, cosines) in enumerate(zip(items, scores, strict=True)):
        assert sorted(found) == list(range(500))
        right = vectors[found] @ queries[query]
        lengths = np.linalg.norm(vectors[found], axis=1) * np.linalg.norm(queries[query])
        np.testing.assert_allclose(
            cosines, np.where(lengths > 0, right / np.maximum(lengths, 1e-30), 0), atol=1e-5
        )
        assert (np.diff(cosines) <= 0).all()


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("n_queries", [1, 30])
def test_equal_items_come_in_the_order_of_their_numbers(coded, n_queries):
    vectors, queries = drawn(20, 10, n_queries)
    scan = Vectors(np.ascontiguousarray(np.tile(vectors, (40, 1))))
    items, scores = scan.best(queries, 100, codes=encode_vectors(scan) if coded else None)
    for found, own in zip(items, scores, strict=True):
        for value in np.unique(own):
            assert (np.diff(found[own == value]) > 0).all()
        assert len(np.unique(own)) <= 4


def test_one_query_or_many_and_any_number_of_threads_give_the_same_bits():
    vectors, queries = drawn(70_000, 20, 12)
    scan = Vectors(vectors)
    codes = encode_vectors(scan, n_threads=2)
    items, scores = scan.best(queries, 30)
    for query in range(12):
        for threads in (1, 3):
            for coded in (None, codes):
                one = scan.best(queries[query : query + 1], 30, codes=coded, n_threads=threads)
                np.testing.assert_array_equal(one[0][0], items[query])
                np.testing.assert_array_equal(one[1][0], scores[query])


@pytest.mark.parametrize("scale", [1e-44, 1e-38, 1e-20, 1e14])
def test_codes_of_tiny_and_huge_vectors_lose_nothing(scale):
    vectors, queries = drawn(n_items=300)
    vectors = (vectors / np.abs(vectors).max() * scale).astype(np.float32)
    vectors[0] = 0
    vectors[1, 0] = 1e14
    scan = Vectors(vectors)
    for asked in (queries, queries * 0, (queries * 1e-38).astype(np.float32), queries * np.float32(1e13)):
        right, coded = scan.best(asked, 20), scan.best(asked, 20, codes=encode_vectors(scan))
        np.testing.assert_array_equal(coded[0], right[0])
        np.testing.assert_array_equal(coded[1], right[1])
        assert np.isfinite(coded[1]).all()


def test_codes_take_a_byte_a_number():
    scan = Vectors(drawn(1000, 64)[0])
    codes = encode_vectors(scan)
    assert codes.codes.nbytes == 1008 * 64
    assert 0 < codes.largest_error < 0.5 * 8
    assert codes.largest_length < 127 * 8


def test_fewer_than_asked_for():
    vectors, queries = drawn(5, 4, 2)
    items, scores = Vectors(vectors).best(queries, 1000)
    assert items.shape == scores.shape == (2, 5)
    items, scores = Vectors(vectors).best(
        queries, 3, among=Filter(refused=np.array([True, True, True, True, False]))
    )
    np.testing.assert_array_equal(items, [[4, -1, -1]] * 2)
    assert (scores[:, 1:] == 0).all()
    assert Vectors(np.zeros((0, 4), np.float32)).best(queries, 3)[0].shape == (2, 0)
    assert Vectors(vectors).best(queries[:0], 3)[0].shape == (0, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2e15])
def test_what_is_no_number_is_refused(value):
    vectors, queries = drawn()
    wrong = vectors.copy()
    wrong[7, 3] = value
    with pytest.raises(UserError, match=r"'vectors' must hold numbers below 1e\+15"):
        Vectors(wrong)
    queries[1, 1] = value
    with pytest.raises(UserError, match=r"'queries' must hold numbers below 1e\+15"):
        Vectors(vectors).best(queries, 5)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"queries": np.zeros((2, 9), np.float32)}, "float32 matrix of 33 columns"),
        ({"queries": np.zeros((2, 33))}, "'queries' must be"),
        ({"queries": [[0.0]]}, "Got list"),
        ({"n_best": 0}, "'n_best' must be 1 or more"),
        ({"among": Filter(refused=np.zeros(3, bool))}, "'refused'"),
        ({"among": Filter(boosts=np.zeros(500, np.float32))}, "'boosts' must be finite numbers above 0"),
        ({"among": Filter(seen_items=np.zeros(3, np.int32))}, "must be given together"),
        (
            {"among": Filter(seen_items=np.zeros(3, np.int32), seen_offsets=np.array([0, 4, 4]))},
            "'seen_offsets' must rise",
        ),
        ({"codes": Codes(np.zeros(3, np.uint8), np.zeros(512, np.float32), 1, 1)}, "'codes'"),
        ({"codes": Codes(np.zeros(512 * 36, np.uint8), np.zeros(3, np.float32), 1, 1)}, "'scales'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(asked, message):
    vectors, queries = drawn(n_queries=2)
    with pytest.raises(UserError, match=message):
        Vectors(vectors).best(**{"queries": queries, "n_best": 5, **asked})


def test_vectors_that_are_too_wide_for_codes_are_refused():
    with pytest.raises(UserError, match="at most 32,768 factors"):
        encode_vectors(Vectors(np.zeros((1, 32_769), np.float32)))
