import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from pairloom.errors import DataError, UserError
from pairloom.metrics import expected_calibration_error, reliability_curve


def test_known_curve():
    curve = reliability_curve([0, 1, 0, 1], [0.1, 0.2, 0.8, 0.9], n_bins=2)
    np.testing.assert_allclose(curve.predicted, [0.15, 0.85])
    np.testing.assert_allclose(curve.observed, [0.5, 0.5])
    np.testing.assert_array_equal(curve.weights, [2, 2])
    assert curve.expected_calibration_error == pytest.approx(0.35)
    assert curve.maximum_calibration_error == pytest.approx(0.35)


def test_bins_of_the_same_width_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    chances = rng.random(5000)
    labels = (rng.random(5000) < chances**2).astype(float)
    curve = reliability_curve(labels, chances, n_bins=8, bins="uniform")
    observed, predicted = calibration_curve(labels, chances, n_bins=8)
    np.testing.assert_allclose(curve.observed, observed)
    np.testing.assert_allclose(curve.predicted, predicted)


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1, width=32)), min_size=1, max_size=60), st.integers(1, 12)
)
def test_bins_hold_every_row_once(rows, n_bins):
    labels, chances = np.array(rows, float).T
    for bins in ("quantile", "uniform"):
        curve = reliability_curve(labels, chances, n_bins=n_bins, bins=bins)
        assert curve.weights.sum() == len(rows)
        assert len(curve.weights) <= n_bins
        assert curve.weights @ curve.observed == pytest.approx(labels.sum())
        assert curve.weights @ curve.predicted == pytest.approx(chances.sum())
        assert (np.diff(curve.predicted) >= 0).all()


def test_weights_are_rows_counted_more_than_once():
    labels, chances = [0, 1, 1], [0.2, 0.3, 0.9]
    repeated = expected_calibration_error([0, 1, 1, 1], [0.2, 0.3, 0.3, 0.9], bins="uniform")
    assert expected_calibration_error(labels, chances, [1, 2, 1], bins="uniform") == pytest.approx(repeated)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(DataError, match=r"probability in \[0, 1\]. Got 1.5"):
        reliability_curve([0, 1], [0.5, 1.5])
    with pytest.raises(DataError, match=r"label of 0 or 1. Got 2"):
        reliability_curve([0, 2], [0.5, 0.5])
    with pytest.raises(DataError, match="at least one row"):
        reliability_curve([], [])
    with pytest.raises(UserError, match="'n_bins' must be 1 or more"):
        reliability_curve([0, 1], [0.5, 0.5], n_bins=0)
