import json
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from pairloom import FactorizationMachineClassifier
from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.algorithms.factorization_machines.sagemaker_artifact import write
from pairloom.errors import DataError, UserError
from pairloom.fm.calibration import calibration_from_json, fit_calibration
from pairloom.fm.held_out import calibrate_model
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.model_file import load_model, save_model
from pairloom.rows import RowBatch

METHODS = ["platt", "isotonic"]


def overconfident(n_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores three times as far from 0 as they should be, and moved."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n_rows)
    labels = (rng.random(n_rows) < 1 / (1 + np.exp(-truth))).astype(np.float32)
    return (3 * truth + 1).astype(np.float32), labels


def single_feature_rows(scores: np.ndarray, labels: np.ndarray) -> tuple[FactorizationMachine, RowBatch]:
    """A model and rows with just these scores."""
    n = len(scores)
    model = FactorizationMachine.from_arrays(
        "classification", 0.0, scores.astype(np.float32), np.zeros((n, 1), np.float32)
    )
    return model, RowBatch(np.arange(n + 1), np.arange(n, dtype=np.int32), None, n, labels)


def test_platt_undoes_a_tilt_and_a_shift():
    scores, labels = overconfident(40_000)
    learned = fit_calibration("platt", scores, labels)
    assert learned.slope == pytest.approx(1 / 3, abs=0.02)
    assert learned.intercept == pytest.approx(-1 / 3, abs=0.03)
    plain = LogisticRegression(C=1e9).fit(scores[:, None], labels)
    assert learned.slope == pytest.approx(plain.coef_[0, 0], rel=1e-3)


def test_platt_stays_finite_where_labels_part_cleanly():
    learned = fit_calibration("platt", np.array([-2.0, -1, 1, 2]), np.array([0, 0, 1, 1]))
    assert 0 < learned.slope < 5
    found = learned.probabilities(np.array([-1e30, -2, 2, 1e30]))
    assert found[0] == 0
    assert 0 < found[1] < 0.5 < found[2] < 1


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.booleans(), st.integers(1, 3)), min_size=2, max_size=40).filter(
        lambda rows: {label for _, label, _ in rows} == {True, False}
    )
)
def test_isotonic_is_that_of_scikit_learn(rows):
    scores, labels, weights = np.array(rows, float).T
    learned = fit_calibration("isotonic", scores, labels, weights)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, labels, weights)
    edge = 0.5 / (weights.sum() + 1)
    at = np.linspace(-6, 6, 49)
    np.testing.assert_allclose(
        learned.probabilities(scores), np.clip(theirs.predict(scores), edge, 1 - edge), atol=1e-6
    )
    assert (np.diff(learned.probabilities(at)) >= 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_calibration_mends_the_error_on_rows_it_has_not_seen(method):
    model, rows = single_feature_rows(*overconfident(8000))
    calibrated = calibrate_model(model, [rows.part(0, 3000), rows.part(3000, 8000)], method)
    report = calibrated.metadata["calibration_report"]
    assert report["n_rows"] == 8000
    assert report["before"]["expected_calibration_error"] > 0.15
    assert report["after"]["expected_calibration_error"] < 0.03
    name = "binary_classification_cross_entropy"
    assert report["after"][name] < report["before"][name] - 0.2
    fresh, fresh_rows = single_feature_rows(*overconfident(8000, seed=1))
    found = replace(fresh, calibration=calibrated.calibration).predict(fresh_rows)
    assert abs(found.mean() - fresh_rows.labels.mean()) < 0.03
    np.testing.assert_array_equal(calibrated.score(rows), model.score(rows))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["model", "model.tar.gz"])
def test_a_saved_calibration_answers_bit_for_bit(tmp_path, method, name):
    model, rows = single_feature_rows(*overconfident(300))
    calibrated = calibrate_model(model, [rows], method)
    save_model(calibrated, tmp_path / name)
    loaded, _ = load_model(tmp_path / name)
    np.testing.assert_array_equal(loaded.predict(rows), calibrated.predict(rows))
    assert loaded.metadata["calibration_report"] == calibrated.metadata["calibration_report"]


