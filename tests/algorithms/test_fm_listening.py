"""What listeners are told within an epoch."""

import numpy as np

from pairloom.algorithms.factorization_machines import FactorizationMachines
from pairloom.algorithms.factorization_machines.listening import TrainingListener
from pairloom.algorithms.report import BatchMeasured, StopTraining
from pairloom.fm.epochs import BatchReport, EpochReport
from reference.fm_rows import random_rows


def listen(interval=5, clock=lambda: 0.0):
    told = []
    return told, TrainingListener(told.append, 3, binary=False, batch_interval=interval, clock=clock)


def test_the_first_batch_and_every_interval_are_told():
    told, listener = listen()
    for batch in (0, 3, 5, 9, 12):
        assert not listener.batch_measured(BatchReport(0, batch, {"rmse": 1.0}))
    assert [event.batch for event in told] == [0, 5, 12]
    listener.epoch_ended(EpochReport(0, 1.0, None, 10, 0.1, False, {"rmse": 1.0}))
    listener.batch_measured(BatchReport(1, 4, {}))
    listener.batch_measured(BatchReport(1, 5, {}))
    assert [event.epoch for event in told] == [0, 0, 0, 0, 1]


def test_silence_is_broken_after_two_seconds():
    now = [0.0]
    told, listener = listen(1000, lambda: now[0])
    for now[0] in (0.5, 1.9, 2.5, 3.0, 4.6):
        listener.batch_measured(BatchReport(0, 1, {}))
    assert len(told) == 2


def test_a_listener_may_stop_within_a_pass():
    rows = random_rows(3000, 30, row_length=3)

    def stop(event):
        told.append(event)
        if isinstance(event, BatchMeasured) and event.batch == 20:
            raise StopTraining

    told = []
    hyperparameters = {
        "num_factors": "3",
        "predictor_type": "regressor",
        "mini_batch_size": "50",
        "epochs": "9",
    }
    more = {"batch_metrics_publish_interval": "10"}
    model = FactorizationMachines(hyperparameters | more).fit({"train": lambda: iter([rows])}, report=stop)
    assert [type(event).__name__ for event in told] == ["BatchMeasured"] * 3 + ["TrainingEnded"]
    assert set(told[-1].metrics) == {"rmse", "mse", "absolute_loss"}
    assert np.isfinite(model.predict(rows)["score"]).all()
