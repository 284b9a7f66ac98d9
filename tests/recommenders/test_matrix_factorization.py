"""What matrix factorization by descent promises beyond what every recommender does."""

import numpy as np
import pytest

from pairloom.errors import UserError
from pairloom.recommenders import Columns, MatrixFactorization
from pairloom.recommenders.evaluation import evaluate, split_by_user
from pairloom.recommenders.factor_descent import DescentSettings, Factors, descend
from pairloom.recommenders.interactions import Histories

RATED = Columns(weight="rating")


def made_ratings(n=600, seed=0):
    rng = np.random.default_rng(seed)
    users, items = rng.integers(0, 30, n), rng.integers(0, 20, n)
    taste, kind = rng.normal(size=(30, 2)), rng.normal(size=(20, 2))
    return {
        "user": users,
        "item": items,
        "rating": np.clip(3 + (taste[users] * kind[items]).sum(axis=1), 1, 5),
    }


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("has_layer", [False, True])
def test_a_step_goes_down_the_slope_of_the_loss(loss, has_layer):
    """Against finite differences of the loss of one batch; without chance, momentum and penalty."""
    rng = np.random.default_rng(3)
    taken = Histories.single(np.array([0, 2], np.int32), np.array([4, 2], np.float32), 3)
    settings = DescentSettings(loss, 1, 10, 1e-3, 0.0, 0.0, 0.0, 1)
    factors = Factors.begin((1, 3, 3), rng, has_layer=has_layer)
    if has_layer:
        factors.layer_bias += np.float32(0.4)
    before = {name: np.array(getattr(factors, name), np.float64) for name in ("user_vectors", "item_vectors")}
    biases = factors.item_biases.copy()
    layer = None if factors.layer is None else factors.layer.astype(np.float64)
    layer_bias = None if factors.layer_bias is None else factors.layer_bias.astype(np.float64)

    def loss_at(user_vectors, item_vectors):
        def through(rows):
            return rows if layer is None else np.maximum(rows @ layer.T + layer_bias, 0)

        scores = through(user_vectors)[0] @ through(item_vectors).T + biases
        if loss == "squared":
            return 0.5 * sum((scores[i] + 3 - w) ** 2 for i, w in ((0, 4), (2, 2)))
        # the user lacks one item only, which is therefore drawn for both
        return sum(w * np.log1p(np.exp(-scores[i])) for i, w in ((0, 4), (2, 2))) + 2 * np.log1p(
            np.exp(scores[1])
        )

    descend(factors, taken, settings, rng)
    for name, other in (("user_vectors", "item_vectors"), ("item_vectors", "user_vectors")):
        slopes = np.zeros_like(before[name])
        for place in np.ndindex(slopes.shape):
            moved = [before[name].copy(), before[name].copy()]
            moved[0][place] += 1e-5
            moved[1][place] -= 1e-5
            values = [loss_at(**{name: each, other: before[other]}) for each in moved]
            slopes[place] = (values[0] - values[1]) / 2e-5
        np.testing.assert_allclose((before[name] - getattr(factors, name)) / 1e-3, slopes, atol=2e-3)


def test_ratings_are_predicted():
    table = made_ratings()
    model = MatrixFactorization(loss="squared", n_factors=4, columns=RATED, l2=0.02, dropout=0).fit(table)
    unique = dict(
        zip(zip(table["user"].tolist(), table["item"].tolist(), strict=True), table["rating"], strict=True)
    )
    users, items = zip(*unique, strict=True)
    errors = model.predict(users, items) - np.array(list(unique.values()))
    assert np.sqrt(np.mean(errors**2)) < 0.6 * np.std(table["rating"])
    assert model.predict(["nobody"], ["nothing"]) == pytest.approx(model._mean)
    low, high = min(unique.values()), max(unique.values())
    assert ((model.predict(users, items) >= low - 1e-5) & (model.predict(users, items) <= high + 1e-5)).all()
    found = model.recommend(3, n=20, seen=True)
    inside = (found.scores > low) & (found.scores < high)
    predicted = model.predict([3] * len(found), found.items)
    np.testing.assert_allclose(found.scores[inside], predicted[inside], atol=1e-5)


def test_who_likes_what_others_did_not_is_told_by_ratings():
    model = MatrixFactorization(loss="squared", n_factors=4, columns=RATED, l2=0.02, dropout=0).fit(
        made_ratings()
    )
    one, other = (
        model.recommend(history={5: a, 9: b}, n=10).items.tolist() for a, b in ((5.0, 1.0), (1.0, 5.0))
    )
    assert one != other
    plain = model.recommend(history=[5], n=5).items.tolist()
    assert plain == model.recommend(history={5: float(model._limits[1])}, n=5).items.tolist()


@pytest.mark.parametrize(("layer", "most"), [(None, 0.945), ("relu", 0.955)])
def test_ratings_of_movielens(data_folder, layer, most):
    base, test = (
        np.loadtxt(data_folder / "movielens-100k" / f"u1.{part}.gz", dtype=np.int64)
        for part in ("base", "test")
    )
    model = MatrixFactorization(loss="squared", columns=RATED, layer=layer, epochs=10, batch_size=200)
    model.fit({"user": base[:, 0], "item": base[:, 1], "rating": base[:, 2].astype(float)})
    predicted = model.predict(test[:, 0], test[:, 1])
    assert np.sqrt(np.mean((predicted - test[:, 2]) ** 2)) < most


def test_lists_on_movielens(data_folder):
    rows = np.loadtxt(data_folder / "movielens-100k" / "u.data.gz", dtype=np.int64)
    split = split_by_user({"user": rows[:, 0], "item": rows[:, 1]})
    model = MatrixFactorization(n_factors=32, epochs=6, batch_size=200).fit(split.train)
    assert evaluate(model, split).means()["ndcg"] > 0.28


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match="loss='squared' must have ratings"):
        MatrixFactorization(loss="squared").fit({"user": [1, 2], "item": [1, 2]})
    with pytest.raises(UserError, match="'loss' must be squared or logistic, and 'layer' relu or none"):
        MatrixFactorization(layer="tanh")
    with pytest.raises(UserError, match="'batch_size' and 'n_negatives' must be 1 or more"):
        MatrixFactorization(batch_size=0)
    with pytest.raises(UserError, match=r"'momentum' and 'dropout' must be in \[0, 1\). Got 1"):
        MatrixFactorization(momentum=1)
    with pytest.raises(UserError, match="Lower the rate"), np.errstate(all="ignore"):
        MatrixFactorization(loss="squared", learning_rate=9, columns=RATED).fit(made_ratings())
    model = MatrixFactorization(n_factors=2, epochs=1).fit({"user": [1, 2], "item": [1, 2]})
    with pytest.raises(UserError, match=r"must be of one length. Got 1 and 2"):
        model.predict([1], [1, 2])
