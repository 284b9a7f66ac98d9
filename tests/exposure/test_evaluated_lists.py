"""Evaluation of lists: as a loop says it, unbiased where clicks follow the model, with intervals that cover."""

from dataclasses import replace

import numpy as np
import pytest

from pairloom.errors import DataError, UserError
from pairloom.exposure import (
    Examination,
    JoinedLog,
    PlackettLuce,
    compare_rankings,
    evaluate_lists,
    evaluate_positions,
    evaluate_ranking,
    expected_examination,
    explored_examination,
)
from pairloom.synthetic import BrowsingUsers

WORLD = BrowsingUsers(8, 7, 4, like_rate=0.4, random_state=3)
POLICY = PlackettLuce(1.0)
SCORES = np.random.default_rng(9).normal(size=(8, 7))
"""What the logging policy thinks, of each user and item: it has no idea."""
BEST = np.argsort(-WORLD.relevance, axis=1)[:, :4]
MARGINALS = np.stack([POLICY.probabilities(SCORES[user], 4) for user in range(8)])
KNOWN = Examination.given(WORLD.examination)
TRUTH = float(WORLD.expected_clicks(np.arange(8), BEST).mean())
PLACES = np.full((8, 7), -1)
np.put_along_axis(PLACES, BEST, np.arange(4), axis=1)


def logged(n_requests, seed):
    rng = np.random.default_rng(seed)
    users = np.arange(n_requests) % 8
    lists = np.argsort(-(SCORES[users] + rng.gumbel(size=(n_requests, 7))), axis=1)[:, :4]
    return users, lists, WORLD.clicks(users, lists, rng).astype(float)


def by_position(users, lists):
    """Probabilities of item and position by the log's policy and by the best lists."""
    before = MARGINALS[users[:, None], lists, np.arange(4)]
    after = (BEST[users] == lists).astype(float)
    return before, after


def by_examination(users, lists):
    before = expected_examination(MARGINALS, KNOWN)[users[:, None], lists]
    places = PLACES[users[:, None], lists]
    return before, np.where(places >= 0, WORLD.examination[places], 0.0)


@pytest.mark.parametrize("assumption", [by_position, by_examination])
def test_unbiased_and_covering(assumption):
    values, errors, hits, naive_hits = [], [], 0, 0
    for seed in range(100):
        users, lists, clicks = logged(400, seed)
        before, after = assumption(users, lists)
        requests = np.repeat(np.arange(400), 4)
        found = evaluate_lists(requests, clicks.ravel(), before.ravel(), after.ravel())
        values.append(found.value)
        errors.append(found.standard_error)
        hits += found.low <= TRUTH <= found.high
        agree = (after > 0).ravel()
        naive = 4 * clicks.ravel()[agree].mean()
        naive_hits += abs(naive - TRUTH) < 4 * 1.96 * clicks.ravel()[agree].std() / np.sqrt(agree.sum())
    assert abs(np.mean(values) - TRUTH) < 4 * np.std(values) / 10
    assert hits >= 90
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.25)
    assert naive_hits <= (10 if assumption is by_examination else 100)


def test_the_click_model_is_surer_than_positions_alone():
    users, lists, clicks = logged(800, 0)
    requests = np.repeat(np.arange(800), 4)
    errors = []
    for assumption in (by_position, by_examination):
        before, after = assumption(users, lists)
        errors.append(evaluate_lists(requests, clicks.ravel(), before.ravel(), after.ravel()).standard_error)
    assert errors[1] < 0.8 * errors[0]


def test_as_a_loop_says():
    requests, rewards = ["a", "a", "b", "c"], [1, 0, 1, 1]
    before, after = [0.5, 0.25, 0.5, 1], [1, 0.5, 0.25, 0]
    found = evaluate_lists(requests, rewards, before, after)
    assert found.value == pytest.approx((2 + 0 + 0.5 + 0) / 3)
    assert found.n_units == 3
    assert evaluate_lists(requests, rewards, before, after, clip=1).value == pytest.approx((1 + 0.5) / 3)
    normalised = evaluate_lists(requests, rewards, before, after, normalised=True)
    assert normalised.value == pytest.approx(2.5 / (2 + 2 + 0.5) * 4 / 3)


def joined(users, lists, clicks):
    n_requests, length = lists.shape
    n_rows = n_requests * length
    nothing = np.full(n_rows, np.nan)
    return JoinedLog(
        np.repeat(np.arange(n_requests), length), np.array([f"r{i}" for i in range(n_requests)], object),
        np.repeat(users, length).astype(str).astype(object), lists.ravel().astype(str).astype(object),
        np.tile(np.arange(1, length + 1, dtype=np.int32), n_requests), nothing, nothing,
        np.full(n_rows, "m", object), np.zeros(n_rows, np.int64), np.full(n_rows, None, object),
        {"click": clicks.ravel().astype(np.int32), "purchase": np.zeros(n_rows, np.int32)}, 2.0 * clicks.ravel(),
    )  # fmt: skip


