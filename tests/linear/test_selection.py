"""The sweep over thresholds against trying each of them."""

import numpy as np
import pytest

from pairloom.linear.losses import Loss
from pairloom.linear.selection import calibrated_threshold
from pairloom.linear.settings import LinearSettings


def settings(criterion, **changes):
    return LinearSettings(task="binary", loss=Loss("logistic"), criterion=criterion, **changes)


def counts(scores, labels, weights, threshold):
    chosen = scores >= threshold
    hits = weights[chosen & (labels == 1)].sum()
    precision = hits / weights[chosen].sum() if chosen.any() else 0.0
    return hits, precision, hits / weights[labels == 1].sum(), weights[chosen == (labels == 1)].sum()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_no_other_threshold_is_better(seed, weighted):
    random = np.random.default_rng(seed)
    scores = np.round(random.normal(size=200), 1)
    labels = (random.random(200) < 1 / (1 + np.exp(-scores))).astype(float)
    weights = random.random(200) if weighted else np.ones(200)
    tried = [counts(scores, labels, weights, t) for t in [*(np.unique(scores) - 0.01), 9.0]]
    given = weights if weighted else None

    def found(criterion, **changes):
        choice = calibrated_threshold(scores, labels, given, settings(criterion, **changes))
        return counts(scores, labels, weights, choice.threshold)

    assert found("accuracy")[3] == pytest.approx(max(right for *_, right in tried))
    _hits, precision, recall, _ = found("f_beta", beta=2.0)
    f_of = lambda p, r: 5 * p * r / (4 * p + r) if p + r > 0 else 0.0  # noqa: E731
    assert f_of(precision, recall) == pytest.approx(max(f_of(p, r) for _, p, r, _ in tried))
    _, precision, recall, _ = found("precision_at_target_recall", target_recall=0.7)
    assert recall >= 0.7
    assert precision == pytest.approx(max(p for _, p, r, _ in tried if r >= 0.7))
    target = max(p for _, p, *_ in tried) * 0.9
    _, precision, recall, _ = found("recall_at_target_precision", target_precision=target)
    assert precision >= target
    assert recall == pytest.approx(max(r for _, p, r, _ in tried if p >= target))


def test_one_class_alone_has_a_threshold():
    for labels in (np.zeros(5), np.ones(5)):
        for criterion in ("accuracy", "f_beta", "precision_at_target_recall", "recall_at_target_precision"):
            choice = calibrated_threshold(np.arange(5.0), labels, None, settings(criterion))
            assert np.isfinite(choice.threshold)
            assert np.isfinite(choice.goodness).all()


def test_equal_scores_are_never_parted():
    choice = calibrated_threshold(np.zeros(6), np.array([1, 1, 0, 0, 0, 0.0]), None, settings("accuracy"))
    assert choice.threshold != 0.0
    assert choice.goodness == (pytest.approx(4 / 6),)
