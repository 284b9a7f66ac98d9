"""FeatureEncoder among scikit-learn's own."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

from pairloom.encoding import FeatureEncoder, Id, Multi, Standard

WITHOUT_BASE = (
    "ignore:Estimator FeatureEncoder does not inherit:UserWarning"  # sklearn is not imported with us
)
LENDING = "a training pass lends cells to the columns of unseen ids and missing values"
EXPECTED = {"check_transformer_general": LENDING, "check_transformer_data_not_an_array": LENDING}


def ratings(n_rows=600, seed=0):
    random = np.random.default_rng(seed)
    user, item = random.integers(0, 20, n_rows), random.integers(0, 15, n_rows)
    effects = random.normal(size=20)[user] + random.normal(size=15)[item]
    frame = pd.DataFrame({"user": user, "item": [f"film {i}" for i in item], "age": 18 + user % 7 + 0.5})
    return frame, effects + 0.1 * random.normal(size=n_rows)


def outcomes(encoder, expected):
    results = check_estimator(encoder, expected_failed_checks=expected, on_skip=None)
    return {result["check_name"]: result["status"] for result in results}


@pytest.mark.filterwarnings(WITHOUT_BASE)
def test_checks_of_scikit_learn():
    statuses = outcomes(FeatureEncoder(unseen_samples=0, missing_share=0), {})
    assert len(statuses) >= 40
    assert {name for name, status in statuses.items() if status != "passed"} <= {"check_array_api_input"}


@pytest.mark.filterwarnings(WITHOUT_BASE)
def test_checks_of_scikit_learn_with_lending():
    statuses = outcomes(FeatureEncoder(), EXPECTED)
    assert {name for name, status in statuses.items() if status == "xfail"} == EXPECTED.keys()


def test_in_a_pipeline():
    frame, target = ratings()
    model = make_pipeline(FeatureEncoder(["user", "item"]), Ridge(0.1))
    assert cross_val_score(model, frame, target, cv=3).min() > 0.9
    fitted = model.fit(frame, target)
    unseen = fitted.predict(pd.DataFrame({"user": [0, 999], "item": ["film 3", None]}))
    assert np.isfinite(unseen).all()
    assert fitted[:-1].get_feature_names_out()[2] == f"user={frame.user[0]}"


def test_in_a_column_transformer():
    frame, target = ratings()
    columns = ColumnTransformer(
        [
            ("ids", FeatureEncoder(["user"], unseen_samples=0, missing_share=0), ["user"]),
            ("item", FeatureEncoder(unseen_samples=0, missing_share=0), ["item"]),
            ("age", StandardScaler(), ["age"]),
        ]
    )
    encoded = columns.fit_transform(frame)
    assert encoded.shape == (600, 22 + 17 + 1)
    names = columns.get_feature_names_out()
    assert names[0] == "ids__user=<missing>"
    assert names[22] == "item__item=<missing>"
    assert make_pipeline(columns, Ridge()).fit(frame, target).score(frame, target) > 0.9


def test_as_numpy_among_others():
    frame, _ = ratings()
    array = frame[["user", "item"]].to_numpy()
    both = make_union(FeatureEncoder(["user", "item"], unseen_samples=0, missing_share=0), OneHotEncoder())
    encoded = both.fit_transform(array)
    ours, theirs = encoded[:, :39], encoded[:, 39:]
    known = [i for i in range(39) if i not in (0, 1, 22, 23)]
    assert sorted(map(tuple, ours[:, known].toarray().T)) == sorted(map(tuple, theirs.toarray().T))


def test_searched_over():
    frame, target = ratings()
    search = GridSearchCV(
        make_pipeline(FeatureEncoder(), Ridge(0.1)),
        {"featureencoder__columns": [["user"], {"user": Id(min_count=2), "item": Id(), "age": Standard()}]},
        cv=3,
    )
    search.fit(frame, target)
    assert "item" in search.best_params_["featureencoder__columns"]


def test_cloned_and_pickled():
    frame, _ = ratings()
    encoder = FeatureEncoder({"user": Id(min_count=2), "item": Multi(sep=" ")}, random_state=5).fit(frame)
    fresh = clone(encoder)
    assert fresh.get_params() == encoder.get_params()
    with pytest.raises(NotFittedError):
        check_is_fitted(fresh)
    check_is_fitted(encoder)
    copy = pickle.loads(pickle.dumps(encoder))
    assert (copy.transform(frame) != encoder.transform(frame)).nnz == 0


def test_use_before_fit():
    for use in ("transform", "encode"):
        with pytest.raises(NotFittedError, match=r"FeatureEncoder: must be fitted first. Call fit\(data\)"):
            getattr(FeatureEncoder(["user"]), use)({"user": [1]})
    for attribute in ("n_features_out_", "fields_", "field_names_", "specs_", "n_features_in_"):
        assert not hasattr(FeatureEncoder(["user"]), attribute)


def test_names_of_the_input():
    frame, _ = ratings()
    encoder = FeatureEncoder(["item"]).fit(frame)
    assert encoder.feature_names_in_.tolist() == ["user", "item", "age"]
    encoder.fit(frame[["item"]].to_numpy())
    assert not hasattr(encoder, "feature_names_in_")


def test_representation_shows_what_was_changed():
    assert (
        repr(FeatureEncoder(["user"], random_state=3)) == "FeatureEncoder(columns=['user'], random_state=3)"
    )


def test_encoding_loads_no_optional_library():
    program = (
        "import sys; from pairloom.encoding import FeatureEncoder\n"
        "rows = {'user': [1, 'x'], 'price': [1.5, None]}\n"
        "encoder = FeatureEncoder().fit(rows); list(encoder.encode(rows))\n"
        "try: FeatureEncoder().encode(rows)\n"
        "except ValueError as error: assert type(error).__name__ == 'UserError', error\n"
        "print(sorted(sys.modules.keys() & {'scipy', 'sklearn', 'pandas', 'polars', 'pyarrow'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
