"""What the estimators promise beyond scikit-learn's checks."""

import inspect
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from pairloom import FactorizationMachineClassifier, FactorizationMachineRegressor
from pairloom.errors import DataError, DivergenceError, UserError
from pairloom.fm.model_file import load_model, save_model
from pairloom.rows import RowBatch
from reference.fm_rows import ratings, rmse

BOTH = [FactorizationMachineRegressor, FactorizationMachineClassifier]


def regressor(**parameters) -> FactorizationMachineRegressor:
    given = {"n_factors": 4, "learning_rate": 0.05, "random_state": 0}
    return FactorizationMachineRegressor(**(given | parameters))


def matrix_of(rows: RowBatch) -> sparse.csr_matrix:
    return sparse.csr_matrix(
        (np.ones(len(rows.indices), np.float32), rows.indices, rows.indptr),
        shape=(rows.n_rows, rows.n_features),
    )


@pytest.mark.parametrize("estimator", BOTH)
def test_every_parameter_is_documented(estimator):
    parameters = estimator.__doc__.split("Parameters\n")[1].split("Attributes\n")[0]
    for name in estimator().get_params():
        assert name in parameters, name
    assert set(estimator().get_params()) == set(inspect.signature(estimator).parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "lbfgs"}, "'solver' must be one of sgd, adagrad, adam, ftrl, als, mcmc. Got 'lbfgs'."),
        ({"n_factors": 0}, "'n_factors' must be an integer of 1 or more. Got 0."),
        ({"epochs": 1.5}, "'epochs' must be an integer of 1 or more. Got 1.5."),
        ({"learning_rate": -1}, "'learning_rate' must be a finite number of 0 or more. Got -1."),
        ({"factors_decay": float("nan")}, "'factors_decay' must be a finite number of 0 or more. Got nan."),
        ({"linear_l1": 1.0}, "L1 penalties need solver='ftrl'. Got 'sgd'."),
        ({"n_jobs": 0}, "'n_jobs' must not be 0."),
        ({"random_state": -1}, "'random_state' must be None, an integer of 0 or more"),
        ({"early_stopping": True, "validation_fraction": 1.0}, r"'validation_fraction' must be in \(0, 1\)."),
    ],
)
def test_bad_parameters(parameters, message):
    rows = ratings(50)
    with pytest.raises(UserError, match=message):
        regressor(**parameters).fit(rows, rows.labels)


@pytest.mark.parametrize("solver", ["sgd", "adagrad", "adam", "ftrl"])
def test_every_solver_beats_the_mean_by_half(solver):
    rows, held_out = ratings(), ratings(1000, seed=1)
    rate = {"sgd": 0.05, "adagrad": 0.3, "adam": 0.02, "ftrl": 0.5}[solver]
    gentle = (
        {"linear_decay": 0.03, "factors_decay": 1.0} if solver == "ftrl" else {}
    )  # few rows, hardly any noise
    model = regressor(solver=solver, learning_rate=rate, batch_size=100, **gentle).fit(rows, rows.labels)
    assert rmse(model.predict(held_out), held_out) < 0.5 * held_out.labels.std()


def test_frames_and_matrices_of_the_same_numbers_predict_the_same():
    X = matrix_of(ratings(100, 5, 4)).toarray()
    y = X @ np.arange(9)
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(9)])
    expected = regressor(epochs=3).fit(X, y).predict(X)
    for same in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame), sparse.csc_matrix(X)):
        np.testing.assert_array_equal(regressor(epochs=3).fit(same, y).predict(same), expected)


@pytest.mark.parametrize("name", ["model", "model.tar.gz"])
def test_a_saved_classifier_comes_back_bit_for_bit(tmp_path, name):
    X = pd.DataFrame(matrix_of(ratings(200, 5, 4)).toarray(), columns=[f"c{i}" for i in range(9)])
    y = np.where(X["c0"] + X["c1"] > 0, "yes", "no")
    model = FactorizationMachineClassifier(3, epochs=3, random_state=0).fit(X, y)
    model.save(tmp_path / name)
    loaded = FactorizationMachineClassifier.load(tmp_path / name)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.classes_.tolist() == ["no", "yes"]
    assert loaded.feature_names_in_.tolist() == list(X.columns)
    with pytest.raises(UserError, match=r"must be for regression\. Got classification"):
        FactorizationMachineRegressor.load(tmp_path / name)


def test_repeated_indices_add_up():
    indptr, columns = np.array([0, 3, 4]), np.array([1, 1, 0, 2])
    repeated = sparse.csr_matrix((np.ones(4), columns, indptr), shape=(2, 3))
    summed = repeated.copy()
    summed.sum_duplicates()
    models = [regressor(epochs=3).fit(X, [1.0, 2.0]) for X in (repeated, summed)]
    np.testing.assert_allclose(models[0].predict(repeated), models[1].predict(summed), rtol=1e-6)


