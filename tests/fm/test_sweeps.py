"""The solvers "als" and "mcmc": terms that rows are split into, priors, samples, models."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
import scipy.sparse as sp

from pairloom import FactorizationMachineClassifier, FactorizationMachineRegressor
from pairloom.errors import UserError
from pairloom.fm.sweeps import samples
from pairloom.fm.sweeps.chain import Chain
from pairloom.fm.sweeps.convergence import left_behind, split_r_hat
from pairloom.fm.sweeps.priors import Priors
from pairloom.fm.sweeps.row_fields import find_fields
from pairloom.fm.sweeps.terms import Terms, prepared_rows
from pairloom.formats.matrices import rows_of_matrix
from pairloom.kernels.native_rows import take_rows
from pairloom.rows import RowBatch


def rows_of(dense):
    return rows_of_matrix(sp.csr_matrix(np.asarray(dense, np.float32)), name="X")


def test_fields_are_ranges_that_no_row_holds_twice():
    fields = find_fields(rows_of([[1, 0, 0, 1, 0, 2], [0, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 0]]))
    assert fields.starts.tolist() == [0, 3, 5, 6]
    assert fields.chosen.tolist() == [0, 1, 2]


def test_of_many_fields_those_with_most_values_are_chosen():
    rng = np.random.default_rng(0)
    held = rng.random((200, 6)) < [0.9, 0.1, 0.8, 0.1, 0.7, 0.1]
    fields = find_fields(rows_of(held), most=3)
    assert fields.chosen.tolist() == [0, 2, 4]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("most", [1, 64])
def test_terms_hold_every_value_once(monkeypatch, seed, most):
    monkeypatch.setattr("pairloom.fm.sweeps.row_fields.find_fields.__kwdefaults__", {"most": most})
    rng = np.random.default_rng(seed)
    n, n_factors = 60, 3
    one_hot = np.zeros((n, 10))
    one_hot[np.arange(n), rng.integers(0, 10, n)] = 1
    matrix = np.hstack([one_hot, rng.normal(size=(n, 2)), rng.random((n, 5)) < 0.3])
    terms = Terms(prepared_rows(rows_of(matrix), None))
    linear, factors = rng.normal(size=len(terms.columns)), np.zeros((len(terms.columns), 4))
    factors[:, :n_factors] = rng.normal(size=(len(terms.columns), n_factors))
    linear, factors = linear.astype(np.float32), factors.astype(np.float32)
    scores = np.empty(n)
    terms.native(n_factors, root_weights=None, n_threads=1).scores(linear, factors, scores)
    x = matrix[:, terms.columns]
    expected = x @ linear + 0.5 * (np.square(x @ factors).sum(1) - np.square(x) @ np.square(factors).sum(1))
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert sorted(terms.columns.tolist()) == np.flatnonzero(matrix.any(axis=0)).tolist()
    assert terms.n_priors == 2  # the ids have one of their own


def test_prepared_rows_hold_neither_zeros_nor_rows_without_weight():
    rows = RowBatch(
        np.array([0, 2, 3, 5]), np.array([1, 0, 2, 0, 1], np.int32), np.array([2, 8, 1, 0, 1e-12], np.float32), 3,
        np.zeros(3, np.float32), np.array([1, 0, 2], np.float32),
    )  # fmt: skip
    prepared = prepared_rows(rows, np.array([8, 1, 1], np.float32))
    assert prepared.indptr.tolist() == [0, 2, 2]
    assert prepared.indices.tolist() == [0, 1]
    assert prepared.values is not None
    assert prepared.values.tolist() == [1, 2]
    assert prepared.weights is not None
    assert prepared.weights.tolist() == [1, 2]


def test_priors_follow_the_columns():
    rng = np.random.default_rng(0)
    linear = np.concatenate([rng.normal(3, 0.5, 4000), rng.normal(-1, 2, 4000)]).astype(np.float32)
    factors = np.zeros((8000, 4), np.float32)
    factors[:, :2] = rng.normal(0, [0.1, 1], (8000, 2))
    priors = Priors(np.array([0, 4000, 8000]), 2, 4)
    for _ in range(3):
        priors.draw(linear, factors, rng)
    np.testing.assert_allclose(priors.linear_means, [3, -1], atol=0.15)
    np.testing.assert_allclose(1 / np.sqrt(priors.linear_precisions), [0.5, 2], rtol=0.1)
    np.testing.assert_allclose(1 / np.sqrt(priors.precisions[:, :2]), [[0.1, 1]] * 2, rtol=0.1)
    assert not priors.means[:, 2:].any()


def planted(noise=0.3, n_rows=6000, n_users=60, n_items=50):
    """Two thirds to train on, the rest to test on: numbers from a planted machine of rank 2, normal noise."""
    rng = np.random.default_rng(7)
    users, items = rng.integers(0, n_users, n_rows), rng.integers(0, n_items, n_rows)
    factors, linear = rng.normal(0, 0.7, (n_users + n_items, 2)), rng.normal(0, 0.5, n_users + n_items)
    scores = 3 + linear[users] + linear[n_users + items] + (factors[users] * factors[n_users + items]).sum(1)
    labels = (scores + rng.normal(0, noise, n_rows)).astype(np.float32)
    indices = np.stack([users, n_users + items], axis=1).ravel().astype(np.int32)
    rows = RowBatch(np.arange(0, 2 * n_rows + 1, 2), indices, None, n_users + n_items, labels)
    return rows.part(0, n_rows * 2 // 3), rows.part(n_rows * 2 // 3, n_rows)


def error(model, rows):
    return float(np.sqrt(np.mean((model.predict(rows) - rows.labels) ** 2)))


@pytest.mark.parametrize(("solver", "floor"), [("als", 0.335), ("mcmc", 0.325)])
def test_planted_factors_are_found(solver, floor):
    train, test = planted()
    decays = {"linear_decay": 0.3, "factors_decay": 0.3}  # of no effect on "mcmc", which learns its own
    model = FactorizationMachineRegressor(4, solver=solver, epochs=100, random_state=0, **decays)
    model.fit(train, train.labels)
    assert error(model, test) < floor  # the noise alone makes 0.3


def test_als_equals_the_normal_equations_without_factors():
    """With a penalty that leaves no factors, what remains is ridge regression."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(200, 4)).astype(np.float32)
    labels = (matrix @ [1, -2, 0.5, 0] + 3 + rng.normal(0, 0.1, 200)).astype(np.float32)
    model = FactorizationMachineRegressor(
        1, solver="als", epochs=200, linear_decay=2.0, factors_decay=1e9, random_state=0
    ).fit(matrix, labels)
    design = np.hstack([matrix, np.ones((200, 1))])
    expected = np.linalg.solve(design.T @ design + np.diag([2, 2, 2, 2, 0]), design.T @ labels)
    np.testing.assert_allclose(model.coef_, expected[:4], atol=2e-4)
    np.testing.assert_allclose(model.intercept_, expected[4], atol=2e-4)


