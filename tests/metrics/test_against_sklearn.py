"""Every metric function equals scikit-learn's, with and without weights, ties included."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as theirs

from pairloom import metrics as ours


def samples(seed, n_rows, levels):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, n_rows)
    probabilities = random.integers(0, levels + 1, n_rows) / levels
    return labels, probabilities, random.random(n_rows) * 3


data = given(
    seed=st.integers(0, 2**32 - 1), n_rows=st.integers(2, 60), levels=st.sampled_from([1, 3, 10, 10**6])
)


@data
def test_regression(seed, n_rows, levels):
    labels, predictions, weights = samples(seed, n_rows, levels)
    labels = labels * 4.0 - predictions
    for sample_weight in (None, weights):
        mse = theirs.mean_squared_error(labels, predictions, sample_weight=sample_weight)
        assert ours.mse(labels, predictions, sample_weight) == pytest.approx(mse, rel=1e-12)
        assert ours.rmse(labels, predictions, sample_weight) == pytest.approx(np.sqrt(mse), rel=1e-12)
        mae = theirs.mean_absolute_error(labels, predictions, sample_weight=sample_weight)
        assert ours.absolute_loss(labels, predictions, sample_weight) == pytest.approx(mae, rel=1e-12)


@data
def test_auc(seed, n_rows, levels):
    labels, scores, weights = samples(seed, n_rows, levels)
    assume(0 < labels.sum() < n_rows)
    for sample_weight in (None, weights):
        expected = theirs.roc_auc_score(labels, scores, sample_weight=sample_weight)
        assert ours.auc(labels, scores, sample_weight) == pytest.approx(expected, rel=1e-9)


@data
def test_classification_at_a_threshold(seed, n_rows, levels):
    labels, probabilities, weights = samples(seed, n_rows, levels)
    for threshold in (0.5, 1 / 3):
        chosen = probabilities >= threshold
        for w in (None, weights):
            pairs = [
                (ours.accuracy, theirs.accuracy_score(labels, chosen, sample_weight=w)),
                (ours.precision, theirs.precision_score(labels, chosen, sample_weight=w, zero_division=0.0)),
                (ours.recall, theirs.recall_score(labels, chosen, sample_weight=w, zero_division=0.0)),
            ]
            for function, expected in pairs:
                assert function(labels, probabilities, w, threshold=threshold) == pytest.approx(expected)
            for beta in (0.5, 1.0, 2.0):
                expected = theirs.fbeta_score(labels, chosen, beta=beta, sample_weight=w, zero_division=0.0)
                f_beta = ours.f_beta(labels, probabilities, w, beta=beta, threshold=threshold)
                assert f_beta == pytest.approx(expected)


@data
def test_cross_entropy(seed, n_rows, levels):
    labels, probabilities, weights = samples(seed, n_rows, levels)
    for sample_weight in (None, weights):
        expected = theirs.log_loss(labels, probabilities, sample_weight=sample_weight, labels=[0, 1])
        assert ours.binary_cross_entropy(labels, probabilities, sample_weight) == pytest.approx(
            expected, rel=1e-9, abs=1e-12
        )
