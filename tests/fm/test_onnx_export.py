"""ONNX graphs, scored by onnxruntime, against the model's own predictions."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from scipy import sparse

from pairloom import FactorizationMachineClassifier, FactorizationMachineRegressor
from pairloom.errors import MissingExtraError, UserError
from pairloom.fm import onnx_export
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.onnx_export import export_onnx, padded_inputs
from pairloom.rows import RowBatch

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def make_model(task: str, n_features: int, n_factors: int, **more: Any) -> FactorizationMachine:
    rng = np.random.default_rng(n_features)
    weights = rng.normal(size=n_features).astype(np.float32)
    factors = (0.3 * rng.normal(size=(n_features, n_factors))).astype(np.float32)
    return FactorizationMachine.from_arrays(task, 0.25, weights, factors, **more)  # pyright: ignore


def make_rows(n_rows: int, n_features: int, *, ones: bool = False) -> RowBatch:
    matrix = sparse.random_array((n_rows, n_features), density=0.2, format="csr", rng=1, dtype=np.float32)
    values = None if ones else 3 * matrix.data - 1
    return RowBatch(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), values, n_features)


def dense(rows: RowBatch) -> np.ndarray:
    values = np.ones(len(rows.indices), np.float32) if rows.values is None else rows.values
    return sparse.csr_array(
        (values, rows.indices, rows.indptr), shape=(rows.n_rows, rows.n_features)
    ).toarray()


def run(path: Path, model: FactorizationMachine, rows: RowBatch) -> dict[str, Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    if [given.name for given in session.get_inputs()] == ["X"]:
        feed: dict[str, Any] = {"X": dense(rows)}
    else:
        feed = dict(zip(("indices", "values"), padded_inputs(rows, model.n_features), strict=True))
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


@pytest.mark.parametrize("inputs", ["dense", "sparse"])
@pytest.mark.parametrize("n_factors", [1, 7, 64])
@pytest.mark.parametrize("ones", [True, False])
def test_regressor_scores_alike(tmp_path: Path, inputs: Any, n_factors: int, ones: bool) -> None:
    model, rows = make_model("regression", 40, n_factors), make_rows(60, 40, ones=ones)
    export_onnx(model, tmp_path / "model.onnx", inputs=inputs)
    result = run(tmp_path / "model.onnx", model, rows)
    assert list(result) == ["prediction"]
    assert result["prediction"].dtype == np.float32
    np.testing.assert_allclose(result["prediction"], model.predict(rows), **CLOSE)


@pytest.mark.parametrize("inputs", ["dense", "sparse"])
@pytest.mark.parametrize(
    "classes", [np.array([0, 1]), np.array([3, 9], np.int8), np.array(["no", "yes"]), np.array([False, True])]
)
def test_classifier_scores_alike(tmp_path: Path, inputs: Any, classes: np.ndarray) -> None:
    model, rows = make_model("classification", 40, 8), make_rows(60, 40)
    export_onnx(model, tmp_path / "model.onnx", inputs=inputs, classes=classes)
    result = run(tmp_path / "model.onnx", model, rows)
    second = model.predict(rows)
    np.testing.assert_allclose(result["probabilities"], np.stack([1 - second, second], axis=1), **CLOSE)
    assert result["label"].tolist() == classes[(model.score(rows) > 0).astype(int)].tolist()


@pytest.mark.parametrize("inputs", ["dense", "sparse"])
def test_predictions_are_clipped(tmp_path: Path, inputs: Any) -> None:
    model = make_model("regression", 40, 8, label_range=(-0.5, 0.5), clip_predictions=True)
    rows = make_rows(60, 40)
    export_onnx(model, tmp_path / "model.onnx", inputs=inputs)
    prediction = run(tmp_path / "model.onnx", model, rows)["prediction"]
    assert prediction.min() == np.float32(-0.5)
    assert prediction.max() == np.float32(0.5)
    np.testing.assert_allclose(prediction, model.predict(rows), **CLOSE)


@pytest.mark.parametrize("inputs", ["dense", "sparse"])
def test_large_values_lose_no_digits(tmp_path: Path, inputs: Any) -> None:
    model = make_model("regression", 40, 8)
    rows = RowBatch(np.array([0, 2]), np.array([3, 9], np.int32), np.array([1e6, 1e-3], np.float32), 40)
    export_onnx(model, tmp_path / "model.onnx", inputs=inputs)
    a, b = (float(value) for value in rows.values)  # pyright: ignore
    v, w = model.factors.astype(np.float64), model.weights.astype(np.float64)
    exact = 0.25 + w[3] * a + w[9] * b + v[3] @ v[9] * a * b
    np.testing.assert_allclose(run(tmp_path / "model.onnx", model, rows)["prediction"], exact, rtol=1e-6)


def test_awkward_rows(tmp_path: Path) -> None:
    """An empty row, a repeated index, and a feature beyond the model's width."""
    model = make_model("regression", 5, 3)
    rows = RowBatch(
        np.array([0, 0, 3, 5]), np.array([2, 2, 4, 1, 7], np.int32), np.array([1, 2, 1, 1, 5], np.float32), 8
    )
    export_onnx(model, tmp_path / "model.onnx", inputs="sparse")
    np.testing.assert_allclose(
        run(tmp_path / "model.onnx", model, rows)["prediction"], model.predict(rows), **CLOSE
    )


