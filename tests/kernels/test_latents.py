"""Hidden numbers and their levels, beside scipy's normal distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pairloom.kernels.latents import draw_latents, level_log_likelihood, level_means, level_probabilities
from pairloom.kernels.levels import available_levels

CUTS = np.array([-1.0, 0.25, 2.0])
BOUNDS = np.concatenate(([-np.inf], CUTS, [np.inf]))


@pytest.fixture(autouse=True, params=available_levels())
def level(request, monkeypatch):
    monkeypatch.setenv("PAIRLOOM_CPU", request.param)


def rows(n=4000, spread=2.0):
    rng = np.random.default_rng(0)
    return rng.normal(0, spread, n).astype(np.float32), rng.integers(0, 4, n).astype(np.int32)


@pytest.mark.parametrize("spread", [1.0, 8.0])
def test_expectations_are_those_of_the_truncated_normal(spread):
    scores, levels = rows(spread=spread)
    low, high = BOUNDS[levels] - scores, BOUNDS[levels + 1] - scores
    expected = stats.truncnorm.mean(low[:500], high[:500]) + scores[:500]
    means = draw_latents(scores, levels, CUTS, 0, draws=False)
    assert np.isfinite(means).all()
    sure = np.isfinite(expected)
    np.testing.assert_allclose(means[:500][sure], expected[sure], atol=1e-3)


def test_draws_have_the_truncated_distribution():
    n = 200_000
    for score, level in ((0.3, 0), (0.3, 1), (-4.0, 3), (30.0, 0), (0.0, 3)):
        drawn = draw_latents(np.full(n, score, np.float32), np.full(n, level, np.int32), CUTS, 5, draws=True)
        low, high = BOUNDS[level] - score, BOUNDS[level + 1] - score
        assert drawn.min() >= BOUNDS[level] - 1e-5
        assert drawn.max() <= BOUNDS[level + 1] + 1e-5
        if abs(score) < 10:
            exact = stats.truncnorm(low, high, loc=score)
            assert stats.kstest(drawn[:20_000], exact.cdf).pvalue > 1e-4


def test_scores_far_away_give_the_nearest_number():
    drawn = draw_latents(np.array([1e4, -1e4], np.float32), np.array([0, 3], np.int32), CUTS, 0, draws=True)
    np.testing.assert_allclose(drawn, [-1, 2], atol=1e-2)


def test_probabilities_and_likelihood():
    scores, levels = rows(spread=1.0)
    exact = np.diff(stats.norm.cdf(BOUNDS - scores[:, None].astype(np.float64)), axis=1)
    probabilities = level_probabilities(scores, CUTS, n_threads=2)
    np.testing.assert_allclose(probabilities, exact, atol=1e-6)
    values = np.array([1.0, 2.0, 4.0, 5.0])
    np.testing.assert_allclose(level_means(scores, CUTS, values, n_threads=2), exact @ values, atol=1e-9)
    expected = np.log(exact[np.arange(len(levels)), levels]).sum()
    np.testing.assert_allclose(level_log_likelihood(scores, levels, CUTS, n_threads=2), expected, rtol=1e-9)


def test_any_number_of_threads_gives_the_same_bits():
    scores, levels = rows(20_000)
    one, four = (draw_latents(scores, levels, CUTS, 3, draws=True, n_threads=n) for n in (1, 4))
    np.testing.assert_array_equal(one, four)


def test_far_tails_keep_their_relative_size():
    scores = np.array([30.0, 20.0, 8.0, -8.0, -20.0], np.float32)
    levels = np.array([0, 0, 1, 3, 2], np.int32)
    with np.errstate(under="ignore"):
        below = [
            stats.norm.logcdf(-1 - scores[:2].astype(np.float64)).sum(),
            np.log(np.diff(stats.norm.cdf([-9, -7.75])))[0],
        ]
    above = [stats.norm.logsf(10.0), np.log(stats.norm.sf(20.25) - stats.norm.sf(22.0))]
    np.testing.assert_allclose(level_log_likelihood(scores, levels, CUTS), sum(below) + sum(above), rtol=1e-9)