def test_als_with_a_penalty_of_its_own_for_each_column():
    rng = np.random.default_rng(0)
    x, y = (rng.random((400, 12)) < 0.3).astype(np.float32), rng.normal(3, 2, 400).astype(np.float32)
    y += x @ rng.normal(0, 1, 12).astype(np.float32)
    decay = rng.uniform(0.2, 30, 12)
    model = FactorizationMachineRegressor(1, solver="als", linear_decay=2.0, factors_decay=1e9, epochs=200)
    model.fit(x, y, feature_decay=decay)
    scaled = (y - y.mean()) / y.std()
    wide = np.hstack([np.ones((400, 1)), x])
    weights = np.linalg.solve(wide.T @ wide + np.diag([0, *(2 * decay)]), wide.T @ scaled)
    np.testing.assert_allclose(model.predict(x), y.mean() + y.std() * (wide @ weights), atol=2e-3)


@pytest.mark.parametrize(
    ("solver", "decay", "message"),
    [
        ("als", [1.0, 2.0], r"'feature_decay' must be of shape \(12,\)"),
        ("als", [0.0] * 12, "'feature_decay' must hold finite numbers above 0. Got 0.0 for column 0"),
        ("als", [1.0] * 11 + [np.nan], "Got nan for column 11"),
        ("als", ["many"] * 12, "'feature_decay' must hold numbers"),
        ("mcmc", [1.0] * 12, "'feature_decay' needs solver 'als'"),
    ],
)
def test_penalties_that_cannot_be(solver, decay, message):
    x = np.eye(12, dtype=np.float32)
    with pytest.raises(UserError, match=message):
        FactorizationMachineRegressor(2, solver=solver).fit(x, np.arange(12.0), feature_decay=decay)


