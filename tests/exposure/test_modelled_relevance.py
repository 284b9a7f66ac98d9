"""Position bias with relevance by a model: where everything is shown once, a score tells what would be liked."""

import numpy as np
import pytest

from pairloom import FactorizationMachineRegressor
from pairloom.errors import DataError, UserError
from pairloom.exposure import fit_position_bias_by_model

EXAMINATION = 1 / np.arange(1, 6)


def machine():
    return FactorizationMachineRegressor(
        n_factors=1, epochs=10, linear_decay=0, factors_decay=0, random_state=0, deterministic=True
    )


def sessions(n_requests, seed):
    """Everything is new; relevance is a straight line of a number, by which the policy sorts, more or less."""
    rng = np.random.default_rng(seed)
    numbers = rng.random((n_requests, 6))
    order = np.argsort(-(6 * numbers + rng.gumbel(size=numbers.shape)), axis=1)[:, :5]
    number = np.take_along_axis(numbers, order, axis=1)
    clicks = rng.random(number.shape) < (0.05 + 0.8 * number) * EXAMINATION
    positions, requests = np.tile(np.arange(1, 6), n_requests), np.repeat(np.arange(n_requests), 5)
    return number.reshape(-1, 1), positions, clicks.ravel().astype(float), requests


def test_found_where_no_group_repeats():
    found, naive, inside = [], [], []
    for seed in range(5):
        features, positions, clicks, requests = sessions(4000, seed)
        each = fit_position_bias_by_model(machine, features, positions, clicks, requests=requests)
        found.append(each.probabilities)
        inside.append((each.low <= EXAMINATION) & (each.high >= EXAMINATION))
        rate = clicks.reshape(-1, 5).mean(axis=0)
        naive.append(rate / rate[0])
    assert np.mean(found, axis=0) == pytest.approx(EXAMINATION, abs=0.02)
    assert np.mean(inside) >= 0.8
    assert (np.mean(naive, axis=0)[1:] < EXAMINATION[1:] - 0.03).all()


class Remembering:
    """Answers what it was told of a row, and the mean of others."""

    def fit(self, X, y, sample_weight=None):
        self.known, self.mean = (
            dict(zip(X.ravel().tolist(), y, strict=True)),
            np.average(y, weights=sample_weight),
        )

    def predict(self, X):
        return np.array([self.known.get(number, self.mean) for number in X.ravel().tolist()])


def test_a_model_that_remembers_is_asked_of_what_it_has_not_seen():
    features, positions, clicks, requests = sessions(2000, 0)
    shuffled = np.random.default_rng(0).permutation(len(features))  # features that tell nothing
    found = fit_position_bias_by_model(
        Remembering, features[shuffled], positions, clicks, requests=requests, n_bootstrap=0
    )
    rate = clicks.reshape(-1, 5).mean(axis=0)
    assert found.probabilities == pytest.approx(rate / rate[0], rel=0.05)


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        ({"clicks": [0, 0, 1, 1]}, UserError, "clicked at position 1"),
        ({"clicks": [0, 3, 1, 1]}, DataError, "row 2"),
        ({"positions": [1, 1, 0, 2]}, DataError, "row 3"),
        ({"requests": [1]}, UserError, "'requests'"),
        ({"n_folds": 5}, UserError, "n_folds"),
        ({"n_rounds": 0}, UserError, "n_rounds"),
    ],
)
def test_what_cannot_be_is_refused(changed, kind, said):
    good = {"positions": [1, 1, 2, 2], "clicks": [1, 1, 1, 0]}
    with pytest.raises(kind, match=said):
        fit_position_bias_by_model(Remembering, np.arange(4.0)[:, None], **(good | changed))


def test_predictions_that_are_no_numbers_are_refused():
    class Lost(Remembering):
        def predict(self, X):
            return np.full(len(X), np.nan)

    with pytest.raises(DataError, match="finite predictions"):
        fit_position_bias_by_model(Lost, np.arange(4.0)[:, None], [1, 1, 2, 2], [1, 1, 1, 0])
