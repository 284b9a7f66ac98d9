"""What the defaults must reach on real ratings."""

from pathlib import Path

import numpy as np
import pytest

from pairloom import FactorizationMachineClassifier, FactorizationMachineRegressor
from pairloom.rows import RowBatch
from reference.fm_rows import rmse

N_USERS, N_FILMS = 943, 1682


def ratings_of(path: Path) -> RowBatch:
    table = np.loadtxt(path, np.int64, delimiter="\t")
    pairs = np.stack([table[:, 0] - 1, N_USERS + table[:, 1] - 1], axis=1).astype(np.int32)
    indptr = np.arange(0, 2 * len(table) + 1, 2, dtype=np.int64)
    return RowBatch(indptr, pairs.ravel(), None, N_USERS + N_FILMS, table[:, 2].astype(np.float32))


@pytest.fixture(scope="module")
def split(data_folder) -> tuple[RowBatch, RowBatch]:
    return tuple(
        ratings_of(next((data_folder / "movielens-100k").rglob(f"{name}*")))
        for name in ("ua.base", "ua.test")
    )


def log_loss(model: FactorizationMachineClassifier, rows: RowBatch, labels: np.ndarray) -> float:
    chances = model.predict_proba(rows)[:, 1].astype(float)
    return float(-np.log(np.where(labels, chances, 1 - chances)).mean())


def test_ratings_of_films(split):
    train, test = split
    model = FactorizationMachineRegressor(64, epochs=50, random_state=0).fit(train, train.labels)
    assert rmse(model.predict(test), test) <= 0.935


def test_likes_of_films(split):
    train, test = split
    likes, liked = train.labels >= 4, test.labels >= 4
    model = FactorizationMachineClassifier(64, epochs=100, random_state=0).fit(train, likes)
    chances = model.predict_proba(test)[:, 1].astype(float)
    predicted = model.predict(test)
    f1 = 2 * (predicted & liked).sum() / (predicted.sum() + liked.sum())
    assert -np.log(np.where(liked, chances, 1 - chances)).mean() <= 0.56
    assert (predicted == liked).mean() >= 0.71
    assert f1 >= 0.75


def test_ftrl_by_its_defaults(split):
    train, test = split
    ratings = FactorizationMachineRegressor(solver="ftrl", random_state=0).fit(train, train.labels)
    assert rmse(ratings.predict(test), test) <= 0.96
    likes = FactorizationMachineClassifier(solver="ftrl", random_state=0).fit(train, train.labels >= 4)
    assert log_loss(likes, test, test.labels >= 4) <= 0.58


def test_ftrl_by_its_defaults_gains_on_the_mean_where_rows_are_long_and_labels_noisy():
    rng = np.random.default_rng(0)
    fields = (150 * rng.random((6000, 30)) ** 4).astype(np.int32) + 150 * np.arange(30, dtype=np.int32)
    chances = 1 / (1 + np.exp(1.2 - 0.4 * rng.standard_normal(4500)[fields].sum(axis=1)))
    clicked = rng.random(6000) < chances
    train, test = (
        RowBatch(30 * np.arange(len(part) + 1), part.ravel(), None, 4500, labels.astype(np.float32))
        for part, labels in ((fields[:5000], clicked[:5000]), (fields[5000:], clicked[5000:]))
    )
    model = FactorizationMachineClassifier(8, solver="ftrl", random_state=0).fit(train, train.labels)
    share = clicked[:5000].mean()
    of_the_mean = -np.log(np.where(clicked[5000:], share, 1 - share)).mean()
    assert log_loss(model, test, clicked[5000:]) < 0.95 * of_the_mean
