"""Packed pairs, chunks, tiles, and the thread that reads ahead."""

import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import DataError
from pairloom.fm.chunks import LabelScale, PackedPairs, chunks_of
from pairloom.fm.data import TrainingData, _ahead
from pairloom.fm.settings import FMSettings
from pairloom.fm.tiles import deal_groups, tile_order
from pairloom.fm.training import FMTrainer
from pairloom.rows import RowBatch
from reference.fm_rows import random_rows, ratings


def pairs_of(pairs, labels, weights=None) -> RowBatch:
    pairs = np.array(pairs, np.int32).reshape(-1, 2)
    return RowBatch(
        np.arange(0, 2 * len(pairs) + 1, 2, dtype=np.int64), pairs.ravel(), None, int(pairs.max()) + 1,
        np.array(labels, np.float32), None if weights is None else np.array(weights, np.float32),
    )  # fmt: skip


INDEX = st.one_of(st.integers(0, 300), st.integers(0, 70000), st.integers(0, 2**31 - 2))
ROW = st.tuples(INDEX, INDEX, st.floats(-(2.0**100), 2.0**100, width=32))


@given(st.lists(ROW, min_size=1, max_size=30))
def test_packed_pairs_come_out_as_they_went_in(rows):
    before = pairs_of([row[:2] for row in rows], [row[2] for row in rows], range(len(rows)))
    packed = PackedPairs.pack(before)
    after = packed.unpack()
    np.testing.assert_array_equal(after.indptr, before.indptr)
    np.testing.assert_array_equal(after.indices, before.indices)
    np.testing.assert_array_equal(after.labels, before.labels)
    np.testing.assert_array_equal(after.weights, before.weights)
    assert after.n_features == before.n_features
    assert after.indices.dtype == np.int32
    assert after.labels.dtype == np.float32


@pytest.mark.parametrize("n_labels", [1, 255, 256, 257, 70000])
def test_many_different_labels_survive_packing(n_labels):
    labels = np.arange(n_labels) / 7
    before = pairs_of(np.stack([np.arange(n_labels), np.arange(n_labels) + n_labels], 1), labels)
    np.testing.assert_array_equal(PackedPairs.pack(before).unpack().labels, before.labels)


def test_a_label_that_only_a_late_row_has_survives_packing():
    labels = np.zeros(70000)
    labels[-1] = 0.5
    before = pairs_of(np.tile([[0, 1]], (70000, 1)), labels)
    np.testing.assert_array_equal(PackedPairs.pack(before).unpack().labels, before.labels)


def test_twenty_million_ratings_would_fit_in_180_mb():
    rng = np.random.default_rng(0)
    n_rows = 200_000
    pairs = np.stack([rng.integers(0, 138_493, n_rows), 138_493 + rng.integers(0, 27_278, n_rows)], 1)
    packed = PackedPairs.pack(pairs_of(pairs, rng.integers(1, 11, n_rows) / 2))
    assert packed.size_bytes / n_rows * 20e6 <= 180e6


def test_chunks_hold_every_row_once_however_batches_are_cut():
    rows = random_rows(1000, 50, weights=True)
    cuts = [0, 1, 1, 500, 730, 1000]
    batches = [rows.part(a, b) for a, b in pairwise(cuts)]
    (chunk,) = chunks_of(iter(batches), np.random.default_rng(0), shuffle=False)
    np.testing.assert_array_equal(chunk.data.indptr, rows.indptr)
    np.testing.assert_array_equal(chunk.data.indices, rows.indices)
    np.testing.assert_array_equal(chunk.data.values, rows.values)
    np.testing.assert_array_equal(chunk.data.labels, rows.labels)
    np.testing.assert_array_equal(chunk.data.weights, rows.weights)
    (shuffled,) = chunks_of(iter(batches), np.random.default_rng(0), shuffle=True)
    assert sorted(shuffled.data.labels) == sorted(rows.labels)
    assert not np.array_equal(shuffled.data.labels, rows.labels)


def test_batches_with_and_without_values_and_weights_join():
    bare, full = random_rows(5, 9, values=False, seed=1), random_rows(5, 9, weights=True, seed=2)
    (chunk,) = chunks_of(iter([bare, full]), np.random.default_rng(0), shuffle=False)
    assert (chunk.data.values[: len(bare.indices)] == 1).all()
    assert (chunk.data.weights[:5] == 1).all()
    np.testing.assert_array_equal(chunk.data.values[len(bare.indices) :], full.values)


def test_values_that_are_all_one_are_left_out():
    rows = random_rows(10, 9, row_length=2)
    rows.values[:] = 1
    (chunk,) = chunks_of([rows], np.random.default_rng(0), shuffle=False)
    assert chunk.is_pairs


def test_an_index_beyond_the_width_that_a_batch_claims_is_an_error():
    for values in (True, False):
        rows = random_rows(10, 50, row_length=3, values=values)
        lying = RowBatch(rows.indptr, rows.indices, rows.values, 4, rows.labels)
        with pytest.raises(DataError, match=r"expected a column index in \[0, 3\]"):
            list(chunks_of([lying], np.random.default_rng(0), shuffle=True))


