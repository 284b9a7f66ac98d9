"""Rows with shared parts: the same predictions as of the rows that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from pairloom import FactorizationMachineClassifier, FactorizationMachineRegressor
from pairloom.errors import DataError
from pairloom.fm.sweeps.collected import rows_to_score
from pairloom.fm.sweeps.terms import Terms, prepared_rows
from pairloom.rows import Relation, RelationalRows, RowBatch

N_USERS, N_ITEMS, N_DAYS = 40, 30, 5


def batch(matrix, width, offset=0, **more):
    matrix = sp.csr_matrix(matrix)
    matrix.sort_indices()
    indices = (matrix.indices + offset).astype(np.int32)
    return RowBatch(matrix.indptr.astype(np.int64), indices, matrix.data.astype(np.float32), width, **more)


def relational(n=3000, seed=0):
    """Ratings on a day by a user with an age and a history, of an item with attributes; some users are unknown."""
    rng = np.random.default_rng(seed)
    fixed = np.random.default_rng(1)
    users, items = rng.integers(-1, N_USERS, n), rng.integers(0, N_ITEMS, n)
    history = fixed.random((N_USERS, N_ITEMS)) < 0.2
    history = history / np.sqrt(np.maximum(history.sum(1, keepdims=True), 1))
    user_parts = np.hstack([np.eye(N_USERS), fixed.uniform(10, 60, (N_USERS, 1)), history])
    item_parts = np.hstack([np.eye(N_ITEMS), fixed.random((N_ITEMS, 4)) < 0.4])
    width = N_DAYS + user_parts.shape[1] + item_parts.shape[1]
    days = np.eye(N_DAYS)[rng.integers(0, N_DAYS, n)]
    taste = fixed.normal(size=N_USERS + 1)[users] * fixed.normal(size=N_ITEMS)[items]
    labels = (taste + 0.02 * np.append(user_parts[:, N_USERS], 0)[users] + rng.normal(0, 0.3, n)).astype(
        np.float32
    )
    relations = (
        Relation(users.astype(np.int32), batch(user_parts, width, N_DAYS)),
        Relation(items.astype(np.int32), batch(item_parts, width, N_DAYS + user_parts.shape[1])),
    )
    return RelationalRows(batch(days, width, labels=labels), relations)


def test_join_makes_the_matrix():
    rows = relational(200)
    joined = rows.join()
    dense = sp.csr_matrix((joined.values, joined.indices, joined.indptr), (200, rows.n_features)).toarray()
    parts = [(rows.main, np.arange(200))] + [(r.rows, r.index) for r in rows.relations]
    expected = np.zeros_like(dense)
    for part, index in parts:
        whole = sp.csr_matrix(
            (part.values, part.indices, part.indptr), (part.n_rows, rows.n_features)
        ).toarray()
        expected += np.where((index >= 0)[:, None], whole[np.maximum(index, 0)], 0)
    np.testing.assert_array_equal(dense, expected)
    np.testing.assert_array_equal(rows.part(50, 60).join().indices, joined.part(50, 60).indices)


@pytest.mark.parametrize("solver", ["als", "mcmc"])
def test_a_model_predicts_rows_and_their_join_alike(solver):
    train, test = relational(), relational(500, seed=2)
    model = FactorizationMachineRegressor(3, solver=solver, epochs=60, random_state=0, factors_decay=1.0)
    model.fit(train, train.labels)
    predictions = model.predict(test)
    np.testing.assert_allclose(predictions, model.predict(test.join()), rtol=1e-4, atol=1e-4)
    assert np.sqrt(np.mean((predictions - test.labels) ** 2)) < 0.5
    if solver == "mcmc":
        stds = [model.predict(rows, return_std=True)[1] for rows in (test, test.join())]
        np.testing.assert_allclose(*stds, rtol=1e-3)


@pytest.mark.parametrize("estimator", [FactorizationMachineRegressor, FactorizationMachineClassifier])
def test_streaming_solvers_join(estimator):
    train = relational(400)
    labels = train.labels if estimator is FactorizationMachineRegressor else train.labels > 0
    one = estimator(3, epochs=3, random_state=0).fit(train, labels)
    two = estimator(3, epochs=3, random_state=0).fit(train.join(), labels)
    np.testing.assert_array_equal(one.factors_, two.factors_)
    np.testing.assert_array_equal(one.predict(train), two.predict(train.join()))


def test_shared_parts_of_the_same_columns_are_joined():
    rows = relational(300)
    shared = rows.relations[0]
    twice = RelationalRows(rows.main, (shared, Relation(shared.index[::-1].copy(), shared.rows)))
    terms = Terms(prepared_rows(twice, None))
    assert len(terms.columns) == len(np.unique(terms.columns))


def test_fields_of_shared_parts_say_which_columns_have_a_prior_together():
    rows = relational(300)
    part = rows.relations[1].rows
    fields = np.where(part.indices < part.indices.min() + N_ITEMS, 4, 9).astype(np.int32)
    named = RowBatch(part.indptr, part.indices, part.values, part.n_features, fields=fields)
    terms = Terms(RelationalRows(rows.main, (Relation(rows.relations[1].index, named),)))
    assert np.diff(terms.prior_starts).tolist() == [N_DAYS, N_ITEMS, 4]


def test_an_index_without_a_part_names_the_row():
    rows = relational(50)
    index = rows.relations[0].index.copy()
    index[7] = N_USERS
    broken = RelationalRows(rows.main, (Relation(index, rows.relations[0].rows),))
    with pytest.raises(DataError, match=r"row 8.*40 shared parts, or -1.*Got 40"):
        FactorizationMachineRegressor(2, solver="mcmc", epochs=2, burn_in=0).fit(broken, rows.labels)


def test_few_rows_are_joined_before_they_are_scored():
    """A request for one row must not cost what is known of all keys."""
    rows = relational(500)
    assert isinstance(rows_to_score(rows.part(0, 2)), RowBatch)
    assert isinstance(rows_to_score(rows), RelationalRows)
    model = FactorizationMachineRegressor(3, solver="mcmc", epochs=30, random_state=0).fit(rows, rows.labels)
    np.testing.assert_allclose(model.predict(rows)[:2], model.predict(rows.part(0, 2)), rtol=1e-4, atol=1e-5)


def test_shared_parts_cost_no_more_than_once():
    """Memory and time follow the parts, not the join: here the join would hold a hundred million values."""
    rng = np.random.default_rng(0)
    n, width = 20_000, 5000
    parts = batch(sp.eye(10) @ np.ones((10, width)), width)
    rows = RelationalRows(
        RowBatch(np.zeros(n + 1, np.int64), np.zeros(0, np.int32), None, width),
        (Relation(rng.integers(0, 10, n).astype(np.int32), parts),),
    )
    labels = rng.normal(size=n)
    model = FactorizationMachineRegressor(2, solver="als", epochs=1, factors_decay=10.0)
    model.fit(rows, labels)
    assert len(model.history_) == 1
