"""Jobs with the solvers "als" and "mcmc": hyperparameters, events, states to go on from."""

from __future__ import annotations

import numpy as np
import pytest

from pairloom.algorithms.factorization_machines.algorithm import FactorizationMachines
from pairloom.algorithms.report import EpochEnded, StopTraining
from pairloom.errors import DataError, UserError
from pairloom.synthetic import planted_ratings

ROWS = planted_ratings(60, 50, 2400, n_factors=2, noise=0.3, stars=False).rows()
TRAIN, TEST = ROWS.part(0, 2000), ROWS.part(2000, 2400)


class Kept:
    """Keeps every state, as a folder of a path."""

    def __init__(self, folder):
        self.folder, self.newest = folder, None

    def latest(self):
        return self.newest

    def save(self, step, write):
        self.newest = self.folder / f"{step}-{self.folder.name}"
        self.newest.mkdir()
        write(self.newest)


def fit(report=lambda event: None, checkpoints=None, **more):
    asked = {"num_factors": "4", "predictor_type": "regressor", "pairloom_solver": "mcmc", "epochs": "30"}
    algorithm = FactorizationMachines({**asked, **{name: str(value) for name, value in more.items()}})
    train = TRAIN
    if more.get("predictor_type") == "binary_classifier":
        train = TRAIN.labelled((TRAIN.labels > np.median(TRAIN.labels)).astype(np.float32))
    channels = {"train": lambda: [train.part(0, 700), train.part(700, 2000)]}
    how = {} if checkpoints is None else {"checkpoints": checkpoints}
    return algorithm.fit(channels, report=report, **how)


@pytest.mark.parametrize("solver", ["als", "mcmc"])
@pytest.mark.parametrize("task", ["regressor", "binary_classifier"])
def test_a_job_learns(solver, task, tmp_path):
    events = []
    model = fit(events.append, pairloom_solver=solver, predictor_type=task)
    assert sum(isinstance(event, EpochEnded) for event in events) == 30
    answers = model.predict(TEST)
    if task == "regressor":
        assert np.sqrt(np.mean((answers["score"] - TEST.labels) ** 2)) < 0.7 * TEST.labels.std()
    else:
        right = answers["predicted_label"] == (TEST.labels > np.median(TRAIN.labels))
        assert right.mean() > 0.75
    model.save(tmp_path)
    np.testing.assert_array_equal(type(model).load(tmp_path).predict(TEST)["score"], answers["score"])


def test_epochs_left_open_are_the_solvers():
    events = []

    def stop(event):
        events.append(event)
        raise StopTraining

    algorithm = FactorizationMachines(
        {"num_factors": "2", "predictor_type": "regressor", "pairloom_solver": "mcmc"}
    )
    algorithm.fit({"train": lambda: [TRAIN]}, report=lambda e: stop(e) if isinstance(e, EpochEnded) else None)
    assert events[0].n_epochs == 512


@pytest.mark.parametrize("task", ["regressor", "binary_classifier"])
@pytest.mark.parametrize("chains", [1, 2])
def test_a_stopped_job_goes_on_to_the_same_model(tmp_path, task, chains):
    def stop(event):
        if isinstance(event, EpochEnded) and event.epoch == 17:
            raise StopTraining

    settings = {"predictor_type": task, "pairloom_chains": chains}
    whole = fit(**settings).predict(TEST)["score"]
    kept = Kept(tmp_path)
    fit(stop, kept, **settings)
    assert kept.newest.name.startswith("18-")
    kept.folder = tmp_path / "more"
    kept.folder.mkdir()
    np.testing.assert_array_equal(fit(checkpoints=kept, **settings).predict(TEST)["score"], whole)


def test_a_state_of_something_else_is_refused(tmp_path):
    kept = Kept(tmp_path)
    fit(checkpoints=kept, epochs=3, pairloom_burn_in=1)
    with pytest.raises(UserError, match=r"number of factors must be 5\. Got 4"):
        fit(checkpoints=kept, num_factors=5)
    (kept.newest / "state.json").write_text("{}")
    with pytest.raises(DataError, match="a state of training that is whole"):
        fit(checkpoints=kept)


def test_early_stopping_is_not_for_sweeps():
    with pytest.raises(UserError, match="'pairloom_early_stopping_patience' must be left open"):
        fit(pairloom_early_stopping_patience=3)
