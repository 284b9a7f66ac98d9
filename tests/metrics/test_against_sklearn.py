"""Every metric function equals scikit-learn's, with and without weights, ties included."""

from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
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


CLASS_METRICS = {
    "accuracy": theirs.accuracy_score,
    "balanced_accuracy": theirs.balanced_accuracy_score,
    "f1": partial(theirs.f1_score, average="macro", zero_division=0),
    "f1_macro": partial(theirs.f1_score, average="macro", zero_division=0),
    "precision_macro": partial(theirs.precision_score, average="macro", zero_division=0),
    "precision_micro": partial(theirs.precision_score, average="micro"),
    "recall_macro": partial(theirs.recall_score, average="macro", zero_division=0),
    "recall_micro": partial(theirs.recall_score, average="micro"),
}
YES_METRICS = {
    "f1_binary": theirs.f1_score,
    "precision": theirs.precision_score,
    "recall": theirs.recall_score,
}


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@given(seed=st.integers(0, 2**32 - 1), n_rows=st.integers(1, 60), n_classes=st.integers(1, 5))
@settings(max_examples=40)
def test_metrics_of_classes(seed, n_rows, n_classes):
    random = np.random.default_rng(seed)
    labels, chosen = random.integers(0, n_classes, (2, n_rows))
    weights = random.random(n_rows) + 0.1
    for w in (None, weights):
        for name, function in CLASS_METRICS.items():
            expected = function(labels, chosen, sample_weight=w)
            assert ours.class_metric(name, labels, chosen, w) == pytest.approx(expected), name
        for name, function in YES_METRICS.items() if n_classes == 2 else ():
            expected = function(labels, chosen, sample_weight=w, zero_division=0)
            assert ours.class_metric(name, labels, chosen, w) == pytest.approx(expected), name
        if n_rows > 1:
            expected = theirs.r2_score(labels, chosen, sample_weight=w)
            assert ours.r2(labels, chosen, w) == pytest.approx(expected)


def test_predictions_of_every_shape_are_measured():
    labels = np.array([0, 1, 2, 1])
    probabilities = np.eye(3, dtype=np.float32)[[0, 1, 1, 1]]
    assert ours.measure("accuracy", labels, probabilities) == 0.75
    assert ours.measure("accuracy", [0, 1, 1], np.array([0.2, 0.7, 0.4], np.float32)) == pytest.approx(2 / 3)
    assert ours.measure("mse", [0, 1], np.array([0, 3], np.float32)) == 2.0
    assert ours.r2([1, 1], [1, 1]) == 1.0
    assert ours.r2([1, 1], [1, 2]) == 0.0
