"""What the trainer learns, however its rows come: optimum, layouts, streams, scales, optimisers, hosts."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from dense_rows import as_rows, without_zeros
from sklearn import datasets, linear_model, svm

from pairloom.errors import DataError, DivergenceError
from pairloom.linear.losses import Loss
from pairloom.linear.settings import LinearSettings
from pairloom.linear.training import LinearTrainer
from pairloom.rows import RowBatch


def source(rows, batch_rows=150):
    return lambda: (rows.part(i, min(i + batch_rows, rows.n_rows)) for i in range(0, rows.n_rows, batch_rows))


def fit(rows, loss="squared", parameter=1.0, n_outputs=1, validation=None, **changes):
    tasks = {"logistic": "binary", "hinge": "binary", "softmax": "multiclass"}
    settings = LinearSettings(
        task=tasks.get(loss, "regression"), loss=Loss(loss, parameter, n_outputs), criterion="loss_function",
        **{"epochs": 3, "batch_rows": 100, **changes},
    )  # fmt: skip
    trainer = LinearTrainer(settings)
    return trainer.fit(source(rows), validation=None if validation is None else source(validation)), trainer


def standardised(load):
    x, y = load(return_X_y=True)
    deviation = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1), y.astype(float)


def objective(loss, model, x, y, l2):
    losses = loss.losses(x @ model.weights + model.bias, y.astype(np.float32))
    return float(losses.mean()) + l2 / 2 * float((model.weights**2).sum())


def of_peer(model, peer):
    coefficients = np.atleast_2d(peer.coef_)
    return replace(model, weights=coefficients.T, bias=np.atleast_1d(peer.intercept_))


REGRESSORS = {
    "squared": (1.0, linear_model.LinearRegression),
    "absolute": (1.0, lambda: linear_model.QuantileRegressor(quantile=0.5, alpha=0)),
    "quantile": (0.8, lambda: linear_model.QuantileRegressor(quantile=0.8, alpha=0)),
    "eps_insensitive_absolute": (0.3, lambda: svm.SVR(kernel="linear", epsilon=0.3, C=30)),
    "eps_insensitive_squared": (0.3, lambda: svm.LinearSVR(
        epsilon=0.3, C=1e4, loss="squared_epsilon_insensitive", intercept_scaling=10, dual=False,
        max_iter=100_000)),
    "huber": (0.5, lambda: linear_model.SGDRegressor(
        loss="huber", epsilon=0.5, alpha=0, eta0=0.01, max_iter=1000, tol=None, average=True, random_state=0)),
}  # fmt: skip


@pytest.mark.parametrize("name", REGRESSORS)
def test_every_regression_loss_reaches_scikit_learns_optimum(name):
    x, y = standardised(datasets.load_diabetes)
    t = (y - y.mean()) / y.std()
    parameter, make = REGRESSORS[name]
    model, _ = fit(as_rows(x, t), name, parameter, l2=0.0, l1=0.0, center_labels=False, scale_labels=False)
    loss = Loss(name, parameter)
    best = objective(loss, of_peer(model, make().fit(x, t)), x, t, 0.0)
    assert objective(loss, model, x, t, 0.0) <= 1.01 * best


@pytest.mark.parametrize("name", ["logistic", "hinge", "softmax"])
@pytest.mark.parametrize("l2", [0.01, 1.0])
def test_every_classification_loss_reaches_scikit_learns_optimum(name, l2):
    x, y = standardised(datasets.load_digits if name == "softmax" else datasets.load_breast_cancer)
    c = 1 / (l2 * len(x))
    peer = (
        svm.SVC(kernel="linear", C=c)
        if name == "hinge"
        else linear_model.LogisticRegression(C=c, max_iter=3000)
    )
    model, _ = fit(as_rows(x, y), name, n_outputs=10 if name == "softmax" else 1, l2=l2, l1=0.0)
    loss = Loss(name, 1.0, model.n_outputs)
    assert objective(loss, model, x, y, l2) <= 1.01 * objective(
        loss, of_peer(model, peer.fit(x, y)), x, y, l2
    )


def test_an_l1_penalty_reaches_the_lasso_and_its_zeros():
    x, y = standardised(datasets.load_diabetes)
    t = (y - y.mean()) / y.std()
    model, _ = fit(as_rows(x, t), l2=0.0, l1=0.2)
    lasso = linear_model.Lasso(alpha=0.1, tol=1e-8).fit(x, t)  # halves the squares
    loss = Loss("squared")

    def whole(found):
        return objective(loss, found, x, t, 0.0) + 0.2 * float(np.abs(found.weights).sum())

    assert whole(model) <= 1.0002 * whole(of_peer(model, lasso))
    np.testing.assert_allclose(model.weights[:, 0], lasso.coef_, atol=0.02)
    assert ((model.weights[:, 0] == 0) == (lasso.coef_ == 0)).all()


def planted(n_rows=1500, width=30, seed=0, *, share=1.0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(n_rows, width)) * (random.random((n_rows, width)) < share)
    weights = random.normal(size=width)
    return x, x @ weights + 3 + 0.1 * random.normal(size=n_rows), weights


def test_dense_and_sparse_rows_meet_at_the_optimum():
    x, y, weights = planted(share=0.1)
    rows = without_zeros(as_rows(x, y))
    models = [fit(rows, l2=0.0, l1=0.0, layout=layout)[0] for layout in ("dense", "sparse")]
    for model in models:
        np.testing.assert_allclose(model.weights[:, 0], weights, atol=0.05)
        assert model.bias[0] == pytest.approx(3, abs=0.05)
    np.testing.assert_allclose(models[0].weights, models[1].weights, atol=2e-3)


def test_the_layout_follows_the_share_of_values():
    for share, dense in ((1.0, True), (0.05, False)):
        x, y, _ = planted(share=share)
        assert fit(without_zeros(as_rows(x, y)))[1].data.dense is dense


@pytest.mark.parametrize("layout", ["dense", "sparse"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_every_optimiser_learns_without_the_finish(layout, optimizer):
    x, y, _ = planted()
    rate = 0.01 if optimizer == "sgd" else 0.05
    model, trainer = fit(as_rows(x, y), optimizer=optimizer, layout=layout, rate=rate, l2=0.0, l1=0.0, epochs=15,
                         batch_rows=50, patience=15)  # fmt: skip
    assert not trainer._finishes()
    errors = model.predict(as_rows(x))["score"] - y
    assert np.mean(errors**2) < 0.03 * y.var()


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_a_stream_that_does_not_fit_is_learned_too(layout):
    x, y, _ = planted()
    model, trainer = fit(as_rows(x, y), layout=layout, memory_limit_bytes=1, epochs=15, batch_rows=50)
    assert trainer.data.streaming
    assert trainer.data.kept == []
    errors = model.predict(as_rows(x))["score"] - y
    assert np.mean(errors**2) < 0.05 * y.var()


def test_a_sparse_stream_may_grow_wider_and_a_dense_one_may_not(monkeypatch):
    monkeypatch.setattr("pairloom.linear.blocks.BLOCK_ROWS", 512)
    random = np.random.default_rng(1)
    columns = np.concatenate([random.integers(0, 10, (600, 2)), random.integers(0, 40, (900, 2))])
    columns[:, 1] = (columns[:, 0] + 1 + columns[:, 1]) % 41
    columns[:600] %= 11
    columns[:600, 1] = (columns[:600, 0] + 1) % 11
    weights = random.normal(size=41)
    rows = RowBatch(np.arange(0, 3001, 2), columns.astype(np.int32).ravel(), None, 11,
                    weights[columns].sum(axis=1).astype(np.float32))  # fmt: skip

    def opened():
        for start in range(0, 1500, 100):
            part = rows.part(start, start + 100)
            yield replace(part, n_features=int(part.indices.max()) + 1)

    settings = LinearSettings(task="regression", loss=Loss("squared"), epochs=10, memory_limit_bytes=1,
                              layout="sparse", batch_rows=50, l2=0.0)  # fmt: skip
    model = LinearTrainer(settings).fit(opened)
    assert model.n_features == 41
    assert np.mean((model.predict(rows)["score"] - rows.labels) ** 2) < 0.1 * rows.labels.var()
    with pytest.raises(DataError, match="Give 'feature_dim'"):
        LinearTrainer(replace(settings, layout="dense")).fit(opened)


def test_scales_and_offsets_of_features_do_not_matter():
    x, y, _ = planted()
    scales = np.geomspace(1e-6, 1e6, 30)
    plain, scaled = (
        fit(as_rows(features, y), l2=1e-3, l1=0.0)[0] for features in (x, x * scales + 100 * scales)
    )
    np.testing.assert_allclose(plain.predict(as_rows(x))["score"],
                               scaled.predict(as_rows(x * scales + 100 * scales))["score"], atol=0.02)  # fmt: skip


def test_rows_weigh_what_they_are_said_to():
    x, y, _ = planted(400)
    y[200:] += 5
    weights = np.r_[np.ones(200), np.zeros(200)]
    whole, half = (
        fit(as_rows(x, y, weights), l2=0.0, l1=0.0)[0],
        fit(as_rows(x[:200], y[:200]), l2=0.0, l1=0.0)[0],
    )
    np.testing.assert_allclose(whole.weights, half.weights, atol=0.01)


def test_positives_and_classes_may_be_balanced():
    random = np.random.default_rng(2)
    x = random.normal(size=(3000, 4))
    y = (x[:, 0] + random.logistic(size=3000) > 4).astype(float)
    plain, balanced = (
        fit(as_rows(x, y), "logistic", positive_weight=weight, l2=0.0, l1=0.0)[0]
        for weight in (1.0, "balanced")
    )
    odds = np.log((1 - y.mean()) / y.mean())
    assert balanced.bias[0] - plain.bias[0] == pytest.approx(odds, abs=0.5)
    peer = linear_model.LogisticRegression(C=1e6, class_weight="balanced").fit(x, y)
    model, _ = fit(as_rows(x, y), "softmax", n_outputs=2, balance_classes=True, l2=0.0, l1=0.0)
    contrast = model.weights[:, 1] - model.weights[:, 0]
    np.testing.assert_allclose(contrast, peer.coef_[0], atol=0.05)


def test_validation_chooses_a_penalty_where_rows_are_few():
    random = np.random.default_rng(3)
    x = random.normal(size=(1060, 50))
    y = x[:, 0] + 3 * random.normal(size=1060)
    train, held = as_rows(x[:60], y[:60]), as_rows(x[60:], y[60:])
    model, trainer = fit(train, validation=held, epochs=15, batch_rows=20)
    assert trainer.chosen.l2 > 0 or trainer.chosen.l1 > 0
    unpenalised, _ = fit(train, l2=0.0, l1=0.0)
    errors = [np.mean((m.predict(held)["score"] - y[60:]) ** 2) for m in (model, unpenalised)]
    assert errors[0] < errors[1]


def test_a_rate_far_too_high_is_one_clear_error():
    x, y, _ = planted()
    with np.errstate(all="ignore"), pytest.raises(DivergenceError, match="Lower 'learning_rate'"):
        fit(
            as_rows(x * 100, y),
            optimizer="sgd",
            rate=1e6,
            scale_features=False,
            center_features=False,
            epochs=9,
        )


def test_values_beyond_the_range_are_refused_with_their_row():
    x, y, _ = planted(300)
    x[70, 3] = 1e30
    for rows in (as_rows(x, y), without_zeros(as_rows(x * (np.arange(30) < 29), y))):
        with pytest.raises(DataError, match=r"row 71: expected values between -1e18 and 1e18. Got 1e\+30"):
            fit(rows)


class Table:
    """Two hosts in one process: each operation waits for the other."""

    def __init__(self):
        self.barrier, self.parts = threading.Barrier(2, timeout=60), [None, None]

    def host(self, rank):
        return Host(self, rank)


class Host:
    size = 2

    def __init__(self, table, rank):
        self.table, self.rank = table, rank

    def allgather(self, array):
        self.table.barrier.wait()
        self.table.parts[self.rank] = np.array(array)
        self.table.barrier.wait()
        return [part.copy() for part in self.table.parts]

    def allreduce(self, array, reduction="sum"):
        return {"sum": np.sum, "min": np.min, "max": np.max}[reduction](
            np.stack(self.allgather(array)), axis=0
        )

    def broadcast(self, array, root=0):
        return self.allgather(array)[root]


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_two_hosts_come_to_the_model_of_one(share):
    x, y, _ = planted(1500, share=share)
    labels = (y > np.median(y)).astype(float)
    rows = without_zeros(as_rows(x, labels))
    settings = LinearSettings(task="binary", loss=Loss("logistic"), l2=1e-2, l1=0.0, epochs=3, batch_rows=100)
    alone = LinearTrainer(settings).fit(source(rows))
    table, found = Table(), [None, None]

    def work(rank):
        part = rows.part(0, 600) if rank == 0 else rows.part(600, 1500)
        found[rank] = LinearTrainer(settings, table.host(rank)).fit(source(part))

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(found[0].weights, found[1].weights)
    assert found[0].threshold == found[1].threshold
    if share == 1.0:
        np.testing.assert_allclose(found[0].weights, alone.weights, rtol=0.05, atol=0.02)
    agree = (found[0].predict(rows)["score"] > 0.5) == (alone.predict(rows)["score"] > 0.5)
    assert agree.mean() > 0.97