def test_als_stops_early_and_keeps_the_best_sweep():
    train, test = planted(n_rows=1500)
    settings = {"solver": "als", "factors_decay": 0.02, "linear_decay": 0.02, "epochs": 60, "random_state": 0}
    model = FactorizationMachineRegressor(8, early_stopping=True, n_iter_no_change=3, **settings)
    model.fit(train, train.labels, validation_data=(test, test.labels))
    losses = [report.validation_loss for report in model.history_]
    assert model.n_iter_ < 60
    assert model.n_iter_ == int(np.argmin(losses)) + 4
    errors = model.predict(test) - test.labels
    np.testing.assert_allclose(np.mean(np.square(errors)), min(losses), rtol=1e-4)
    last = FactorizationMachineRegressor(8, **settings).fit(train, train.labels)
    assert np.mean(np.square(last.predict(test) - test.labels)) > min(losses)


def test_intervals_cover_what_they_promise():
    train, test = planted(noise=0.5, n_rows=12_000)
    model = FactorizationMachineRegressor(4, solver="mcmc", epochs=200, random_state=0).fit(
        train, train.labels
    )
    means, deviations = model.predict(test, return_std=True)
    np.testing.assert_array_equal(means, model.predict(test))
    covered = float((np.abs(test.labels - means) < 1.645 * deviations).mean())
    assert 0.88 < covered < 0.92


def test_a_column_that_was_never_seen_is_less_sure():
    train, test = planted()
    ids = train.indices.reshape(-1, 2)
    known = np.flatnonzero(ids[:, 0] != 0)
    rows = RowBatch(np.arange(0, 2 * len(known) + 1, 2), ids[known].ravel(), None, train.n_features)
    model = FactorizationMachineRegressor(4, solver="mcmc", epochs=100, random_state=0).fit(
        rows, train.labels[known]
    )
    deviations = model.predict(test, return_std=True)[1]
    new = test.indices.reshape(-1, 2)[:, 0] == 0
    assert deviations[new].min() > 1.5 * deviations[~new].mean()


