"""Scores of rows that are out of the ordinary."""

import numpy as np
import pytest

from pairloom.fm.model import FactorizationMachine
from pairloom.rows import RowBatch
from reference.fm_rows import random_rows

RNG = np.random.default_rng(0)
WEIGHTS, FACTORS = RNG.normal(size=20).astype(np.float32), RNG.normal(size=(20, 3)).astype(np.float32)
LARGEST = float(np.finfo(np.float32).max)


@pytest.fixture(params=["regression", "classification"])
def model(request):
    return FactorizationMachine.from_arrays(request.param, 0.5, WEIGHTS, FACTORS)


def slow_scores(rows):
    scores = []
    for r in range(rows.n_rows):
        x = np.zeros(20)
        part = slice(rows.indptr[r], rows.indptr[r + 1])
        np.add.at(x, rows.indices[part], 1 if rows.values is None else rows.values[part].astype(np.float64))
        terms = FACTORS.astype(np.float64) * x[:, None]
        scores.append(0.5 + WEIGHTS @ x + 0.5 * (terms.sum(axis=0) ** 2 - (terms**2).sum(axis=0)).sum())
    return np.array(scores)


@pytest.mark.parametrize("values", [False, True])
def test_rows_that_repeat_an_index_are_summed_and_the_others_left_alone(model, values):
    rows = random_rows(60, 20, row_length=4, values=values)
    plain = model.score(rows)
    rows.indices[[1, 41, 42]] = rows.indices[[0, 40, 40]]
    scores = model.score(rows)
    np.testing.assert_allclose(scores, slow_scores(rows), rtol=1e-4, atol=1e-4)
    others = np.setdiff1d(np.arange(60), [0, 10])
    np.testing.assert_array_equal(scores[others], plain[others])


@pytest.mark.parametrize("size", [1e18, 1e20, 1e30, 3e38])
def test_values_beyond_the_arithmetic_of_float32_score_finite(model, size):
    rows = random_rows(200, 25, row_length=3)
    rows = RowBatch(rows.indptr, rows.indices, (rows.values * 0 + 1).astype(np.float32), 25)
    rows.values[30:60] *= np.float32(size)
    rows.values[31] *= -1
    ordinary = model.score(RowBatch(rows.indptr, rows.indices, None, 25))
    scores = model.score(rows)
    assert np.isfinite(scores).all()
    assert np.isfinite(model.predict(rows)).all()
    inside = rows.indices < 20
    within = RowBatch(
        rows.indptr, np.where(inside, rows.indices, 0).astype(np.int32), rows.values * inside, 20
    )
    expected = np.clip(slow_scores(within), -LARGEST, LARGEST)
    np.testing.assert_allclose(scores[10:20], expected[10:20], rtol=1e-4)
    np.testing.assert_array_equal(np.delete(scores, range(10, 20)), np.delete(ordinary, range(10, 20)))
