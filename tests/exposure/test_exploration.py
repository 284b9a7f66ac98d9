"""Exploration: every logged probability is the one that enumeration gives."""

from itertools import permutations

import numpy as np
import pytest

from pairloom import FactorizationMachineRegressor
from pairloom.errors import DataError, UserError
from pairloom.exposure import EpsilonGreedy, PlackettLuce, Thompson

SCORES = np.array([0.3, 2.0, -1.0, 0.3, 1.1])


def chance(policy, scores, ranking):
    """Probability of one list, item by item."""
    left, product = sorted(range(len(scores)), key=lambda item: -scores[item]), 1.0
    for item in ranking:
        if isinstance(policy, EpsilonGreedy):
            product *= policy.epsilon / len(left) + (1 - policy.epsilon) * (item == left[0])
        else:
            shares = {
                i: np.exp((scores[i] - max(scores[j] for j in left)) / policy.temperature) for i in left
            }
            product *= shares[item] / sum(shares.values())
        left.remove(item)
    return product


@pytest.mark.parametrize("policy", [EpsilonGreedy(0.3), EpsilonGreedy(0), PlackettLuce(), PlackettLuce(0.05)])
@pytest.mark.parametrize("n", [1, 3, 5])
def test_probabilities_are_those_of_all_lists(policy, n):
    wanted = np.zeros((5, n))
    for ranking in permutations(range(5), n):
        wanted[list(ranking), range(n)] += chance(policy, SCORES, ranking)
    assert policy.probabilities(SCORES, n) == pytest.approx(wanted, abs=1e-10)
    assert wanted.sum() == pytest.approx(n)


@pytest.mark.parametrize("spread", [1e-3, 30.0, 300.0])
def test_plackett_luce_is_exact_for_scores_far_apart(spread):
    scores, policy = spread * SCORES, PlackettLuce()
    wanted = np.zeros((5, 3))
    for ranking in permutations(range(5), 3):
        wanted[list(ranking), range(3)] += chance(policy, scores, ranking)
        found = policy.conditional(scores, ranking).prod()
        assert found == pytest.approx(chance(policy, scores, ranking), rel=1e-9, abs=1e-300)
    assert policy.probabilities(scores, 3) == pytest.approx(wanted, abs=1e-10)


@pytest.mark.parametrize("policy", [EpsilonGreedy(0.4), PlackettLuce(0.7)])
def test_draws_have_the_probabilities_that_they_log(policy):
    rng, counts = np.random.default_rng(0), {}
    for _ in range(4000):
        drawn = policy.draw(SCORES, 2, rng)
        counts.setdefault(tuple(drawn.items.tolist()), []).append(drawn)
    marginal = policy.probabilities(SCORES, 2)
    for ranking, drawn in counts.items():
        first = drawn[0]
        assert first.list_propensity == pytest.approx(chance(policy, SCORES, ranking))
        assert first.conditional.prod() == pytest.approx(first.list_propensity)
        assert first.propensities == pytest.approx(marginal[list(ranking), [0, 1]])
        share, error = len(drawn) / 4000, np.sqrt(first.list_propensity / 4000)
        assert abs(share - first.list_propensity) < 4.5 * error
    cheap = PlackettLuce().draw(SCORES, 3, rng, marginal=False)
    assert cheap.propensities.tolist() == cheap.conditional.tolist()


def test_thompson_counts_samples():
    samples = np.array([[3.0, 2, 1], [3, 2, 1], [1, 2, 3], [3, 1, 2]])
    policy, rng = Thompson(), np.random.default_rng(0)
    assert policy.probabilities(samples, 2).tolist() == [[0.75, 0.0], [0.0, 0.75], [0.25, 0.25]]
    seen = {}
    for _ in range(400):
        drawn = policy.draw(samples, 2, rng)
        seen[tuple(drawn.items.tolist())] = drawn
    assert {ranking: found.list_propensity for ranking, found in seen.items()} == {
        (0, 1): 0.5, (2, 1): 0.25, (0, 2): 0.25,
    }  # fmt: skip
    assert seen[0, 1].conditional.tolist() == [0.75, 2 / 3]
    assert seen[0, 1].propensities.tolist() == [0.75, 0.75]


def test_thompson_over_samples_of_a_machine_tries_what_is_uncertain():
    rng = np.random.default_rng(0)
    seen = np.repeat([0, 1, 2], [200, 200, 2])  # the third arm is hardly known
    rewards = np.array([0.6, 0.4, 0.3])[seen] + 0.3 * rng.normal(size=len(seen))
    machine = FactorizationMachineRegressor(n_factors=2, solver="mcmc", n_samples=60, random_state=0)
    machine.fit(np.eye(3)[seen], rewards)
    samples = machine.predict_samples(np.eye(3))
    assert samples.shape == (60, 3)
    assert samples.mean(axis=0) == pytest.approx(machine.predict(np.eye(3)), abs=1e-3)
    assert samples[:, 2].std() > 2 * samples[:, :2].std(axis=0).max()
    chances = Thompson().probabilities(samples, 1)[:, 0]
    assert chances[2] > chances[1]
    assert chances[0] > 0.4
    plain = FactorizationMachineRegressor(epochs=1).fit(np.eye(3)[seen], rewards)
    with pytest.raises(UserError, match="mcmc"):
        plain.predict_samples(np.eye(3))


def test_settings_and_scores_are_checked():
    rng = np.random.default_rng(0)
    for wrong in (lambda: EpsilonGreedy(1.1), lambda: PlackettLuce(0), lambda: PlackettLuce(np.nan)):
        with pytest.raises(UserError, match="must be"):
            wrong()
    for policy in (EpsilonGreedy(), PlackettLuce()):
        with pytest.raises(DataError, match="row 2: expected a finite score"):
            policy.draw([1, np.nan], 1, rng)
        with pytest.raises(UserError, match="one or more"):
            policy.draw([], 1, rng)
        with pytest.raises(UserError, match="'n'"):
            policy.draw([1], 0, rng)
        assert len(policy.draw([1, 2], 10, rng).items) == 2
    with pytest.raises(UserError, match="n_samples"):
        Thompson().draw([1, 2], 1, rng)
