"""The ranker over two matrices."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix, csr_matrix

from pairloom import FactorizationMachineRanker, FactorizationMachineRegressor
from pairloom.errors import DataError, UserError
from pairloom.rows import RowBatch

N_USERS, N_ITEMS = 40, 30


def example(seed=0):
    """Users of one of two kinds, who take items of that kind."""
    rng = np.random.default_rng(seed)
    users = np.concatenate((np.eye(N_USERS), np.eye(2)[np.arange(N_USERS) % 2]), axis=1)
    items = np.concatenate((np.eye(N_ITEMS), np.eye(2)[np.arange(N_ITEMS) % 2]), axis=1)
    events = [
        (u, 2 * int(i) + u % 2) for u in range(N_USERS) for i in rng.choice(N_ITEMS // 2, 6, replace=False)
    ]
    return csr_matrix(users), csr_matrix(items), np.array(events)


@pytest.mark.parametrize("loss", ["softmax", "warp", "bpr"])
def test_what_was_taken_is_above_what_was_not(loss):
    users, items, events = example()
    ranker = FactorizationMachineRanker(8, loss=loss, n_negatives=16).fit(users, items, events)
    scores = ranker.decision_function(users, items)
    taken = np.zeros(scores.shape, bool)
    taken[events[:, 0], events[:, 1]] = True
    areas = [(scores[u][taken[u]][:, None] > scores[u][~taken[u]]).mean() for u in range(N_USERS)]
    assert np.mean(areas) > 0.85
    assert ranker.history_[-1].loss < 0.9 * ranker.history_[0].loss
    best = ranker.predict(users, items, n=5)
    assert best.shape == (N_USERS, 5)
    assert (best % 2 == np.arange(N_USERS)[:, None] % 2).all()
    np.testing.assert_array_equal(best[:, 0], scores.argmax(axis=1))


def test_scores_are_those_of_the_machine_on_joined_rows():
    users, items, events = example()
    ranker = FactorizationMachineRanker(5).fit(users, items, events)
    scores = ranker.decision_function(users, items)
    user, item = users[7], items[4]
    columns = np.concatenate((item.indices, user.indices + items.shape[1])).astype(np.int32)
    width = ranker.model_.n_features
    joined = RowBatch(np.array([0, len(columns)]), columns, None, width)
    alone = RowBatch(np.array([0, 2]), columns[2:], None, width)
    difference = ranker.model_.score(joined)[0] - ranker.model_.score(alone)[0]
    assert difference == pytest.approx(scores[7, 4], abs=1e-4)


def test_a_matrix_of_interactions_says_the_same_as_its_events():
    users, items, events = example()
    matrix = coo_matrix((np.ones(len(events)), (events[:, 0], events[:, 1])), (N_USERS, N_ITEMS))
    by_events = FactorizationMachineRanker(4, epochs=3).fit(users, items, events, np.ones(len(events)))
    by_matrix = FactorizationMachineRanker(4, epochs=3).fit(users, items, matrix)
    np.testing.assert_array_equal(by_events.model_.table, by_matrix.model_.table)


def test_a_new_item_is_ranked_by_its_kind():
    users, items, events = example()
    ranker = FactorizationMachineRanker(8).fit(users, items, events)
    new = np.zeros((2, N_ITEMS + 2))
    new[[0, 1], [N_ITEMS, N_ITEMS + 1]] = 1
    scores = ranker.decision_function(users, new)
    assert (scores.argmax(axis=1) == np.arange(N_USERS) % 2).all()


@pytest.mark.parametrize("name", ["model", "model.tar.gz"])
def test_a_saved_one_scores_the_same(tmp_path, name):
    users, items, events = example()
    ranker = FactorizationMachineRanker(4, epochs=2, loss="bpr").fit(users, items, events)
    ranker.save(tmp_path / name)
    loaded = FactorizationMachineRanker.load(tmp_path / name)
    assert loaded.get_params() == ranker.get_params()
    np.testing.assert_array_equal(
        loaded.decision_function(users, items), ranker.decision_function(users, items)
    )
    FactorizationMachineRegressor(2, epochs=1).fit(np.eye(3), [1.0, 2, 3]).save(tmp_path / "other")
    with pytest.raises(DataError, match="a ranker"):
        FactorizationMachineRanker.load(tmp_path / "other")


def test_what_cannot_be_learned_from_is_refused():
    users, items, events = example()
    ranker = FactorizationMachineRanker(4)
    for wrong, message in (
        (events[:, :1], "must be a sparse matrix or integers of shape"),
        (events + np.array([0, 99]), "event 1 must name a row of its items, 0 to 29"),
        (events - np.array([1, 0]), "must name a row of its users"),
        (events[:0], "at least one event"),
        (csr_matrix((3, 3)), r"must be of shape \(40, 30\)"),
    ):
        with pytest.raises(UserError, match=message):
            ranker.fit(users, items, wrong)
    with pytest.raises(UserError, match=r"weights must be|sample_weight"):
        ranker.fit(users, items, events, -np.ones(len(events)))
    with pytest.raises(UserError, match="'loss' must be one of"):
        FactorizationMachineRanker(loss="x").fit(users, items, events)
    with pytest.raises(UserError, match="not fitted yet"):
        ranker.item_vectors(items)
    with pytest.raises(UserError, match=r"'X_users' must have 42 features. Got 3"):
        ranker.fit(users, items, events).user_vectors(np.eye(3))
