import numpy as np
import pytest

from pairloom.errors import UserError
from pairloom.synthetic import ClickModel, planted_ratings


@pytest.fixture(scope="module")
def ratings():
    return planted_ratings()


def test_the_default_has_the_shape_of_movielens_100k(ratings):
    assert (ratings.n_users, ratings.n_items, len(ratings.ratings)) == (943, 1682, 100_000)
    assert (ratings.users.dtype, ratings.items.dtype, ratings.ratings.dtype) == (
        np.int32,
        np.int32,
        np.float32,
    )
    per_user = np.bincount(ratings.users, minlength=943)
    assert 20 <= per_user.min() <= 25
    assert per_user.max() > 5 * np.median(per_user)
    per_item = np.sort(np.bincount(ratings.items, minlength=1682))
    assert per_item[-1] > 10 * np.median(per_item)
    assert set(ratings.ratings.tolist()) == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert 1.0 < ratings.ratings.std() < 1.2


def test_no_pair_of_user_and_item_occurs_twice(ratings):
    pairs = ratings.users.astype(np.int64) * ratings.n_items + ratings.items
    assert len(np.unique(pairs)) == len(pairs)


def test_the_best_rmse_is_what_the_expected_ratings_reach(ratings):
    errors = (ratings.ratings - ratings.expected).astype(np.float64) ** 2
    tolerance = 4 * errors.std() / np.sqrt(len(errors))
    assert abs(errors.mean() - ratings.best_rmse**2) < tolerance


def test_expected_ratings_are_calibrated(ratings):
    bins = np.digitize(ratings.expected, [2.0, 2.5, 3.0, 3.5, 4.0, 4.5])
    for chosen in (bins == index for index in range(7)):
        n = chosen.sum()
        assert n > 100
        gap = (ratings.ratings[chosen] - ratings.expected[chosen]).mean()
        assert abs(gap) < 4 * ratings.best_rmse * 1.2 / np.sqrt(n)


def test_the_seed_decides_everything():
    first, again, other = (planted_ratings(60, 40, 1500, random_state=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.ratings, again.ratings)
    assert np.array_equal(first.items, again.items)
    assert not np.array_equal(first.ratings, other.ratings)


def test_without_noise_the_best_rmse_is_zero():
    for stars in (True, False):
        ratings = planted_ratings(50, 40, 1200, noise=0.0, stars=stars)
        assert ratings.best_rmse == 0.0
        assert np.array_equal(ratings.ratings, ratings.expected)


def test_unrounded_ratings_have_the_noise_as_best_rmse():
    ratings = planted_ratings(200, 100, 15_000, noise=0.5, stars=False)
    rmse = np.sqrt(np.mean((ratings.ratings - ratings.expected) ** 2))
    assert ratings.best_rmse == 0.5
    assert rmse == pytest.approx(0.5, rel=0.05)


def test_every_user_may_rate_every_item():
    ratings = planted_ratings(7, 21, 147)
    assert sorted(zip(ratings.users.tolist(), ratings.items.tolist(), strict=True)) == [
        (user, item) for user in range(7) for item in range(21)
    ]


@pytest.mark.parametrize("n_ratings", [199, 1001])
def test_an_impossible_number_of_ratings_is_refused(n_ratings):
    with pytest.raises(UserError, match=r"'n_ratings' must be an integer in \[200, 1000\]"):
        planted_ratings(10, 100, n_ratings)


def test_rows_hold_one_user_and_one_item_each():
    ratings = planted_ratings(30, 40, 700)
    rows = ratings.rows()
    assert (rows.n_rows, rows.n_features, rows.values) == (700, 70, None)
    pairs = rows.indices.reshape(-1, 2)
    assert np.array_equal(pairs[:, 0], ratings.users)
    assert np.array_equal(pairs[:, 1], ratings.items + 30)
    assert rows.labels is ratings.ratings


def test_click_probabilities_are_those_of_the_planted_machine():
    model = ClickModel(n_fields=3, ids_per_field=5, n_factors=2, random_state=1)
    clicks = model.sample(40, random_state=2)
    for row, probability in zip(
        clicks.rows.indices.reshape(-1, 3).tolist(), clicks.probabilities, strict=True
    ):
        score = model.bias + sum(model.weights[i] for i in row)
        score += sum(model.factors[i] @ model.factors[j] for n, i in enumerate(row) for j in row[n + 1 :])
        assert probability == pytest.approx(1 / (1 + np.exp(-score)), rel=1e-12)


def test_the_best_log_loss_is_what_the_probabilities_reach():
    clicks = ClickModel().sample(30_000, random_state=1)
    losses = -np.log(np.where(clicks.rows.labels == 1, clicks.probabilities, 1 - clicks.probabilities))
    assert abs(losses.mean() - clicks.best_log_loss) < 4 * losses.std() / np.sqrt(len(losses))
    rate = clicks.rows.labels.mean()
    assert clicks.best_log_loss < 0.9 * -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))


def test_each_row_of_clicks_holds_one_id_per_field():
    clicks = ClickModel(n_fields=4, ids_per_field=10).sample(500, random_state=3)
    assert np.array_equal(clicks.rows.indices // 10, clicks.rows.fields)
    assert np.array_equal(clicks.rows.fields.reshape(-1, 4), np.tile(np.arange(4), (500, 1)))
