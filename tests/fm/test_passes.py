"""Segments of a pass: they change nothing that is learned, a stop is heard between them, and rows are measured."""

import numpy as np
import pytest

from pairloom.fm import passes
from pairloom.fm.settings import FMSettings
from pairloom.fm.training import FMTrainer
from pairloom.metrics import BinaryCounts, RegressionErrors
from reference.fm_rows import random_rows, ratings

SOLVERS = ["sgd", "adagrad", "ftrl", "adam"]
FIXED = {"bias_rate": 0.0, "linear_rate": 0.0, "factors_rate": 0.0}


def settings_for(solver="sgd", **changes):
    given = {
        "solver": solver,
        "n_factors": 3,
        "epochs": 2,
        "batch_rows": 100,
        "random_state": 1,
        "bias_init": 0.3,
    }
    return FMSettings(**(given | changes))


def bits(trainer):
    model = trainer.model()
    return model.bias, model.table.tobytes()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("row_length", [2, 3])
def test_short_segments_learn_the_same(solver, row_length, monkeypatch):
    rows = random_rows(9500, 60, row_length=row_length)
    whole = FMTrainer(settings_for(solver)).fit(lambda: [rows])
    monkeypatch.setattr(passes, "SEGMENT_WORK", 1)
    seen = []
    cut = FMTrainer(settings_for(solver)).fit(lambda: [rows], batch_interval=7, on_batch=seen.append)
    assert bits(cut) == bits(whole)
    assert len(seen) > 2
    assert [a.n_rows for a in cut.history] == [9500, 9500]
    np.testing.assert_allclose([a.train_loss for a in cut.history], [a.train_loss for a in whole.history])


def test_batches_are_told_of_as_they_are_counted():
    rows, seen = random_rows(1450, 30, row_length=3), []
    FMTrainer(settings_for("adam", epochs=1)).fit(
        lambda: [rows], batch_interval=5, on_batch=lambda report: seen.append(report.batch) and None
    )
    assert seen == [0, 5, 10, 14]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("task", ["regression", "classification"])
@pytest.mark.parametrize("pairs", [False, True])
def test_measures_are_those_of_the_scores(solver, weights, task, pairs):
    """Parameters that do not move score the same before and after."""
    binary = task == "classification"
    rows = (
        ratings(3001, binary=binary)
        if pairs
        else random_rows(3001, 40, row_length=3, binary=binary, weights=weights)
    )
    if solver == "ftrl":  # its values follow from its rates
        settings = settings_for(
            solver, task=task, rescale=0.0, bias_rate=0.1, linear_rate=0.1, factors_rate=0.1
        )
    else:
        settings = settings_for(solver, task=task, **FIXED)
    trainer = FMTrainer(settings).fit(lambda: [rows])
    answers = trainer.model().predict(rows)
    sums = BinaryCounts() if binary else RegressionErrors()
    expected = sums.update(rows.labels, answers, rows.weights).result()
    found = trainer.history[0].metrics
    assert set(found) <= set(expected)
    assert len(found) == 3
    for name, value in found.items():
        assert value == pytest.approx(expected[name], rel=1e-4), name


def test_rows_that_weigh_nothing_have_no_metrics():
    rows = random_rows(50, 9, weights=True)
    rows.weights[:] = 0
    trainer = FMTrainer(settings_for()).fit(lambda: [rows])
    assert trainer.history[-1].metrics == {}
    assert trainer.history[-1].train_loss == 0


@pytest.mark.parametrize("memory_limit_bytes", [1, 1 << 30])
def test_a_stop_within_a_pass_keeps_what_was_learned_so_far(memory_limit_bytes):
    rows = random_rows(50_000, 40, row_length=3)
    settings = settings_for("adam", epochs=5, memory_limit_bytes=memory_limit_bytes)
    seen = []

    def stop(report):
        seen.append(report.batch)
        return len(seen) == 2

    trainer = FMTrainer(settings).fit(lambda: [rows], on_batch=stop, batch_interval=10)
    assert seen == [0, 10]
    assert trainer.history == []
    untrained = FMTrainer(settings).fit(lambda: [rows], on_batch=lambda report: True)
    assert bits(trainer) != bits(untrained)
    assert np.isfinite(trainer.model().table).all()
