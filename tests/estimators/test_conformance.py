"""scikit-learn's own checks over both estimators."""

import warnings

import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from pairloom import FactorizationMachineClassifier, FactorizationMachineRegressor

STEPS = "steps are taken row by row in random order: a weight of two is a longer step, not two steps"
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": STEPS,
    "check_sample_weight_equivalence_on_sparse_data": STEPS,
}


with warnings.catch_warnings():
    # Not BaseEstimator's children: importing the library must not import scikit-learn.
    warnings.filterwarnings("ignore", "Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
    every_check = parametrize_with_checks(
        [
            FactorizationMachineRegressor(n_factors=4, random_state=0),
            FactorizationMachineClassifier(n_factors=4, random_state=0),
        ],
        expected_failed_checks=lambda _estimator: EXPECTED_FAILURES,
    )


@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
@every_check
def test_an_estimator_keeps_the_manners_of_scikit_learn(estimator, check):
    check(estimator)
