import random

import pytest
from scipy import stats

from pairloom.hosting.traffic import Traffic


def test_requests_are_divided_by_weight():
    weights = {"a": 5.0, "b": 0.0, "c": 3.0, "d": 2.0}
    traffic = Traffic(weights, random.Random(3))
    n = 20_000
    counts = dict.fromkeys(weights, 0)
    for _ in range(n):
        counts[traffic.choose()] += 1
    assert counts["b"] == 0
    expected = [n * traffic.share(name) for name in "acd"]
    assert stats.chisquare([counts[name] for name in "acd"], expected).pvalue > 1e-4


def test_one_variant_takes_all():
    assert {Traffic({"only": 0.1}, random.Random(0)).choose() for _ in range(10)} == {"only"}


@pytest.mark.parametrize(
    "weights", [{}, {"a": 0.0}, {"a": -1.0, "b": 2.0}, {"a": float("nan")}, {"a": float("inf")}]
)
def test_weights_that_divide_nothing_are_refused(weights):
    with pytest.raises(ValueError, match="weight"):
        Traffic(weights, random.Random(0))