def test_labels_are_centred_and_scaled_by_weight():
    rows = random_rows(500, 9, weights=True)
    data = TrainingData(lambda: [rows.part(0, 77), rows.part(77, 500)], FMSettings())
    data.load()
    mean = np.average(rows.labels, weights=rows.weights)
    deviation = np.sqrt(np.average((rows.labels - mean) ** 2, weights=rows.weights))
    scale = data.label_scale()
    assert scale.mean == pytest.approx(mean)
    assert scale.scale == pytest.approx(deviation)
    assert LabelScale().apply(rows.labels) is rows.labels


COUNTS = st.lists(st.integers(0, 50), min_size=1, max_size=40)


@given(COUNTS, COUNTS, st.integers(1, 100_000_000), st.integers(0, 9))
def test_tiles_of_different_row_and_column_share_no_feature(left, right, n_rows, seed):
    rng = np.random.default_rng(seed)
    counts = np.zeros((2, len(left) + len(right)), np.int64)
    counts[0, : len(left)], counts[1, len(left) :] = left, right
    groups = deal_groups(counts[0], counts[1], n_rows, rng)
    assert groups is not None
    assert sorted(groups.number) == list(range(len(left) + len(right)))
    if not (any(left) and any(right)):
        return
    pairs = np.stack(
        [rng.choice(len(left), 60, p=np.array(left) / sum(left)),
         len(left) + rng.choice(len(right), 60, p=np.array(right) / sum(right))], axis=1,
    ).astype(np.int32)  # fmt: skip
    order, starts = tile_order(pairs, groups, rng, shuffle=True)
    assert sorted(order) == list(range(60))
    assert starts[0] == 0
    assert starts[-1] == 60
    n = groups.n_groups
    rows_of, columns_of = {}, {}
    for tile in range(n * n):
        for user, item in pairs[order[starts[tile] : starts[tile + 1]]]:
            assert rows_of.setdefault(user, tile // n) == tile // n
            assert columns_of.setdefault(item, tile % n) == tile % n


def test_the_features_of_a_group_are_numbered_one_after_another():
    rows = ratings(200_000, 300, 200)
    pairs = rows.indices.reshape(-1, 2)
    counts = [np.bincount(pairs[:, column], minlength=500) for column in range(2)]
    groups = deal_groups(counts[0], counts[1], rows.n_rows, np.random.default_rng(0))
    assert groups.n_groups == 8
    side = (np.arange(500) >= 300) * groups.n_groups + groups.group_of
    assert (np.diff(side[np.argsort(groups.number)]) >= 0).all()
    load = np.bincount(groups.group_of[pairs[:, 0]])
    assert load.max() / load.min() < 1.1


def test_a_feature_in_both_columns_makes_no_groups():
    counts = np.array([1, 2, 3])
    assert deal_groups(counts, np.array([0, 0, 1]), 100, np.random.default_rng(0)) is None


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "pairloom-reader"]


def test_the_reader_ends_with_its_chunks():
    assert list(_ahead(iter(range(10)))) == list(range(10))
    assert not readers()


def test_the_reader_ends_when_the_consumer_stops_or_raises():
    stopped = _ahead(iter(range(1000)))
    assert next(stopped) == 0
    assert len(readers()) == 1
    stopped.close()
    assert not readers()

    def consume():
        for _ in _ahead(iter(range(1000))):
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        consume()
    assert not readers()


def test_an_error_of_the_source_reaches_the_consumer():
    def source():
        yield 1
        raise DataError("a number", got="none", row=7)

    seen = []
    with pytest.raises(DataError, match="row 7"):
        seen.extend(_ahead(source()))
    assert seen == [1]
    assert not readers()


def test_rows_that_repeat_an_index_get_a_chunk_of_their_own():
    indices = np.array([0, 1, 2, 2, 3, 4], np.int32)
    rows = RowBatch(np.arange(0, 7, 2), indices, None, 5, np.array([1, 2, 3], np.float32))
    summed, others = chunks_of([rows], np.random.default_rng(0), shuffle=False)
    assert summed.indices.tolist() == [2]
    assert summed.values.tolist() == [2.0]
    assert summed.data.labels.tolist() == [2.0]
    assert others.values is None
    assert others.row_length == 2
    assert others.indices.tolist() == [0, 1, 3, 4]
    assert others.data.labels.tolist() == [1.0, 3.0]


def test_ones_of_a_feature_that_repeats_elsewhere_are_scaled_as_its_sums_are():
    lengths = np.tile([1, 10], 200)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    labels = np.tile(np.array([1, 5], np.float32), 200)
    rows = RowBatch(indptr, np.zeros(indptr[-1], np.int32), None, 1, labels)
    settings = FMSettings(solver="sgd", n_factors=1, epochs=200, linear_rate=0.1, factors_rate=0.1)
    trainer = FMTrainer(settings).fit(lambda: [rows])
    assert np.abs(trainer.model().predict(rows) - labels).max() < 0.5
