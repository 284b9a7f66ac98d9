"""Off-policy estimators: each as a plain loop says it, unbiased where the truth is known, with honest intervals."""

import numpy as np
import pytest

from pairloom import FactorizationMachineRegressor
from pairloom.errors import DataError, UserError
from pairloom.exposure import (
    LoggedActions,
    cross_fitted,
    direct_method,
    doubly_robust,
    evaluate_policy,
    ips,
    naive_mean,
    snips,
    switch_doubly_robust,
)

N_CONTEXTS, N_ACTIONS = 6, 4


class Bandit:
    """Contexts, actions and rewards of 0 and 1 whose chances are a table; likewise the two policies."""

    def __init__(self, seed=0, spread=1.0):
        rng = np.random.default_rng(seed)
        self.reward = rng.uniform(0.05, 0.6, (N_CONTEXTS, N_ACTIONS))
        self.logging = self.policy(-spread * 2 * self.reward)
        self.target = self.policy(spread * 3 * self.reward)
        self.truth = float((self.target * self.reward).sum(axis=1).mean())
        self.wrong_model = np.clip(self.reward + rng.normal(0.1, 0.2, self.reward.shape), 0, 1)

    @staticmethod
    def policy(scores):
        shares = np.exp(4 * scores)
        return shares / shares.sum(axis=1, keepdims=True)

    def logged(self, n_rows, rng, model=None):
        x = rng.integers(N_CONTEXTS, size=n_rows)
        a = (rng.random(n_rows)[:, None] > self.logging.cumsum(axis=1)[x]).sum(axis=1)
        r = (rng.random(n_rows) < self.reward[x, a]).astype(float)
        more = {}
        if model is not None:
            more = {"predicted": model[x, a], "predicted_target": (self.target[x] * model[x]).sum(axis=1)}
        self.x, self.a = x, a
        return LoggedActions(r, self.logging[x, a], self.target[x, a], **more)


def twin(logged, method, threshold=None):
    total, weights = 0.0, 0.0
    for i in range(len(logged)):
        w = logged.target[i] / logged.propensities[i]
        r, weights = logged.rewards[i], weights + w
        if method in ("ips", "snips"):
            total += w * r
        elif method == "dm":
            total += logged.predicted_target[i]
        elif method == "dr" or w <= threshold:
            total += logged.predicted_target[i] + w * (r - logged.predicted[i])
        else:
            total += logged.predicted_target[i]
    return total / (weights if method == "snips" else len(logged))


def test_estimators_are_what_a_loop_says():
    bandit = Bandit()
    logged = bandit.logged(500, np.random.default_rng(1), bandit.wrong_model)
    found = evaluate_policy(logged)
    for name in ("ips", "snips", "dm", "dr"):
        assert found[name].value == pytest.approx(twin(logged, name), rel=1e-12), name
    switched = switch_doubly_robust(logged, threshold=1.5)
    assert switched.value == pytest.approx(twin(logged, "switch", 1.5), rel=1e-12)
    assert switch_doubly_robust(logged, threshold=np.inf).value == doubly_robust(logged).value
    assert switch_doubly_robust(logged, threshold=0).value == direct_method(logged).value
    assert list(found) == ["naive", "ips", "snips", "dm", "dr", "switch-dr"]
    assert list(evaluate_policy(bandit.logged(50, np.random.default_rng(0)))) == ["naive", "ips", "snips"]


def test_unbiased_and_covering_where_the_naive_mean_is_not():
    bandit, runs = Bandit(seed=3, spread=0.5), 200
    estimates = {name: [] for name in ("naive", "ips", "snips", "dm", "dr", "switch-dr")}
    for run in range(runs):
        logged = bandit.logged(800, np.random.default_rng(run), bandit.wrong_model)
        for name, found in evaluate_policy(logged).items():
            estimates[name].append(found)
    covered = {
        name: sum(e.low <= bandit.truth <= e.high for e in found) / runs for name, found in estimates.items()
    }
    for name in ("ips", "snips", "dr"):
        values = np.array([e.value for e in estimates[name]])
        assert abs(values.mean() - bandit.truth) < 4 * values.std() / np.sqrt(runs), name
        assert 0.90 <= covered[name] <= 0.99, covered
    assert covered["naive"] == 0
    assert covered["dm"] == 0  # the model is wrong
    spread = {name: np.std([e.value for e in found]) for name, found in estimates.items()}
    assert spread["snips"] < spread["ips"]
    assert spread["dr"] < spread["ips"]


def test_bootstrap_intervals_cover_and_agree_with_normal_ones():
    bandit, hits = Bandit(seed=3, spread=0.5), 0
    for run in range(100):
        logged = bandit.logged(500, np.random.default_rng(run), bandit.reward)
        by_draws = doubly_robust(logged, interval="bootstrap", n_bootstrap=300)
        hits += by_draws.low <= bandit.truth <= by_draws.high
    assert hits >= 90
    normal = doubly_robust(logged)
    assert by_draws.high - by_draws.low == pytest.approx(normal.high - normal.low, rel=0.2)
    narrow = ips(logged, confidence=0.5)
    assert narrow.high - narrow.low < 0.4 * (ips(logged).high - ips(logged).low)


def test_switching_is_nearer_the_truth_where_weights_are_heavy():
    bandit = Bandit(seed=5, spread=2.5)
    close = bandit.reward + 0.01
    errors = {"ips": [], "switch-dr": []}
    for run in range(60):
        logged = bandit.logged(400, np.random.default_rng(run), close)
        errors["ips"].append(ips(logged).value - bandit.truth)
        errors["switch-dr"].append(switch_doubly_robust(logged).value - bandit.truth)
    assert np.square(errors["switch-dr"]).mean() < 0.5 * np.square(errors["ips"]).mean()


