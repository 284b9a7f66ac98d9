"""Machines that learn from joined rows: the same answers as from plain ones, and better ones than without."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline

from pairloom import FactorizationMachineClassifier, FactorizationMachineRegressor
from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.artifact import Artifact, load_artifact, save_artifact
from pairloom.encoding import Bucket, FeatureEncoder, History, Id, Multi, Related
from pairloom.estimators import base
from pairloom.rows import RelationalRows

BOTH = [History(of="item", by="user"), History(of="user", by="item")]


def taste(n=3000, seed=0):
    """Stars that depend on the age of users and the kind of items."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(9)
    ages, kinds = fixed.integers(0, 2, 60), fixed.integers(0, 2, 40)
    users, items = rng.integers(0, 60, n), rng.integers(0, 40, n)
    stars = 3 + np.where(ages[users] == kinds[items], 1.0, -1.0) + rng.normal(0, 0.3, n)
    encoder = FeatureEncoder(
        ["user", "item"],
        relations=[
            Related({"user": np.arange(60), "age": np.array(["young", "old"])[ages]}, on="user"),
            Related({"item": np.arange(40), "kind": np.array(["a", "b"])[kinds]}, on="item"),
        ],
        histories=BOTH, unseen_samples=0, missing_share=0,
    )  # fmt: skip
    return encoder, pd.DataFrame({"user": users, "item": items}), stars


def rmse(predictions, labels):
    return float(np.sqrt(np.mean((predictions - labels) ** 2)))


def test_shared_parts_and_plain_rows_train_to_the_same_optimum():
    encoder, rows, stars = taste()
    shared = encoder.fit_transform(rows)
    asked = {"solver": "als", "epochs": 250, "factors_decay": 10.0, "linear_decay": 1.0, "random_state": 0}
    one = FactorizationMachineRegressor(2, **asked).fit(shared, stars)
    two = FactorizationMachineRegressor(2, **asked).fit(shared.join(), stars)
    assert rmse(one.predict(shared), two.predict(shared)) < 0.01
    assert rmse(one.predict(shared), stars) < 0.4


def test_a_pipeline_learns_from_tables_what_new_users_like():
    encoder, rows, stars = taste()
    known = rows["user"] < 50
    model = make_pipeline(encoder, FactorizationMachineRegressor(2, solver="mcmc", epochs=60, random_state=0))
    model.fit(rows[known], stars[known])
    assert rmse(model.predict(rows[~known]), stars[~known]) < 0.6  # without their age: 1.04
    folds = cross_val_predict(clone(model), rows, stars, cv=2)
    assert rmse(folds, stars) < 0.4


@pytest.mark.parametrize("estimator", [FactorizationMachineRegressor, FactorizationMachineClassifier])
def test_steps_over_batches_joined_anew_learn_what_steps_over_kept_rows_do(estimator, monkeypatch):
    encoder, rows, stars = taste(40_000)
    labels = stars if estimator is FactorizationMachineRegressor else stars > 3
    shared = encoder.fit_transform(rows)
    scores = []
    for largest, n_nonzeros in ((1 << 30, 1 << 22), (1 << 20, 1 << 18)):
        monkeypatch.setattr(base, "LARGEST_JOIN_BYTES", largest)
        monkeypatch.setattr(base, "JOINED_NONZEROS", n_nonzeros)
        model = estimator(4, epochs=3, learning_rate=0.1, random_state=0).fit(shared, labels)
        scores.append(model.score(shared, labels))
    assert min(scores) > (0.8 if estimator is FactorizationMachineRegressor else 0.95)
    assert abs(scores[0] - scores[1]) < 0.05


@pytest.mark.parametrize("interactions", ["field-aware", "order-3"])
def test_other_interactions_take_rows_with_shared_parts(interactions):
    encoder, rows, stars = taste()
    shared = encoder.fit_transform(rows)
    fields = encoder.fields_ if interactions == "field-aware" else None
    model = FactorizationMachineRegressor(
        4, interactions=interactions, fields=fields, epochs=20, learning_rate=0.1, random_state=0
    )
    assert model.fit(shared, stars).score(shared, stars) > 0.7


def test_early_stopping_holds_out_rows_with_shared_parts():
    encoder, rows, stars = taste()
    model = FactorizationMachineRegressor(3, epochs=5, early_stopping=True, random_state=0)
    model.fit(encoder.fit_transform(rows), stars, sample_weight=np.linspace(0.5, 1, len(stars)))
    assert all(np.isfinite(report.validation_loss) for report in model.history_)


def test_an_artifact_holds_tables_and_histories(tmp_path):
    encoder, rows, stars = taste(400)
    model = FactorizationMachineRegressor(2, solver="mcmc", epochs=30, random_state=0)
    model.fit(encoder.fit_transform(rows), stars)
    saved = Artifact("factorization-machines", FactorizationMachinesModel(model.model_), encoder, "rating")
    save_artifact(saved, tmp_path / "model.tar.gz")
    loaded = load_artifact(tmp_path / "model.tar.gz")
    (one,) = loaded.encoder.encode({"user": [7], "item": [3]})
    row = pd.DataFrame({"user": [7], "item": [3]})
    expected = model.predict(encoder.transform(row))
    np.testing.assert_allclose(loaded.model.predict(one)["score"], expected, rtol=1e-5)
    assert abs(expected[0] - np.mean(stars)) > 0.3


def movielens(folder):
    """MovieLens-100K as its files are: ratings of u1, users and films as tables."""
    named = {"sep": "\t", "names": ["user", "item", "rating", "time"]}
    train, test = (
        pd.read_csv(folder / "movielens-100k" / f"u1.{part}.gz", **named) for part in ("base", "test")
    )
    users = pd.read_csv(
        folder / "movielens-100k" / "u.user",
        sep="|",
        names=["user", "age", "sex", "job", "zip"],
        dtype={"zip": str},
    )
    films = pd.read_csv(folder / "movielens-100k" / "u.item", sep="|", header=None, encoding="latin-1")
    genres = films.iloc[:, 5:].apply(
        lambda row: "|".join(str(i) for i, held in enumerate(row) if held), axis=1
    )
    items = pd.DataFrame({"item": films[0], "year": films[2].str[-4:], "genres": genres})
    of_users = {"age": Bucket(width=10), "sex": Id(), "job": Id(), "region": Id()}
    relations = [
        Related(users.assign(region=users["zip"].str[:1]), on="user", columns=of_users),
        Related(items, on="item", columns={"year": Id(), "genres": Multi()}),
    ]
    encoder = FeatureEncoder(
        ["user", "item"], relations=relations, histories=BOTH, unseen_samples=0, missing_share=0
    )
    return encoder, train, test


def error_of(folder, **asked):
    encoder, train, test = movielens(folder)
    model = make_pipeline(encoder, FactorizationMachineRegressor(10, solver="mcmc", random_state=1, **asked))
    rows = encoder.fit_transform(train)
    assert isinstance(rows, RelationalRows)
    model.fit(train, train["rating"])
    return rmse(np.clip(model.predict(test), 1, 5), test["rating"])


def test_all_that_is_known_of_users_and_films_beats_ids_alone(data_folder):
    assert error_of(data_folder, epochs=64) < 0.896  # ids alone: 0.91


@pytest.mark.slow
def test_the_error_of_a_long_chain(data_folder):
    assert error_of(data_folder, epochs=512, burn_in=5, n_samples=507) < 0.8865