def test_a_saved_model_predicts_the_same(tmp_path):
    train, test = planted()
    model = FactorizationMachineRegressor(3, solver="mcmc", epochs=40, n_samples=9, random_state=0)
    model.fit(train, train.labels).save(tmp_path / "model.tar.gz")
    loaded = FactorizationMachineRegressor.load(tmp_path / "model.tar.gz")
    for mine, theirs in zip(
        model.predict(test, return_std=True), loaded.predict(test, return_std=True), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
    assert loaded.model_.posterior is not None
    assert loaded.model_.posterior.n_samples == 9
    loaded.model_.posterior = None  # what is left is one machine that predicts nearly the same
    assert abs(error(loaded, test) - error(model, test)) < 2e-3


def test_values_and_labels_of_any_unit():
    """Predictions do not depend on the units of labels, nor of a feature beyond four."""
    rng = np.random.default_rng(0)
    ids = np.eye(10, dtype=np.float32)[rng.integers(0, 10, 500)]
    number = rng.uniform(1, 10, (500, 1)).astype(np.float32)
    labels = ids @ rng.normal(size=10) + 0.3 * number[:, 0]
    settings = {"n_factors": 2, "solver": "mcmc", "epochs": 60, "random_state": 0}
    plain = FactorizationMachineRegressor(**settings).fit(np.hstack([ids, number]), labels)
    other = FactorizationMachineRegressor(**settings).fit(np.hstack([ids, 1e6 * number]), 1e4 * labels - 7)
    predictions = plain.predict(np.hstack([ids, number]))
    np.testing.assert_allclose(predictions, labels, atol=0.2)
    np.testing.assert_allclose(
        other.predict(np.hstack([ids, 1e6 * number])), 1e4 * predictions - 7, rtol=2e-3, atol=5
    )


def test_threads_and_seed():
    train, test = planted(n_rows=1200)
    fits = [
        FactorizationMachineRegressor(3, solver="mcmc", epochs=10, n_jobs=n, random_state=seed)
        .fit(train, train.labels)
        .predict(test)
        for n, seed in ((1, 0), (2, 0), (1, 1))
    ]
    np.testing.assert_array_equal(fits[0], fits[1])
    assert (fits[0] != fits[2]).any()


def test_weights_count_as_repetition():
    train, _ = planted(n_rows=900)
    weights = np.random.default_rng(0).integers(0, 3, train.n_rows)
    again = sp.csr_matrix((np.ones(len(train.indices)), train.indices, train.indptr), (train.n_rows, 110))
    repeated = again[np.repeat(np.arange(train.n_rows), weights)]
    settings = {"n_factors": 2, "solver": "als", "epochs": 20, "random_state": 0}
    one = FactorizationMachineRegressor(**settings).fit(train, train.labels, sample_weight=weights)
    two = FactorizationMachineRegressor(**settings).fit(repeated, np.repeat(train.labels, weights))
    np.testing.assert_allclose(one.predict(train), two.predict(again), atol=1e-3)


def test_warm_start_goes_on():
    train, test = planted()
    model = FactorizationMachineRegressor(
        4, solver="als", epochs=3, factors_decay=15.0, warm_start=True, random_state=0
    )
    first = error(model.fit(train, train.labels), test)
    for _ in range(10):
        model.fit(train, train.labels)
    assert error(model, test) < first - 0.05


def test_memory_for_the_samples_is_asked_for_before_the_run(monkeypatch):
    monkeypatch.setattr(samples, "_available_bytes", lambda: 10**6)
    train, _ = planted()
    model = FactorizationMachineRegressor(64, solver="mcmc", epochs=5000, n_samples=1000)
    with pytest.raises(UserError, match=r"Keeping 1000 samples of 110 features x 64 factors needs 0\.0 GB"):
        model.fit(train, train.labels)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"burn_in": 10, "epochs": 10}, "'burn_in' must be less than the 10 sweeps"),
        ({"burn_in": -1}, "'burn_in' must be None or an integer of 0 or more"),
        ({"n_samples": 0}, "'n_samples' must be an integer of 1 or more"),
        ({"early_stopping": True}, "'early_stopping' must be off"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    train, _ = planted(n_rows=300)
    with pytest.raises(UserError, match=message):
        FactorizationMachineRegressor(2, solver="mcmc", **settings).fit(train, train.labels)


def test_partial_fit_and_deviations_need_their_solvers():
    train, _ = planted(n_rows=300)
    with pytest.raises(UserError, match="partial_fit needs a solver that streams"):
        FactorizationMachineRegressor(2, solver="als").partial_fit(train, train.labels)
    model = FactorizationMachineRegressor(2, solver="als", epochs=2).fit(train, train.labels)
    with pytest.raises(UserError, match="must be a regressor of solver 'mcmc'"):
        model.predict(train, return_std=True)


def test_validation_rows_are_measured_on_the_mean_over_samples():
    train, test = planted()
    model = FactorizationMachineRegressor(4, solver="mcmc", epochs=60, n_samples=40, random_state=0)
    model.fit(train, train.labels, validation_data=(test, test.labels))
    measured = model.history_[-1].validation_loss
    assert measured is not None
    assert abs(np.sqrt(measured) - error(model, test)) < 1e-3


def clicks(n_rows=6000):
    """Labels 1 where a planted machine plus normal noise is above zero, and the chance of that."""
    rows = planted(noise=0.0, n_rows=n_rows)
    rng = np.random.default_rng(1)
    parts = []
    for part in rows:
        hidden = (part.labels - 3).astype(np.float64)
        parts.append((part.labelled((hidden + rng.normal(size=len(hidden)) > 0).astype(np.float32)), hidden))
    return parts


def log_loss(labels, chances):
    return float(-np.mean(np.log(np.where(labels > 0.5, chances, 1 - chances))))


@pytest.mark.parametrize(("solver", "slack"), [("als", 0.035), ("mcmc", 0.025)])
def test_probit_finds_the_chances(solver, slack):
    (train, _), (test, hidden) = clicks(12_000)
    best = log_loss(test.labels, np.array([NormalDist().cdf(x) for x in hidden]))
    model = FactorizationMachineClassifier(
        4, solver=solver, epochs=150, linear_decay=1, factors_decay=3, random_state=0
    )
    model.fit(train, train.labels.astype(int))
    chances = model.predict_proba(test)[:, 1]
    assert log_loss(test.labels, chances) < best + slack
    np.testing.assert_array_equal(model.predict(test), chances > 0.5)
    if solver == "mcmc":
        model.model_.posterior = None  # what is left gives nearly the same log-odds
        assert np.abs(model.predict_proba(test)[:, 1] - chances).mean() < 0.03


def stars(n_rows=9000):
    rng = np.random.default_rng(2)
    parts = planted(noise=0.0, n_rows=n_rows)
    cuts = np.array([-1.5, -0.5, 0.3, 1.4])
    hidden = [part.labels - 3 + rng.normal(size=part.n_rows) for part in parts]
    return [
        part.labelled((1 + np.searchsorted(cuts, x)).astype(np.float32))
        for part, x in zip(parts, hidden, strict=True)
    ]


def test_ordered_probit_finds_cuts_and_shares():
    train, test = stars()
    model = FactorizationMachineRegressor(4, solver="mcmc", likelihood="ordinal", epochs=200, random_state=0)
    model.fit(train, train.labels)
    cuts = model.model_.posterior.cuts.mean(axis=0)
    np.testing.assert_allclose(np.diff(cuts), [1.0, 0.8, 1.1], atol=0.12)
    shares = model.predict_distribution(test)
    assert model.levels_.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    for place, level in enumerate(model.levels_):
        assert abs(shares[:, place].mean() - (test.labels == level).mean()) < 0.02
    means, deviations = model.predict(test, return_std=True)
    np.testing.assert_allclose(means, shares @ model.levels_, atol=1e-4)
    assert abs(np.mean(((test.labels - means) / deviations) ** 2) - 1) < 0.1
    normal = FactorizationMachineRegressor(4, solver="mcmc", epochs=200, random_state=0).fit(
        train, train.labels
    )
    assert error(model, test) < error(normal, test) + 0.003
    model.model_.posterior = None
    assert abs(error(model, test) - np.sqrt(np.mean((means - test.labels) ** 2))) < 0.05


def test_levels_survive_a_file(tmp_path):
    train, test = stars(1500)
    model = FactorizationMachineRegressor(2, solver="mcmc", likelihood="ordinal", epochs=30, random_state=0)
    model.fit(train, train.labels).save(tmp_path)
    loaded = FactorizationMachineRegressor.load(tmp_path)
    np.testing.assert_array_equal(model.predict_distribution(test), loaded.predict_distribution(test))
    np.testing.assert_array_equal(model.predict(test), loaded.predict(test))


def test_chains_agree_and_are_averaged():
    train, test = planted()
    model = FactorizationMachineRegressor(
        2, solver="mcmc", epochs=200, n_chains=3, n_samples=60, random_state=0
    )
    model.fit(train, train.labels)
    assert model.model_.posterior.n_samples == 60
    assert model.convergence_["diverged"] == model.convergence_["stuck"] == []
    assert 0.99 < model.convergence_["r_hat"] < 1.2
    assert error(model, test) < 0.325


def test_r_hat_tells_chains_that_agree_from_those_that_do_not():
    rng = np.random.default_rng(0)
    agree = [rng.normal(size=(400, 2)) for _ in range(3)]
    assert split_r_hat(agree).max() < 1.02
    agree[1] = agree[1] + [0, 3]
    r_hat = split_r_hat(agree)
    assert r_hat[0] < 1.02
    assert r_hat[1] > 1.5
    drifting = np.linspace(0, 5, 400)[:, None] + rng.normal(size=(400, 1))
    assert split_r_hat([drifting])[0] > 1.5


def test_a_diverging_chain_is_reported_and_not_averaged_in(monkeypatch):
    train, test = planted(n_rows=1500)

    def sweep(self, whole=Chain.sweep):
        whole(self)
        if self.number == 1 and self.n_sweeps > 5:
            self.residuals[0] = np.nan

    monkeypatch.setattr(Chain, "sweep", sweep)
    model = FactorizationMachineRegressor(2, solver="mcmc", epochs=20, n_chains=2, random_state=0)
    with pytest.warns(UserWarning, match=r"Of 2 chains, predictions leave out \[1\]: 1 diverged"):
        model.fit(train, train.labels)
    assert model.convergence_["diverged"] == [1]
    assert np.isfinite(model.predict(test)).all()


def test_a_chain_that_stays_behind_is_found():
    rng = np.random.default_rng(0)
    chains = [rng.normal(1, 0.01, (50, 3)) for _ in range(3)]
    assert left_behind(chains) == []
    chains[2][:, 0] += 0.5
    assert left_behind(chains) == [2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"solver": "sgd", "likelihood": "ordinal"}, "likelihood 'ordinal' needs solver 'mcmc'"),
        ({"solver": "mcmc", "likelihood": "poisson"}, "'likelihood' must be 'normal' or 'ordinal'"),
        ({"solver": "mcmc", "likelihood": "ordinal", "epochs": 2}, "2 to 64 different values"),
    ],
)
def test_likelihoods_that_cannot_be(settings, message):
    train, _ = planted(n_rows=300)
    with pytest.raises(UserError, match=message):
        FactorizationMachineRegressor(2, **settings).fit(train, train.labels)


