import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom import FactorizationMachineRegressor
from pairloom.errors import UserError
from pairloom.fm.importance import global_importance, nearest_features
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.terms import score_terms
from pairloom.plots import draw_importance, draw_reliability
from reference.fm_rows import random_rows

FIELDS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])


def model_of(seed: int = 0, n_features: int = 9) -> FactorizationMachine:
    rng = np.random.default_rng(seed)
    return FactorizationMachine.from_arrays(
        "regression", 0.7, rng.normal(size=n_features).astype(np.float32),
        rng.normal(size=(n_features, 4)).astype(np.float32),
    )  # fmt: skip


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 40))
def test_terms_of_fields_are_those_of_the_rows_gathered(seed, n_rows):
    """The obvious twin: every row's exact terms, added up by the fields of their features."""
    model, rows = model_of(seed), random_rows(n_rows, 9, seed=seed)
    terms = np.zeros((n_rows, 3, 3))
    for row in range(n_rows):
        found = score_terms(model, rows, row)
        fields = FIELDS[found.features]
        np.add.at(terms[row], (fields, fields), found.linear)
        pairs = np.sort(fields[found.pairs].reshape(-1, 2), axis=1)
        np.add.at(terms[row], (pairs[:, 0], pairs[:, 1]), found.interactions)
    found = global_importance(model, [rows], fields=FIELDS, field_names=["user", "item", "tag"])
    np.testing.assert_allclose(found.means, terms.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.deviations, terms.std(axis=0), atol=1e-4)
    scores = model.score(rows)
    assert found.means.sum() + model.bias == pytest.approx(float(scores.mean()), abs=1e-3)
    names = [term.name for term in found.terms()]
    assert sorted(names) == sorted(["user", "item", "tag", "user x item", "user x tag", "item x tag"])
    strengths = [term.strength for term in found.terms()]
    assert strengths == sorted(strengths, reverse=True)


def test_batches_add_up():
    model, rows = model_of(), random_rows(30, 9, seed=3)
    whole = global_importance(model, [rows], fields=FIELDS)
    parts = global_importance(model, [rows.part(0, 7), rows.part(7, 30)], fields=FIELDS)
    np.testing.assert_allclose(parts.deviations, whole.deviations)
    np.testing.assert_allclose(parts.strengths, whole.strengths)
    np.testing.assert_array_equal(parts.counts, whole.counts)
    assert whole.n_rows == 30


def test_a_rare_feature_moves_less_than_a_common_one_of_the_same_weight():
    model = FactorizationMachine.from_arrays(
        "regression", 0.0, np.array([1, 1, 5], np.float32), np.zeros((3, 2), np.float32)
    )
    X = np.zeros((100, 3), np.float32)
    X[:50, 0], X[0, 1], X[:, 2] = 1, 1, 1
    estimator = FactorizationMachineRegressor(n_factors=2)
    estimator.model_, estimator.n_features_in_ = model, 3
    found = estimator.global_importance(X, field_names=["common", "rare", "always"])
    assert [term.name for term in found.terms()[:2]] == ["common", "rare"]
    assert found.terms()[0].strength == pytest.approx(0.5)
    by_feature = {each.feature: each for each in found.features()}
    assert by_feature[0].count == 50
    assert by_feature[2].strength == pytest.approx(5.0)  # sizes, where the same is added to every row
    assert found.features(1)[0].feature == 2


def test_nearest_features_point_the_same_way():
    model = FactorizationMachine.from_arrays(
        "regression", 0.0, np.zeros(5, np.float32),
        np.array([[1, 0], [2, 0.1], [0, 1], [-1, 0], [0, 0]], np.float32),
    )  # fmt: skip
    found = nearest_features(model, 0)
    assert [feature for feature, _ in found] == [1, 2, 3]
    assert found[0][1] == pytest.approx(2 / np.hypot(2, 0.1))
    assert nearest_features(model, 0, among=np.array([0, 2, 3]), n=1) == [(2, 0.0)]
    with pytest.raises(UserError, match=r"'feature' must be in \[0, 4\]. Got 5"):
        nearest_features(model, 5)
    with pytest.raises(UserError, match="Those of 4 are all 0"):
        nearest_features(model, 4)


def test_names_of_a_frame_are_names_of_features():
    pandas = pytest.importorskip("pandas", reason="the extra that reads data frames is not installed")
    frame = pandas.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=["a", "b", "c"])
    model = FactorizationMachineRegressor(n_factors=2, random_state=0, epochs=3).fit(frame, frame["a"])
    assert model.global_importance(frame).field_names == ["a", "b", "c"]
    assert {feature for feature, _ in model.nearest_features("a")} == {1, 2}
    with pytest.raises(UserError, match="Got 'z', which is none of 3 names"):
        model.nearest_features("z")


@pytest.mark.parametrize(
    ("fields", "names", "message"),
    [
        (np.zeros(3, int), None, r"for each of the 9 features. Got shape \(3,\)"),
        (np.full(9, -1), None, "a field of 0 or more"),
        (np.arange(9), ["a"], "'field_names' each of them. Got 1 names"),
        (np.arange(9) * 100, None, "1 to 512 fields"),
    ],
)
def test_fields_that_do_not_fit_are_refused(fields, names, message):
    with pytest.raises(UserError, match=message):
        global_importance(model_of(), [random_rows(3, 9, seed=0)], fields=fields, field_names=names)


def test_no_rows_are_refused():
    with pytest.raises(UserError, match="at least one row"):
        global_importance(model_of(), [])


def test_pictures_are_written(tmp_path):
    found = global_importance(model_of(), [random_rows(30, 9, seed=3)], fields=FIELDS)
    draw_importance(found, tmp_path / "importance.png", tmp_path / "importance.svg")
    text = (tmp_path / "importance.svg").read_text()
    assert "field 0 x field 1" in text or text.count("<path") > 20
    assert (tmp_path / "importance.png").read_bytes().startswith(b"\x89PNG")
    measured = {
        "predicted": [0.2, 0.8],
        "observed": [0.4, 0.6],
        "weights": [5, 5],
        "expected_calibration_error": 0.2,
    }
    draw_reliability({"before": measured, "after": measured}, tmp_path / "curve.pdf")
    assert (tmp_path / "curve.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(UserError, match=r"must end in .png, .svg, .pdf. Got"):
        draw_reliability({"before": measured}, tmp_path / "curve.gif")