def test_rankings_of_a_log_are_compared():
    users, lists, clicks = logged(3000, 5)
    log = joined(users, lists, clicks)
    expected = expected_examination(MARGINALS, KNOWN)[users[:, None], lists].ravel()
    best = {f"r{i}": BEST[user].tolist() for i, user in enumerate(users)}
    found = evaluate_ranking(log, best, KNOWN, logged_examination=expected)
    assert found.low <= TRUTH <= found.high
    value = evaluate_ranking(log, best, KNOWN, logged_examination=expected, reward="value")
    assert value.value == pytest.approx(2 * found.value)
    worst = {request: items[::-1] for request, items in best.items()}
    turned = float(WORLD.expected_clicks(np.arange(8), BEST[:, ::-1]).mean())
    difference = compare_rankings(log, best, worst, KNOWN, logged_examination=expected)
    assert difference.low <= TRUTH - turned <= difference.high
    assert difference.low > 0
    by_hand = found.value - evaluate_ranking(log, worst, KNOWN, logged_examination=expected).value
    assert difference.value == pytest.approx(by_hand)


def test_reranking_of_what_was_shown_needs_no_propensities():
    values = []
    order = np.argsort(-WORLD.relevance[np.arange(8)[:, None], np.argsort(-SCORES, axis=1)[:, :4]], axis=1)
    fixed = np.argsort(-SCORES, axis=1)[:, :4]  # one list a user, always
    better = np.take_along_axis(fixed, order, axis=1)
    truth = float(WORLD.expected_clicks(np.arange(8), better).mean())
    for seed in range(30):
        users = np.arange(800) % 8
        clicks = WORLD.clicks(users, fixed[users], np.random.default_rng(seed))
        log = joined(users, fixed[users], clicks.astype(float))
        found = evaluate_ranking(log, lambda row, log=log: better[int(log.user[row])].tolist(), KNOWN)
        values.append(found.value)
    assert abs(np.mean(values) - truth) < 4 * np.std(values) / np.sqrt(30)
    assert found.warnings == ()
    elsewhere = evaluate_ranking(log, lambda row: [100, 101, 102, 103], KNOWN)
    assert elsewhere.value == 0
    assert "only 0% of examination" in " ".join(elsewhere.warnings)


def test_logged_propensities_alone_are_unbiased_too():
    values = {"positions": [], "explored": []}
    for seed in range(60):
        users, lists, clicks = logged(300, seed)
        chances = MARGINALS[users[:, None], lists, np.arange(4)].ravel()
        log = replace(joined(users, lists, clicks), propensity=chances)
        best = {f"r{i}": BEST[user].tolist() for i, user in enumerate(users)}
        values["positions"].append(evaluate_positions(log, best).value)
        seen = explored_examination(log, KNOWN)
        values["explored"].append(evaluate_ranking(log, best, KNOWN, logged_examination=seen).value)
    for found in values.values():
        assert abs(np.mean(found) - TRUTH) < 4 * np.std(found) / np.sqrt(60)
    assert np.std(values["explored"]) < np.std(values["positions"])
    with pytest.raises(DataError, match="row 1, field 'propensity'"):
        evaluate_positions(joined(users, lists, clicks), best)


def test_wrong_input_is_refused():
    with pytest.raises(DataError, match="row 2, field 'logged': expected a probability above 0"):
        evaluate_lists([1, 1], [1, 1], [1, 0], [1, 1])
    with pytest.raises(DataError, match="row 1, field 'target'"):
        evaluate_lists([1, 2], [1, 1], [1, 1], [-1, 1])
    with pytest.raises(DataError, match="finite"):
        evaluate_lists([1, 2], [1, np.nan], [1, 1], [1, 1])
    with pytest.raises(UserError, match="one length"):
        evaluate_lists([1, 2], [1], [1, 1], [1, 1])
    with pytest.raises(UserError, match="clip"):
        evaluate_lists([1, 2], [1, 1], [1, 1], [1, 1], clip=-1)
    users, lists, clicks = logged(16, 0)
    log = joined(users, lists, clicks)
    with pytest.raises(DataError, match="none for 'r0'"):
        evaluate_ranking(log, {}, KNOWN)
    with pytest.raises(DataError, match="twice"):
        evaluate_ranking(log, lambda row: [1, "1"], KNOWN)
    with pytest.raises(UserError, match="reward"):
        evaluate_ranking(log, lambda row: [1], KNOWN, reward="joy")
    with pytest.raises(UserError, match="positions"):
        expected_examination(np.ones((3, 5)), KNOWN)