@pytest.mark.parametrize(("labels", "likelihood"), [("stars", "ordinal"), ("yes", "probit")])
def test_weights_of_levels_count_as_repetition(labels, likelihood):
    train, test = stars()
    weights = np.random.default_rng(0).integers(0, 4, train.n_rows)
    y = train.labels if labels == "stars" else train.labels > 3
    often = np.repeat(np.arange(train.n_rows), weights)
    repeated = take_rows(train, often)
    predictions = []
    for rows, target, weight in ((train, y, weights), (repeated, y[often], None), (train, y, weights * 0.3)):
        if likelihood == "ordinal":
            model = FactorizationMachineRegressor(
                2, solver="mcmc", likelihood="ordinal", epochs=150, random_state=0
            )
            predictions.append(model.fit(rows, target, sample_weight=weight).predict(test))
        else:
            model = FactorizationMachineClassifier(2, solver="mcmc", epochs=150, random_state=0)
            predictions.append(model.fit(rows, target, sample_weight=weight).predict_proba(test)[:, 1])
    apart = [np.sqrt(np.mean((other - predictions[0]) ** 2)) for other in predictions[1:]]
    assert apart[0] < (0.08 if labels == "stars" else 0.045)  # as far as two seeds
    assert apart[1] > 2 * apart[0]  # less weight is less evidence


