"""The estimators with other interactions than plain pairs."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from pairloom import FactorizationMachineClassifier, FactorizationMachineRegressor, FeatureEncoder
from pairloom.errors import DataError, UserError
from reference.fielded_rows import crossed_rows

KINDS = ("field-aware", "field-weighted", "order-3", "order-4")
TRAIN, TEST = crossed_rows(), crossed_rows(500, seed=1)
FIELDS = np.repeat(np.arange(3), 5)


def matrix(rows):
    return sparse.csr_array((np.ones(len(rows.indices)), rows.indices, rows.indptr), shape=(rows.n_rows, 15))


def classifier(kind="field-aware", **more):
    given = {"n_factors": 4, "learning_rate": 0.2, "epochs": 20, "factors_init_scale": 0.2, "random_state": 0}
    return FactorizationMachineClassifier(interactions=kind, **(given | more))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_matrices_and_frames_of_the_same_data_learn_the_same(kind):
    of_rows = classifier(kind).fit(TRAIN, TRAIN.labels)
    of_matrix = classifier(kind, fields=FIELDS).fit(matrix(TRAIN), TRAIN.labels)
    np.testing.assert_array_equal(of_rows.predict_proba(TEST), of_matrix.predict_proba(matrix(TEST)))
    assert of_rows.score(TEST, TEST.labels) > 0.95
    assert of_rows.solver is None


def test_fields_come_from_an_encoder():
    pandas = pytest.importorskip("pandas")
    ids = TRAIN.indices.reshape(-1, 3)
    frame = pandas.DataFrame({name: ids[:, j].astype(str) for j, name in enumerate("abc")})
    encoder = FeatureEncoder(["a", "b", "c"]).fit(frame)
    model = classifier(fields=encoder.fields_).fit(encoder.transform(frame), TRAIN.labels)
    assert model.score(encoder.transform(frame), TRAIN.labels) > 0.95
    assert model.factors_.shape == (encoder.n_features_out_, 3, 4)


def test_each_of_few_columns_is_a_field_by_itself():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 4))
    y = X[:, 0] * X[:, 1] - X[:, 2]
    model = FactorizationMachineRegressor(
        4, interactions="field-aware", epochs=30, learning_rate=0.1, random_state=0
    )
    assert model.fit(X, y).score(X, y) > 0.9
    assert model.factors_.shape == (4, 4, 4)
    np.testing.assert_allclose(model.predict(sparse.csr_array(X)), model.predict(X), rtol=1e-6)


def test_three_at_a_time_need_the_third_order():
    rng = np.random.default_rng(0)
    X = rng.choice([-1.0, 1.0], (4000, 3))
    y = X.prod(axis=1)
    scores = {}
    for kind in ("pairwise", "order-3"):
        model = FactorizationMachineRegressor(
            4, interactions=kind, solver="adagrad", epochs=60, learning_rate=0.1, factors_init_scale=0.3,
            random_state=0, factors_decay=0.0,
        )  # fmt: skip
        scores[kind] = model.fit(X, y).score(X, y)
    assert scores["pairwise"] < 0.1
    assert scores["order-3"] > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_estimator_predicts_and_goes_on(kind, tmp_path):
    model = classifier(kind, normalize_rows=True, fields=FIELDS).fit(matrix(TRAIN), TRAIN.labels)
    model.save(tmp_path / "model.tar.gz")
    loaded = FactorizationMachineClassifier.load(tmp_path / "model.tar.gz")
    assert (loaded.interactions, loaded.normalize_rows) == (kind, True)
    np.testing.assert_array_equal(loaded.predict_proba(matrix(TEST)), model.predict_proba(matrix(TEST)))
    loaded.partial_fit(matrix(TRAIN), TRAIN.labels)
    assert loaded.score(matrix(TEST), TEST.labels) > 0.9
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).predict(matrix(TEST)), model.predict(matrix(TEST))
    )


@pytest.mark.parametrize("kind", KINDS)
def test_early_stopping_partial_fits_and_warm_starts(kind):
    stopped = classifier(kind, early_stopping=True, n_iter_no_change=2, epochs=60).fit(TRAIN, TRAIN.labels)
    assert stopped.score(TEST, TEST.labels) > 0.9
    streamed = classifier(kind)
    for start in range(0, 3000, 1000):
        part = TRAIN.part(start, start + 1000)
        for _ in range(8):
            streamed.partial_fit(part, part.labels)
    assert streamed.score(TEST, TEST.labels) > 0.9
    warm = classifier(kind, warm_start=True, epochs=2).fit(TRAIN, TRAIN.labels)
    before = warm.history_[-1].train_loss
    assert warm.fit(TRAIN, TRAIN.labels).history_[-1].train_loss < before
    with pytest.raises(UserError, match="'interactions' and 'normalize_rows' must stay"):
        warm.set_params(normalize_rows=True).fit(TRAIN, TRAIN.labels)


def test_calibration_and_terms():
    model = classifier().fit(TRAIN, TRAIN.labels)
    model.calibrate(TEST, TEST.labels, method="platt")
    assert model.predict_proba(TEST).shape == (500, 2)
    assert model.score_terms(TEST, 3).score == pytest.approx(
        float(model.decision_function(TEST)[3]), abs=1e-4
    )


def test_settings_are_searched():
    model = classifier(epochs=5).tune(TRAIN, TRAIN.labels, n_fits=2)
    assert model.score(TEST, TEST.labels) > 0.9


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"interactions": "triple"}, "'interactions' must be one of pairwise, field-aware"),
        (
            {"solver": "mcmc"},
            "'solver' must be one of adagrad, sgd with interactions 'field-aware'. Got 'mcmc'",
        ),
        ({"fields": [0, 1]}, "'fields' must hold the field of each of the 15 columns. Got 2"),
        ({"fields": [[0] * 15]}, "'fields' must be whole numbers of 0 or more"),
        ({"fields": [0.5] * 15}, "'fields' must be whole numbers of 0 or more"),
        ({"fields": [-1] * 15}, "'fields' must be whole numbers of 0 or more"),
        ({"interactions": "pairwise", "normalize_rows": True}, "'normalize_rows' needs other 'interactions'"),
    ],
)
def test_parameters_that_do_not_fit_are_named(parameters, message):
    given = {"kind": parameters.pop("interactions")} if "interactions" in parameters else {}
    with pytest.raises(UserError, match=message):
        classifier(**given, **parameters).fit(matrix(TRAIN), TRAIN.labels)


def test_wide_matrices_must_say_their_fields():
    wide = sparse.csr_array((np.ones(3000), (np.arange(3000), np.arange(3000) % 300)), shape=(3000, 300))
    with pytest.raises(UserError, match="'fields' must say the field of each of the 300 columns"):
        classifier().fit(wide, TRAIN.labels)


def test_a_new_field_later_is_refused():
    model = classifier().partial_fit(TRAIN, TRAIN.labels)
    more = replace(TRAIN, fields=TRAIN.fields + 1)
    with pytest.raises(DataError, match=r"a field in \[0, 2\], as the rows before had"):
        model.partial_fit(more, more.labels)
