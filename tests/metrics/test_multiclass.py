import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support, top_k_accuracy_score

from pairloom.errors import DataError
from pairloom.metrics import MulticlassCounts


def sample(seed=0, n_rows=500, n_classes=7):
    random = np.random.default_rng(seed)
    scores = random.normal(size=(n_rows, n_classes))
    labels = np.where(
        random.random(n_rows) < 0.5, scores.argmax(axis=1), random.integers(0, n_classes - 1, n_rows)
    )
    return labels, scores, random.random(n_rows)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_metrics_are_those_of_scikit_learn(beta):
    labels, scores, weights = sample()
    counts = MulticlassCounts(7, top_k=2, beta=beta)
    for part in np.array_split(np.arange(500), 3):
        counts.merge(
            MulticlassCounts(7, top_k=2, beta=beta).update(labels[part], scores[part], weights[part])
        )
    measured = counts.result()
    precision, recall, f, _ = precision_recall_fscore_support(
        labels, scores.argmax(axis=1), beta=beta, average="macro", sample_weight=weights
    )
    assert np.isclose(measured["macro_precision"], precision)
    assert np.isclose(measured["macro_recall"], recall)
    assert np.isclose(measured["macro_f_beta"], f)
    accuracy = np.average(labels == scores.argmax(axis=1), weights=weights)
    assert np.isclose(measured["multiclass_accuracy"], accuracy)
    top = top_k_accuracy_score(labels, scores, k=2, sample_weight=weights, labels=np.arange(7))
    assert np.isclose(measured["multiclass_top_k_accuracy"], top)


def test_gain_falls_with_the_rank_of_the_class():
    counts = MulticlassCounts(3).update([0, 1, 2], np.array([[3, 2, 1], [3, 2, 1], [3, 2, 1]], float))
    assert np.isclose(counts.result()["dcg"], np.mean([1, 1 / np.log2(3), 0.5]))


def test_of_equal_scores_the_first_class_is_predicted():
    measured = MulticlassCounts(3, top_k=1).update([0, 1], np.zeros((2, 3))).result()
    assert measured["multiclass_accuracy"] == measured["multiclass_top_k_accuracy"] == 0.5


@pytest.mark.parametrize("labels", [[3], [-1], [0.5]])
def test_a_label_that_is_no_class_is_refused(labels):
    with pytest.raises(DataError, match="a class from 0 to 2"):
        MulticlassCounts(3).update(labels, np.zeros((1, 3)))


def test_scores_of_another_width_and_nothing_at_all_are_refused():
    with pytest.raises(DataError, match=r"shape \(n_rows, 3\)"):
        MulticlassCounts(3).update([0], np.zeros((1, 4)))
    with pytest.raises(DataError, match="at least one row"):
        MulticlassCounts(3).result()
