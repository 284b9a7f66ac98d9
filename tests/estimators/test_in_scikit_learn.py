"""The estimators inside scikit-learn's tools."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")

from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from pairloom import FactorizationMachineClassifier, FactorizationMachineRegressor, FeatureEncoder
from reference.fm_rows import ratings

BOTH = [FactorizationMachineRegressor, FactorizationMachineClassifier]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rows = ratings(1500, 30, 20)
    pairs = rows.indices.reshape(-1, 2)
    return pd.DataFrame({
        "user": [f"u{user}" for user in pairs[:, 0]], "item": pairs[:, 1], "rating": rows.labels,
        "like": np.where(rows.labels > 3.5, "yes", "no"),
    })  # fmt: skip


@pytest.mark.parametrize("estimator", BOTH)
def test_clones_and_pickles_are_the_same(estimator):
    rows = ratings(500, binary=estimator is FactorizationMachineClassifier)
    model = estimator(n_factors=3, epochs=3, random_state=0, solver="adagrad").fit(rows, rows.labels)
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "model_")
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(rows), model.predict(rows))
    for one in (model, copy):
        one.partial_fit(rows, rows.labels)
    np.testing.assert_array_equal(copy.predict(rows), model.predict(rows))


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_a_grid_search_runs_in_parallel(backend):
    rows = ratings(1200, 30, 20)
    X = sparse.csr_matrix((np.ones(2400), rows.indices, rows.indptr), shape=(1200, 50))
    model = FactorizationMachineRegressor(n_factors=3, epochs=10, random_state=0, learning_rate=0.05)
    search = GridSearchCV(model, {"n_factors": [2, 4], "solver": ["sgd", "adagrad"]}, cv=2, n_jobs=2)
    with joblib.parallel_backend(backend):
        search.fit(X, rows.labels)
    assert search.best_score_ > 0.3
    assert search.best_estimator_.predict(X).shape == (1200,)


def test_raw_columns_go_through_an_encoder(frame):
    columns = ["user", "item"]
    model = make_pipeline(
        FeatureEncoder(columns),
        FactorizationMachineRegressor(n_factors=4, learning_rate=0.05, random_state=0),
    ).fit(frame[columns], frame["rating"])
    assert model.score(frame[columns], frame["rating"]) > 0.7
    unseen = pd.DataFrame({"user": ["nobody"], "item": [10**6]})
    assert np.isfinite(model.predict(unseen)).all()
    likes = make_pipeline(
        FeatureEncoder(columns), FactorizationMachineClassifier(n_factors=4, random_state=0)
    ).fit(frame[columns], frame["like"])
    assert likes.score(frame[columns], frame["like"]) > 0.8
    assert set(likes.predict(frame[columns])) == {"yes", "no"}


def test_a_column_transformer_feeds_it(frame):
    columns = ColumnTransformer([
        ("ids", OneHotEncoder(handle_unknown="ignore"), ["user"]), ("more", FeatureEncoder(["item"]), ["item"]),
    ])  # fmt: skip
    model = make_pipeline(
        columns, FactorizationMachineRegressor(n_factors=4, learning_rate=0.05, random_state=0)
    )
    scores = cross_val_score(model, frame[["user", "item"]], frame["rating"], cv=2)
    assert scores.min() > 0.3


@pytest.mark.parametrize("combine", [VotingRegressor, lambda of: StackingRegressor(of, Ridge(), cv=3)])
def test_averages_and_stacks_beat_their_members(frame, combine):
    def member(solver, **settings):
        machine = FactorizationMachineRegressor(3, solver=solver, random_state=0, **settings)
        return make_pipeline(FeatureEncoder(["user", "item"]), machine)

    train, test = frame[:1200], frame[1200:]
    members = {"sampled": member("mcmc", epochs=60), "stepped": member("sgd"), "alternating": member("als")}
    together = combine(list(members.items())).fit(train, train["rating"])
    errors = [
        np.mean((model.fit(train, train["rating"]).predict(test) - test["rating"]) ** 2)
        for model in members.values()
    ]
    assert np.mean((together.predict(test) - test["rating"]) ** 2) < np.mean(errors)
