"""Losses, slopes and their stand-ins against the twin's plain loops and against differences."""

import numpy as np
import pytest

from pairloom.linear.losses import KINKED, LOSSES, Loss
from reference.linear_twin import loss_and_slope

PARAMETERS = {"hinge": 0.7, "eps_insensitive_absolute": 0.2, "eps_insensitive_squared": 0.2, "quantile": 0.3,
              "huber": 0.5}  # fmt: skip


def sample(name, n_models=2):
    random = np.random.default_rng(0)
    n_outputs = 4 if name == "softmax" else 1
    scores = random.normal(size=(50, n_models * n_outputs)) * 3
    labels = random.normal(size=50) * 2
    if name in ("logistic", "hinge"):
        labels = random.integers(0, 2, 50)
    if name == "softmax":
        labels = random.integers(0, 4, 50)
    return Loss(name, PARAMETERS.get(name, 1.0), n_outputs), scores, labels.astype(np.float32)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_slopes_are_the_twins(name):
    loss, scores, labels = sample(name)
    losses, slopes = loss.losses_and_slopes(scores, labels)
    for row in range(50):
        for model in range(2):
            own = slice(model * loss.n_outputs, (model + 1) * loss.n_outputs)
            expected, slope = loss_and_slope(name, loss.parameter, scores[row, own], float(labels[row]))
            assert losses[row, model] == pytest.approx(expected, rel=1e-9, abs=1e-12)
            assert slopes[row, own] == pytest.approx(slope, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("width", [0.01, 0.3])
def test_slopes_of_stand_ins_are_their_derivatives(name, width):
    loss, scores, labels = sample(name, 1)
    slopes = loss.losses_and_slopes(scores, labels, width)[1]
    for column in range(scores.shape[1]):
        step = np.zeros_like(scores)
        step[:, column] = 1e-6
        rise = (
            loss.losses_and_slopes(scores + step, labels, width)[0]
            - loss.losses_and_slopes(scores - step, labels, width)[0]
        )
        np.testing.assert_allclose(slopes[:, column], rise[:, 0] / 2e-6, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_stand_ins_lie_within_the_width(name):
    loss, scores, labels = sample(name)
    exact, rounded = loss.losses(scores, labels), loss.losses_and_slopes(scores, labels, 0.1)[0]
    if name in KINKED:
        assert (rounded >= exact - 1e-12).all()
        assert (rounded <= exact + 0.1).all()
    else:
        np.testing.assert_array_equal(rounded, exact)


@pytest.mark.parametrize("name", LOSSES)
def test_curvatures_bound_the_second_derivative(name):
    loss, scores, labels = sample(name, 1)
    width, bounds = 0.2, loss.curvatures(scores, labels, 0.2)
    for column in range(scores.shape[1]):
        step = np.zeros_like(scores)
        step[:, column] = 1e-4
        bend = (
            loss.losses_and_slopes(scores + step, labels, width)[1]
            - loss.losses_and_slopes(scores - step, labels, width)[1]
        )
        assert (bend[:, column] / 2e-4 <= bounds[:, column] + 1e-3).all()


def test_extreme_scores_stay_finite():
    for name in ("logistic", "softmax", "hinge"):
        loss = Loss(name, 1.0, 3 if name == "softmax" else 1)
        scores = np.array([[1e4] * loss.n_outputs, [-1e4] * loss.n_outputs])
        scores[0, 0] = -1e4
        assert np.isfinite(loss.losses(scores, np.array([0, 1], np.float32))).all()