def test_partial_fit_takes_wider_rows():
    model = regressor()
    for width in (20, 40):
        rows = ratings(1000, 30, width)
        for _ in range(5):
            model.partial_fit(rows, rows.labels)
        assert model.n_features_in_ == 30 + width == len(model.coef_)
    assert rmse(model.predict(rows), rows) < rows.labels.std()


def test_a_warm_start_goes_on():
    rows = ratings(1000)
    model = regressor(epochs=3, warm_start=True).fit(rows, rows.labels)
    first = model.history_[0].train_loss
    assert model.fit(rows, rows.labels).history_[0].train_loss < first


def test_callbacks_see_epochs_and_may_stop(capsys):
    rows, seen = ratings(300), []
    model = regressor(verbose=1, callbacks=[lambda r: seen.append(r.epoch), lambda r: r.epoch == 1])
    assert model.fit(rows, rows.labels).n_iter_ == 2
    assert seen == [0, 1]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("epoch 1/30  loss ")


def test_balanced_classes_raise_the_rare_one():
    rows = ratings(2000, binary=True)
    rare = (rows.labels > 0) & (np.arange(2000) % 8 == 0)
    plain, balanced = (
        FactorizationMachineClassifier(2, epochs=3, random_state=0, class_weight=weight).fit(rows, rare)
        for weight in (None, "balanced")
    )
    assert balanced.predict_proba(rows)[:, 1].mean() > 2 * plain.predict_proba(rows)[:, 1].mean()


@pytest.mark.parametrize("n_factors", [1, 1000])
def test_one_factor_and_a_thousand(n_factors):
    rows = ratings(300)
    assert np.isfinite(regressor(n_factors=n_factors, epochs=2).fit(rows, rows.labels).predict(rows)).all()


def test_ten_million_features():
    rows = RowBatch(np.array([0, 2, 4]), np.array([0, 9_999_999, 5, 6], np.int32), None, 10_000_000)
    model = regressor(n_factors=2, epochs=1).fit(rows, [1.0, 2.0])
    assert model.coef_.shape == (10_000_000,)
    assert np.isfinite(model.predict(rows)).all()


def test_one_row_and_empty_rows():
    one = sparse.csr_matrix([[0.0, 1.0]])
    assert regressor().fit(one, [3.0]).predict(one)[0] == pytest.approx(3.0, abs=0.1)
    empty = sparse.csr_matrix((4, 3))
    np.testing.assert_allclose(regressor().fit(empty, [1, 2, 3, 4]).predict(empty), 2.5, atol=0.2)


def test_an_absurd_learning_rate_leaves_no_model():
    rows = ratings(500)
    model = regressor(learning_rate=1e6)
    with pytest.raises(DivergenceError, match=r"epoch 1.*Lower 'learning_rate'"):
        model.fit(rows, rows.labels)
    assert not hasattr(model, "model_")


@pytest.mark.parametrize("name", ["bias_init", "rescale_gradient"])
@pytest.mark.parametrize("value", [np.nan, np.inf, "1", None])
def test_what_must_be_a_finite_number_is_refused_otherwise(name, value):
    with pytest.raises(UserError, match=f"'{name}' must be a finite number"):
        FactorizationMachineRegressor(**{name: value}).fit(np.eye(3), [1, 2, 3])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("estimator", 3), ("estimator", {"epochs": [1]}), ("estimator", {"epochs": {"__class__": "x"}}),
        ("classes", [1]), ("classes", [1, 1]), ("classes", [2, 1]), ("classes", "01"), ("classes", [[0], [1]]),
        ("classes", ["a", 1]), ("classes", {"a": 1}), ("feature_names", [1, 2, 3]), ("feature_names", "abc"),
        ("feature_names", ["a"] * 50),
    ],
)  # fmt: skip
def test_a_model_file_that_says_what_cannot_be_is_refused(tmp_path, field, value):
    FactorizationMachineClassifier(n_factors=2, epochs=1).fit(np.eye(3), [0, 1, 1]).save(tmp_path)
    file = tmp_path / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {field: value}))
    with pytest.raises(DataError, match=f"field '{field}'"):
        FactorizationMachineClassifier.load(tmp_path)


def test_further_arrays_of_a_model_file_are_kept(tmp_path):
    estimator = FactorizationMachineRegressor(n_factors=2, epochs=1).fit(np.eye(3), [1, 2, 3])
    save_model(estimator.model_, tmp_path / "a", extra_arrays={"encoder.ends": np.arange(4)})
    FactorizationMachineRegressor.load(tmp_path / "a").save(tmp_path / "b")
    np.testing.assert_array_equal(load_model(tmp_path / "b")[1]["encoder.ends"], np.arange(4))
