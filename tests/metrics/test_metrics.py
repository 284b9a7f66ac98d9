import math

import numpy as np
import pytest

from pairloom import metrics
from pairloom.errors import DataError
from pairloom.metrics import (
    BOOSTING,
    MEASURED_HERE,
    METRICS,
    BinaryCounts,
    MulticlassCounts,
    RegressionErrors,
    metric_of,
)

LABELS = [1, 0, 1, 1]
PROBABILITIES = [0.9, 0.6, 0.5, 0.2]


def test_regression_by_hand():
    result = RegressionErrors().update([1, 2, 3], [2, 2, 1]).result()
    assert result == {
        "mse": pytest.approx(5 / 3),
        "rmse": pytest.approx(math.sqrt(5 / 3)),
        "absolute_loss": 1.0,
    }


def test_weights_by_hand():
    assert metrics.mse([0, 0], [1, 3], [3, 1]) == 3.0
    assert metrics.mse([0, 0], [1, 3], [1, 0]) == 1.0
    assert metrics.accuracy([0, 1], [0.9, 0.9], [3, 1]) == 0.25


def test_classification_by_hand():
    result = BinaryCounts().update(LABELS, PROBABILITIES).result()
    assert result["binary_classification_accuracy"] == 0.5
    assert result["precision"] == pytest.approx(2 / 3)
    assert result["recall"] == pytest.approx(2 / 3)
    assert result["binary_f_beta"] == pytest.approx(2 / 3)
    assert result["binary_classification_cross_entropy"] == pytest.approx(
        -(math.log(0.9) + math.log(0.4) + math.log(0.5) + math.log(0.2)) / 4
    )


def test_a_probability_at_the_threshold_is_positive():
    assert metrics.accuracy([1], [0.5]) == 1.0


def test_auc_by_hand():
    assert metrics.auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75
    assert metrics.auc([0, 1], [3, 3]) == 0.5
    assert metrics.auc([0, 0, 1], [-5, 2, 2], [1, 3, 1]) == (1 + 1.5) / 4


def test_auc_counts_pairs():
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, 60), random.integers(0, 9, 60).astype(float)
    pairs = [(p > n) + 0.5 * (p == n) for p in scores[labels == 1] for n in scores[labels == 0]]
    assert metrics.auc(labels, scores) == pytest.approx(np.mean(pairs), rel=1e-13)


def test_ratios_of_nothing_are_zero():
    assert metrics.precision([1, 0], [0.1, 0.2]) == 0.0
    assert metrics.recall([0, 0], [0.9, 0.2]) == 0.0
    assert metrics.f_beta([0, 0], [0.1, 0.2]) == 0.0


@pytest.mark.parametrize("labels", [[0, 0], [1, 1]])
def test_auc_of_one_class_is_not_a_number(labels):
    assert math.isnan(metrics.auc(labels, [0.1, 0.7]))


def test_a_certain_error_costs_36():
    assert metrics.binary_cross_entropy([0], [1.0]) == pytest.approx(36.04, abs=0.01)
    assert metrics.binary_cross_entropy([1], [1.0]) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("name", ["rmse", "mse", "absolute_loss", "auc", "accuracy", "precision", "f_beta"])
def test_no_rows_are_refused(name):
    with pytest.raises(DataError, match="at least one row"):
        getattr(metrics, name)([], [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ([1, 2], [1]),
            r"predictions: expected an array of shape \(2,\), one value per label. Got shape \(1,\)",
        ),
        (([[1], [2]], [1, 2]), r"labels: expected an array of shape \(n_rows,\). Got shape \(2, 1\)"),
        (([1, 2], [1, math.nan]), "predictions, row 2: expected a finite number. Got nan"),
        (([math.inf], [1]), "labels, row 1: expected a finite number. Got inf"),
        (([1, 2], [1, 2], [1, -1]), "weights, row 2: expected a weight >= 0. Got -1"),
    ],
)
def test_wrong_arrays_are_named(arguments, message):
    with pytest.raises(DataError, match=message):
        metrics.rmse(*arguments)


def test_labels_and_probabilities_of_a_classifier_are_checked():
    with pytest.raises(DataError, match=r"labels, row 2: expected a label of 0 or 1. Got -1"):
        metrics.accuracy([1, -1], [0.5, 0.5])
    with pytest.raises(DataError, match=r"probabilities, row 1: expected a probability in \[0, 1\]. Got 1.5"):
        metrics.accuracy([1, 0], [1.5, 0.5])


@pytest.mark.parametrize("kind", [RegressionErrors, BinaryCounts])
def test_batches_add_up_and_parts_merge(kind):
    random = np.random.default_rng(1)
    labels, predictions, weights = random.integers(0, 2, 100), random.random(100), random.random(100)
    whole = kind().update(labels, predictions, weights).result()
    parts = [slice(0, 1), slice(1, 1), slice(1, 40), slice(40, 100)]
    streamed, merged = kind(), kind()
    for part in parts:
        streamed.update(labels[part], predictions[part], weights[part])
        merged.merge(kind().update(labels[part], predictions[part], weights[part]))
    assert streamed.result() == pytest.approx(whole, rel=1e-12)
    assert merged.result() == pytest.approx(whole, rel=1e-12)


def test_every_result_is_in_the_table():
    boosting = {metric.name for metric in BOOSTING}
    assert boosting > MEASURED_HERE
    named = {*RegressionErrors().update([0], [0]).result(), *BinaryCounts().update([0], [0]).result()}
    named |= {*MulticlassCounts(3).update([0], np.zeros((1, 3))).result()}
    named |= {"auc", "roc_auc_score", "objective_loss", "msd", "ssd"}
    assert named | boosting | {"reconstruction_error", "explained_variance"} == set(METRICS)


def test_directions():
    assert {name for name, metric in METRICS.items() if metric.direction == "minimize"} == {
        "objective_loss", "rmse", "mse", "absolute_loss", "binary_classification_cross_entropy", "msd", "ssd",
        "aft-nloglik", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik", "logloss", "mae", "mape", "merror",
        "mlogloss", "mphe", "poisson-nloglik", "rmsle", "tweedie-nloglik",
        "reconstruction_error",
    }  # fmt: skip
    assert METRICS["rmse"].better(1.0, 2.0)
    assert not METRICS["rmse"].better(2.0, 2.0)
    assert METRICS["auc"].better(0.7, 0.6)


def test_a_number_behind_an_at_is_part_of_the_name():
    metric = metric_of("error@0.7")
    assert (metric.name, metric.log_name, metric.direction) == ("error@0.7", "error@0.7", "minimize")
    assert metric_of("error") is METRICS["error"]