def test_clipping_bounds_weights_and_is_said_to_bias():
    logged = Bandit(seed=5, spread=2).logged(4000, np.random.default_rng(0))
    clipped = ips(logged, clip=2)
    assert clipped.largest_weight == 2
    assert clipped.value < ips(logged).value
    assert any("clipped" in warning for warning in clipped.warnings)
    with pytest.raises(UserError, match="clip"):
        ips(logged, clip=0)


def test_doubtful_weights_are_told():
    few = LoggedActions([1.0] * 200, [1e-6, *[0.5] * 199], [0.5] * 200)
    found = snips(few)
    assert found.effective_n == pytest.approx(1, abs=0.01)
    assert "row 1 alone has 100% of all weight" in " ".join(found.warnings)
    assert "count effectively" in " ".join(found.warnings)
    without_overlap = LoggedActions([1.0, 0] * 100, [0.5] * 200, [0.1] * 200)
    assert "mean of 0.200, not 1" in " ".join(ips(without_overlap).warnings)
    sound = Bandit().logged(5000, np.random.default_rng(0))
    assert ips(sound).warnings == ()
    assert naive_mean(without_overlap).warnings == ()


def test_rows_of_one_unit_count_once():
    logged = Bandit().logged(300, np.random.default_rng(2))
    twice = LoggedActions(
        *(np.repeat(column, 2) for column in (logged.rewards, logged.propensities, logged.target)),
        units=np.repeat(np.arange(300), 2),
    )
    for estimator in (ips, snips):
        assert estimator(twice).value == pytest.approx(estimator(logged).value)
        assert estimator(twice).standard_error == pytest.approx(estimator(logged).standard_error)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (([1], [0], [1]), "row 1, field 'propensities': expected a probability above 0"),
        (([1, 1], [1, 1.5], [1, 1]), "row 2"),
        (([1, 1], [1, np.nan], [1, 1]), "row 2, field 'propensities': expected a finite number"),
        (([1], [1], [-0.1]), "field 'target'"),
        (([np.inf], [1], [1]), "field 'rewards'"),
        (([1, 2], [1], [1]), r"shape \(2,\)"),
        (([["a"]], [1], [1]), "numbers"),
    ],
)
def test_what_cannot_be_is_refused_with_its_row(columns, said):
    with pytest.raises(DataError, match=said):
        LoggedActions(*columns)


def test_what_is_missing_is_named():
    logged = Bandit().logged(50, np.random.default_rng(0))
    with pytest.raises(UserError, match="cross_fitted"):
        doubly_robust(logged)
    with pytest.raises(UserError, match="2 or more independent units"):
        ips(LoggedActions([1], [1], [1]))
    with pytest.raises(UserError, match="overlaps"):
        snips(LoggedActions([1, 1], [1, 1], [0, 0]))
    with pytest.raises(UserError, match="interval"):
        ips(logged, interval="exact")
    with pytest.raises(UserError, match="confidence"):
        ips(logged, confidence=95)
    with pytest.raises(UserError, match="threshold"):
        switch_doubly_robust(logged.with_predictions(logged.rewards, logged.rewards), threshold=-1)


class Memory:
    """Says what it saw, and nan of what it did not."""

    def fit(self, X, y):
        self.seen = {tuple(row): label for row, label in zip(X, y, strict=True)}

    def predict(self, X):
        return np.array([1e6 if tuple(row) in self.seen else 0.5 for row in X])


def test_cross_fitting_predicts_no_row_by_a_model_that_saw_it():
    X = np.arange(60.0)[:, None]
    target = np.full((60, 1), 1.0)
    logged, expected = cross_fitted(Memory, X, np.zeros(60), lambda rows: X[rows], target)
    assert set(logged) == set(expected) == {0.5}
    units = np.arange(60) // 6
    halves = np.repeat(np.arange(10.0), 6)[:, None]
    logged, _ = cross_fitted(Memory, halves, np.zeros(60), lambda rows: halves[rows], target, units=units)
    assert set(logged) == {0.5}
    with pytest.raises(UserError, match="n_folds"):
        cross_fitted(Memory, X, np.zeros(60), lambda rows: X[rows], target, n_folds=61)
    with pytest.raises(UserError, match="n_actions"):
        cross_fitted(Memory, X, np.zeros(60), lambda rows: X[rows], np.ones(60))


def test_doubly_robust_with_a_factorization_machine_is_surer_than_ips():
    bandit, rng = Bandit(seed=7), np.random.default_rng(0)
    logged = bandit.logged(6000, rng)
    eye = np.eye(N_CONTEXTS + N_ACTIONS)

    def rows(x, a):
        return eye[x] + eye[N_CONTEXTS + a]

    def of_actions(chosen):
        return rows(np.repeat(bandit.x[chosen], N_ACTIONS), np.tile(np.arange(N_ACTIONS), len(chosen)))

    def machine():
        return FactorizationMachineRegressor(n_factors=4, epochs=15, random_state=0)

    modelled = logged.with_predictions(
        *cross_fitted(
            machine, rows(bandit.x, bandit.a), logged.rewards, of_actions, bandit.target[bandit.x], n_folds=2
        )
    )
    found = evaluate_policy(modelled)
    assert found["dr"].low <= bandit.truth <= found["dr"].high
    assert found["dr"].standard_error < 0.9 * found["ips"].standard_error