@pytest.mark.parametrize("scale", [1.0, 0.4, 30.0])
def test_a_weighted_share_is_found(scale):
    """Of rows that are all alike, three of four by weight say yes: whatever the weights add up to."""
    rows = RowBatch(np.arange(401), np.zeros(400, np.int32), None, 1)
    yes = np.arange(400) % 2 == 0
    weights = np.where(yes, 1.5, 0.5) * scale
    model = FactorizationMachineClassifier(1, solver="mcmc", epochs=200, random_state=0)
    model.fit(rows, yes, sample_weight=weights)
    assert model.predict_proba(rows.part(0, 1))[0, 1] == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({"memory.max": "1000\n", "memory.current": "700\n", "memory.stat": "anon 500\ninactive_file 200\n"}, 500),
        ({"memory.max": "max\n", "memory.current": "700\n", "memory.stat": "anon 500\n"}, None),
        (
            {
                "memory/memory.limit_in_bytes": "1000", "memory/memory.usage_in_bytes": "1200",
                "memory/memory.stat": "cache 1",
            },
            0,
        ),
        (
            {
                "memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "1",
                "memory/memory.stat": "cache 1",
            },
            None,
        ),
        ({}, None),
    ],
)  # fmt: skip
def test_the_limit_of_a_container_bounds_the_samples(files, left, tmp_path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert samples.of_container(tmp_path) == left