@pytest.mark.parametrize(
    "saved",
    [
        5,
        {},
        {"method": "magic"},
        {"method": "platt", "slope": "1", "intercept": None},
        {"method": "platt", "slope": float("nan"), "intercept": 0},
        {"method": "isotonic", "scores": [1, 0], "values": [0.1, 0.2]},
        {"method": "isotonic", "scores": [0, 1], "values": [0.3, 0.2]},
        {"method": "isotonic", "scores": [0, 1], "values": [0.3, 1.2]},
        {"method": "isotonic", "scores": [], "values": []},
        {"method": "isotonic", "scores": [[0, 1]], "values": [[0.1, 0.2]]},
        {"method": "isotonic", "scores": [0, 1], "values": ["a", "b"]},
    ],
)
def test_a_calibration_that_cannot_be_is_refused(saved):
    with pytest.raises(DataError, match=r"model.json, field 'calibration'"):
        calibration_from_json(saved, "model.json")


def test_rows_that_teach_nothing_are_refused():
    model, rows = single_feature_rows(np.ones(3), np.ones(3, np.float32))
    with pytest.raises(UserError, match=r"must hold both labels. Got 3 of label 1 and 0 of label 0"):
        calibrate_model(model, [rows], "platt")
    with pytest.raises(UserError, match="at least one row"):
        calibrate_model(model, [], "platt")
    with pytest.raises(UserError, match=r"'method' must be platt or isotonic. Got 'beta'"):
        calibrate_model(model, [rows], "beta")  # pyright: ignore[reportArgumentType]
    with pytest.raises(UserError, match="Got a regressor"):
        calibrate_model(replace(model, task="regression"), [rows], "platt")
    with pytest.raises(DataError, match="a label in every row"):
        calibrate_model(model, [RowBatch(rows.indptr, rows.indices, None, 3)], "platt")


@pytest.mark.parametrize("method", METHODS)
def test_the_estimator_answers_calibrated_probabilities(tmp_path, method):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 4)).astype(np.float32)
    y = np.where(rng.random(3000) < 1 / (1 + np.exp(-X[:, 0])), "yes", "no")
    model = FactorizationMachineClassifier(class_weight={"yes": 9.0, "no": 1.0}, random_state=0, epochs=5)
    model.fit(X[:1500], y[:1500])
    with pytest.raises(AttributeError, match="is not calibrated"):
        _ = model.calibration_report_
    before = model.decision_function(X)
    assert model.predict_proba(X)[:, 1].mean() > 0.7
    assert model.calibrate(X[1500:], y[1500:], method=method) is model
    after = model.predict_proba(X)
    assert after[:, 1].mean() == pytest.approx(0.5, abs=0.03)
    np.testing.assert_array_equal(model.decision_function(X), before)
    np.testing.assert_array_equal(model.predict(X) == "yes", after[:, 1] > 0.5)
    assert json.dumps(model.calibration_report_)
    model.save(tmp_path / "model.tar.gz")
    np.testing.assert_array_equal(
        FactorizationMachineClassifier.load(tmp_path / "model.tar.gz").predict_proba(X), after
    )
    model.to_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    labels, chances = session.run(["label", "probabilities"], {"X": X})
    np.testing.assert_allclose(chances, after, atol=1e-5)
    assert (np.asarray(labels) == model.predict(X)).mean() > 0.999
    model.fit(X[:1500], y[:1500])
    assert model.predict_proba(X)[:, 1].mean() > 0.7


def test_a_curve_without_a_rise_can_be_exported(tmp_path):
    model, rows = single_feature_rows(np.zeros(4), np.array([0, 1, 0, 1], np.float32))
    calibrated = calibrate_model(model, [rows], "isotonic")
    np.testing.assert_array_equal(calibrated.predict(rows), np.full(4, 0.5, np.float32))
    from pairloom.fm.onnx_export import export_onnx

    export_onnx(calibrated, tmp_path / "model.onnx", inputs="dense")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    (chances,) = session.run(["probabilities"], {"X": np.eye(4, dtype=np.float32)})
    np.testing.assert_array_equal(chances, np.full((4, 2), 0.5, np.float32))


def test_sagemakers_form_has_no_place_for_it():
    model, rows = single_feature_rows(*overconfident(50))
    with pytest.raises(UserError, match="model without calibration"):
        write(FactorizationMachinesModel(calibrate_model(model, [rows], "platt")))
