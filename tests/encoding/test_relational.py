"""Keys joined with tables, histories and times."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from pairloom import FactorizationMachineRegressor
from pairloom.encoding.relational import Related, RelationalEncoder
from pairloom.errors import DataError, UserError

USERS = {"user": [7, 42, 5], "age": ["young", "old", "old"], "points": [1.5, 2.5, 3.5]}
RATINGS = {"user": [42, 7, 42, 42], "item": ["a", "a", "b", "b"], "time": [0.0, 86400.0, 20 * 86400.0, 5.0]}


def dense(rows):
    joined = rows.join()
    values = np.ones(len(joined.indices)) if joined.values is None else joined.values
    return sp.csr_matrix((values, joined.indices, joined.indptr), (joined.n_rows, rows.n_features)).toarray()


def test_ids_and_histories():
    encoder = RelationalEncoder({"user": Related(history="item"), "item": Related(history="user")})
    rows = encoder.fit_join(RATINGS)
    # user: missing, unseen, 42, 7; history: missing, unseen, a, b; then the same of items
    half = 1 / np.sqrt(2)
    expected = [
        [0, 0, 1, 0, 0, 0, half, half, 0, 0, 1, 0, 0, 0, half, half],
        [0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, half, half],
        [0, 0, 1, 0, 0, 0, half, half, 0, 0, 0, 1, 0, 0, 1, 0],
        [0, 0, 1, 0, 0, 0, half, half, 0, 0, 0, 1, 0, 0, 1, 0],
    ]
    np.testing.assert_allclose(dense(rows), expected, atol=1e-6)
    assert [len(np.unique(relation.rows.fields)) for relation in rows.relations] == [2, 2]
    new = encoder.join({"user": [99], "item": ["b"]})
    assert dense(new)[0, :8].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]


def test_tables_are_joined_by_key():
    encoder = RelationalEncoder({"user": Related(USERS, columns=["age"]), "item": Related()})
    for table in (RATINGS, pd.DataFrame(RATINGS)):
        rows = encoder.fit_join(table)
        users = rows.relations[0].rows
        assert users.n_rows == 5  # missing, unseen, 7, 42, 5
        held = [users.indices[users.indptr[i] : users.indptr[i + 1]].tolist() for i in (2, 3, 4)]
        assert held[1][1] == held[2][1] != held[0][1]  # both old
        assert rows.relations[0].index.tolist() == [3, 2, 3, 3]


def test_times_become_bins():
    encoder = RelationalEncoder({"user": Related()}, time="time", time_bins=2)
    rows = encoder.fit_join(RATINGS)
    bins, since = rows.main.indices.reshape(-1, 2).T
    assert bins.tolist() == [0, 1, 1, 0]
    assert (since - 2).tolist() == [0, 0, 6, 0]  # twenty days after user 42's first


def test_a_key_without_a_row_is_named_with_its_row():
    short = {"user": [42], "age": ["old"]}
    with pytest.raises(DataError, match=r"row 2.*user.*table has a row for.*Got 7"):
        RelationalEncoder({"user": Related(short)}).fit(RATINGS)
    encoder = RelationalEncoder({"user": Related(USERS)}).fit(RATINGS)
    with pytest.raises(DataError, match=r"row 1.*Got 8"):
        encoder.join({"user": [8]})
    twice = {"user": [42, 7, 42], "age": ["old", "young", "old"]}
    with pytest.raises(DataError, match=r"row 3.*one row for every 'user'.*Got 42"):
        RelationalEncoder({"user": Related(twice)}).fit(RATINGS)


def test_parameters_that_cannot_be():
    with pytest.raises(UserError, match="at least one key column"):
        RelationalEncoder({})
    with pytest.raises(UserError, match="'join' must come after 'fit'"):
        RelationalEncoder({"user": Related()}).join(RATINGS)
    with pytest.raises(DataError, match="a finite number of seconds"):
        RelationalEncoder({"user": Related()}, time="time").fit({**RATINGS, "time": [0, 1, np.nan, 2]})


def test_a_machine_learns_from_what_it_joins():
    rng = np.random.default_rng(0)
    users, ages = np.arange(30), rng.integers(0, 2, 30)
    rows = {"user": rng.integers(0, 30, 2000), "item": rng.integers(0, 20, 2000)}
    labels = np.where(ages[rows["user"]] == 1, 1.0, -1.0) * np.where(rows["item"] < 10, 1, -1) + rng.normal(
        0, 0.1, 2000
    )
    table = {"user": users, "age": [str(age) for age in ages]}
    encoder = RelationalEncoder({"user": Related(table, history="item"), "item": Related()})
    train = encoder.fit_join(rows, labels=labels)
    model = FactorizationMachineRegressor(2, solver="mcmc", epochs=60, random_state=0).fit(train, labels)
    assert np.sqrt(np.mean((model.predict(train) - labels) ** 2)) < 0.15
