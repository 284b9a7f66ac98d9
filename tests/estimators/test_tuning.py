"""Settings found within a budget of fits."""

import sys

import numpy as np
import pytest

from pairloom import FactorizationMachineClassifier, FactorizationMachineRegressor
from pairloom.errors import MissingExtraError, UserError
from pairloom.synthetic import planted_ratings

ROWS = planted_ratings(100, 60, 3000, noise=0.4).rows()


def test_the_outcome_beats_bad_settings_and_is_fitted_on_all_rows():
    model = FactorizationMachineRegressor(8, learning_rate=1e-4, epochs=10, random_state=0)
    assert model.tune(ROWS, None, n_fits=10) is model
    trials = model.tuning_.trials
    assert len(trials) == 10
    assert model.tuning_.best.validation_loss == min(trial.validation_loss for trial in trials)
    assert trials[0].parameters["learning_rate"] == 1e-4
    assert model.tuning_.best.validation_loss < 0.7 * trials[0].validation_loss
    assert {name: model.get_params()[name] for name in trials[0].parameters} == dict(
        model.tuning_.best.parameters
    )
    assert model.history_[0].n_rows == ROWS.n_rows


def test_the_first_fit_has_the_settings_that_it_began_with():
    model = FactorizationMachineRegressor(8, factors_decay=0.05, random_state=0)
    model.tune(ROWS, None, n_fits=1)
    first = model.tuning_.trials[0]
    assert first.parameters["factors_decay"] == 0.05
    assert first.parameters["learning_rate"] == 0.025
    assert first.parameters["epochs"] == 30


def test_the_same_seed_tries_the_same():
    found = []
    for _ in range(2):
        model = FactorizationMachineRegressor(4, random_state=3).tune(ROWS, None, n_fits=4)
        found.append(([trial.parameters for trial in model.tuning_.trials], model.predict(ROWS)))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_a_classifier_searches_what_it_is_told(capsys):
    y = np.where(ROWS.labels > np.median(ROWS.labels), "yes", "no")
    half = ROWS.part(0, 1500), y[:1500]
    rest = ROWS.part(1500, 3000), y[1500:]
    model = FactorizationMachineClassifier(8, random_state=0, verbose=1, epochs=5)
    model.tune(
        *half, n_fits=4, search={"solver": ["sgd", "adagrad"], "n_factors": (2, 9)}, validation_data=rest
    )
    assert {trial.parameters["solver"] for trial in model.tuning_.trials} <= {"sgd", "adagrad"}
    assert all(2 <= trial.parameters["n_factors"] <= 9 for trial in model.tuning_.trials)
    assert model.factors_.shape[1] == model.tuning_.best.parameters["n_factors"]
    assert model.score(*rest) > 0.6
    assert "fit 4/4: " in capsys.readouterr().err


def test_a_fit_that_diverges_is_passed_over():
    model = FactorizationMachineRegressor(4, learning_rate=1e6, random_state=0)
    with pytest.raises(UserError, match=r"must end with a finite loss. Got none. Search lower step sizes"):
        model.tune(ROWS, None, n_fits=2, search={"learning_rate": [1e6]})
    model.tune(ROWS, None, n_fits=3, search={"learning_rate": [1e6, 0.02]})
    assert model.learning_rate == 0.02


def test_time_that_is_up_begins_no_further_fit():
    model = FactorizationMachineRegressor(4, random_state=0).tune(ROWS, None, n_fits=50, timeout_s=0)
    assert len(model.tuning_.trials) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_fits": 0}, "'n_fits' must be 1 or more. Got 0"),
        ({"search": {}}, "must name at least one parameter"),
        ({"search": {"n_factor": [1]}}, "must name parameters of the estimator. Got 'n_factor'"),
        ({"search": {"random_state": [1]}}, "Got 'random_state'"),
        ({"search": {"n_factors": []}}, "a list of values or a pair"),
        ({"search": {"solver": "sgd"}}, "a list of values or a pair"),
        ({"search": {"learning_rate": (1.0, 0.1)}}, "a list of values or a pair"),
    ],
)
def test_what_cannot_be_searched_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        FactorizationMachineRegressor(4).tune(ROWS, None, **arguments)


def test_rows_to_measure_on_are_needed():
    with pytest.raises(UserError, match="must leave rows to train on and rows to measure"):
        FactorizationMachineRegressor(4).tune(ROWS.part(0, 1), None)


def test_the_extra_is_named_where_it_misses(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pairloom\[tune\]"):
        FactorizationMachineRegressor(4).tune(ROWS, None)


def test_coordinate_descent_is_tuned_and_sampling_is_not():
    model = FactorizationMachineRegressor(4, solver="als", random_state=0).tune(ROWS, None, n_fits=3)
    assert all("learning_rate" not in trial.parameters for trial in model.tuning_.trials)
    with pytest.raises(UserError, match="learns its own"):
        FactorizationMachineRegressor(4, solver="mcmc").tune(ROWS, None, n_fits=3)