def test_no_rows(tmp_path: Path) -> None:
    model = make_model("regression", 5, 3)
    rows = RowBatch(np.zeros(1, np.int64), np.empty(0, np.int32), None, 5)
    export_onnx(model, tmp_path / "model.onnx", inputs="sparse")
    assert run(tmp_path / "model.onnx", model, rows)["prediction"].shape == (0,)


def test_estimators_choose_inputs_by_width(tmp_path: Path) -> None:
    rows = make_rows(50, 30)
    labels = np.arange(50) % 2
    narrow = FactorizationMachineClassifier(n_factors=4, epochs=3, random_state=0).fit(
        rows, np.array(["a", "b"])[labels]
    )
    narrow.to_onnx(tmp_path / "narrow.onnx")
    result = run(tmp_path / "narrow.onnx", narrow.model_, rows)
    np.testing.assert_allclose(result["probabilities"], narrow.predict_proba(rows), **CLOSE)
    assert result["label"].tolist() == narrow.predict(rows).tolist()

    wide_rows = RowBatch(rows.indptr, 50 * rows.indices, rows.values, 2000)
    wide = FactorizationMachineRegressor(n_factors=4, epochs=3, random_state=0).fit(wide_rows, labels)
    wide.to_onnx(tmp_path / "wide.onnx")
    np.testing.assert_allclose(
        run(tmp_path / "wide.onnx", wide.model_, wide_rows)["prediction"], wide.predict(wide_rows), **CLOSE
    )
    session = onnxruntime.InferenceSession(str(tmp_path / "wide.onnx"))
    assert [given.name for given in session.get_inputs()] == ["indices", "values"]


def test_large_models_keep_parameters_in_a_second_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_export, "LARGEST_SINGLE_FILE_BYTES", 1000)
    model, rows = make_model("regression", 300, 8), make_rows(10, 300)
    for _ in range(2):
        export_onnx(model, tmp_path / "model.onnx", inputs="sparse")
    assert 300 * 8 * 4 <= (tmp_path / "model.onnx.data").stat().st_size < 2 * 300 * 8 * 4
    np.testing.assert_allclose(
        run(tmp_path / "model.onnx", model, rows)["prediction"], model.predict(rows), **CLOSE
    )


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model("classification", 5, 2)
    with pytest.raises(UserError, match=r"'inputs' must be dense or sparse\. Got 'coo'"):
        export_onnx(model, tmp_path / "model.onnx", inputs="coo")  # pyright: ignore
    with pytest.raises(UserError, match="'classes' must be two"):
        export_onnx(model, tmp_path / "model.onnx", classes=np.arange(3))
    with pytest.raises(UserError, match="not fitted"):
        FactorizationMachineRegressor().to_onnx(tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"pairloom\[onnx\]"):
        export_onnx(model, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
