"""The sample of a stream: which rows it keeps does not depend on how the stream was cut."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.algorithms.families.sketches.reservoir import (
    add_rows,
    draw_keys,
    empty_sample,
    kept_rows,
    merge_samples,
)


def rows_of(first, last):
    return np.arange(first, last, dtype=np.float32)[:, None]


def sampled(first, last, most_rows, cuts=(), half_life=0):
    sample = empty_sample(1)
    borders = [first, *sorted(cut for cut in cuts if first < cut < last), last]
    for start, stop in itertools.pairwise(borders):
        keys = draw_keys(7, 0, start, stop - start, half_life)
        sample = add_rows(sample, rows_of(start, stop), keys, most_rows)
    return sample


@given(
    n_rows=st.integers(1, 3000),
    most_rows=st.integers(0, 400),
    cuts=st.lists(st.integers(1, 3000), max_size=6),
    half_life=st.sampled_from([0, 50]),
)
def test_cuts_and_merges_keep_the_same_rows(n_rows, most_rows, cuts, half_life):
    keys = draw_keys(7, 0, 0, n_rows, half_life)
    expected = rows_of(0, n_rows)[np.argsort(keys)[: min(most_rows, n_rows)]]
    streamed = kept_rows(sampled(0, n_rows, most_rows, cuts, half_life))
    np.testing.assert_array_equal(streamed, expected)
    borders = [0, *sorted({cut for cut in cuts if cut < n_rows}), n_rows]
    parts = [sampled(a, b, most_rows, half_life=half_life) for a, b in itertools.pairwise(borders)]
    forward, backward = parts[0], parts[-1]
    for part in parts[1:]:
        forward = merge_samples(forward, part, most_rows)
    for part in parts[-2::-1]:
        backward = merge_samples(part, backward, most_rows)
    np.testing.assert_array_equal(kept_rows(forward), expected)
    np.testing.assert_array_equal(kept_rows(backward), expected)


def test_every_row_has_the_same_chance():
    counts = np.zeros(100)
    for seed in range(400):
        counts[np.argsort(draw_keys(seed, 0, 0, 100))[:20]] += 1
    assert abs(counts - 80).max() < 4.5 * np.sqrt(400 * 0.2 * 0.8)


def test_streams_draw_apart():
    draws = [np.exp(draw_keys(seed, stream, 0, 5000)) for seed in (0, 1) for stream in (0, 1)]
    assert abs(np.corrcoef(draws) - np.eye(4)).max() < 0.06
    assert [draw.mean() for draw in draws] == pytest.approx([1] * 4, abs=0.06)


def test_a_half_life_halves_the_chance():
    kept = np.concatenate(
        [kept_rows(sampled(s, s + 4000, 100, half_life=500))[:, 0] - s for s in range(0, 400_000, 4000)]
    )
    recent, before = np.sum(kept >= 3500), np.sum((kept >= 3000) & (kept < 3500))
    assert before / recent == pytest.approx(0.53, abs=0.06)
