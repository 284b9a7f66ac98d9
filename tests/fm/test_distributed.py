"""Several hosts train one machine: close to one host's, the same on each and in every run."""

import threading

import numpy as np
import pytest
from test_accuracy import ratings_of

from local_processes import run_hosts
from pairloom.algorithms.factorization_machines import FactorizationMachines
from pairloom.algorithms.report import BatchMeasured, EpochEnded, StopTraining, silent
from pairloom.collective import ALONE
from pairloom.errors import DataError, DivergenceError, UserError
from pairloom.rows import RowBatch
from pairloom.synthetic import ClickModel, planted_ratings
from pairloom.testing.thread_hosts import run_hosts_in_threads
from reference.fm_rows import rmse

RATINGS = planted_ratings(120, 80, 5000, n_factors=2, noise=0.3, stars=False).rows()
TRAIN, TEST = RATINGS.part(0, 4000), RATINGS.part(4000, 5000)
QUICK = {"num_factors": "4", "predictor_type": "regressor", "epochs": "6", "pairloom_exchanges": "8"}
SAGEMAKER = {
    "num_factors": "64", "predictor_type": "regressor", "epochs": "2", "bias_lr": "0.002", "linear_lr": "0.01",
    "factors_lr": "0.01", "linear_wd": "0.0003", "factors_wd": "0.0003",
}  # fmt: skip
SGD = {"num_factors": "16", "predictor_type": "regressor", "epochs": "6", "pairloom_solver": "sgd"}


def taken(rows, order):
    """Rows of two ones in another order."""
    pairs = rows.indices.reshape(-1, 2)[order]
    indptr = np.arange(0, 2 * len(order) + 1, 2, dtype=np.int64)
    return RowBatch(indptr, pairs.ravel(), None, rows.n_features, rows.labels[order])


def dealt(rows, n_hosts):
    order = np.random.default_rng(1).permutation(rows.n_rows)
    return [taken(rows, part) for part in np.array_split(order, n_hosts)]


def fit(collective, hyperparameters, shards, report=silent, **channels):
    source = shards[collective.rank]
    channels = {"train": source if callable(source) else lambda: iter([source]), **channels}
    return FactorizationMachines(hyperparameters).fit(channels, collective=collective, report=report)


def table_of(model):
    return np.concatenate([model.machine.table.ravel(), [model.machine.bias]])


def train_host(collective, hyperparameters, shards):
    return table_of(fit(collective, hyperparameters, shards)), fit(
        collective, hyperparameters, shards
    ).machine


@pytest.fixture(scope="module")
def split(data_folder):
    return tuple(
        ratings_of(next((data_folder / "movielens-100k").rglob(f"{name}*")))
        for name in ("ua.base", "ua.test")
    )


def machine_of_process(collective, hyperparameters, shards):
    return fit(collective, hyperparameters, shards).machine


@pytest.mark.parametrize("hyperparameters", [SAGEMAKER, SGD], ids=["sagemaker", "sgd"])
def test_films_are_rated_as_well_by_one_two_and_four_processes(split, hyperparameters):
    train, test = split
    alone = rmse(fit(ALONE, hyperparameters, [train]).machine.predict(test), test)
    for n_hosts in (2, 4):
        machines = run_hosts(n_hosts, machine_of_process, hyperparameters, dealt(train, n_hosts))
        assert all((m.table == machines[0].table).all() and m.bias == machines[0].bias for m in machines)
        assert abs(rmse(machines[0].predict(test), test) - alone) <= 0.003


@pytest.mark.parametrize("solver", ["sgd", "adagrad", "adam", "ftrl"])
def test_hosts_give_one_model_twice_and_no_worse(solver):
    asked = {**QUICK, "pairloom_solver": solver, "mini_batch_size": "100", "epochs": "15", "linear_lr": "0.05",
             "factors_lr": "0.05", "factors_init_sigma": "0.1", "factors_wd": "0.01"}  # fmt: skip
    alone = rmse(fit(ALONE, asked, [TRAIN]).machine.predict(TEST), TEST)
    tables = []
    for _ in range(2):
        models = run_hosts_in_threads(3, lambda c: fit(c, asked, dealt(TRAIN, 3)))
        tables += [table_of(model) for model in models]
    assert all((table == tables[0]).all() for table in tables)
    assert rmse(models[0].machine.predict(TEST), TEST) <= alone * 1.03


@pytest.mark.parametrize("solver", ["ftrl", "adagrad", "adam"])
def test_clicks_are_predicted_as_well_by_several_hosts(solver):
    drawn = ClickModel(n_fields=4, ids_per_field=8, n_factors=2)
    train, test = drawn.sample(3000, 1).rows, drawn.sample(1000, 2).rows
    asked = {**QUICK, "predictor_type": "binary_classifier", "pairloom_solver": solver, "epochs": "8",
             "mini_batch_size": "50", "linear_lr": "0.05", "factors_lr": "0.05",
             "factors_init_sigma": "0.1"}  # fmt: skip

    def log_loss(model):
        p = model.predict(test)["score"].astype(float)
        return -np.log(np.where(test.labels == 1, p, 1 - p)).mean()

    shards = [train.part(0, 1200), train.part(1200, 3000)]
    models = run_hosts_in_threads(2, lambda c: fit(c, asked, shards))
    assert (table_of(models[0]) == table_of(models[1])).all()
    assert log_loss(models[0]) <= log_loss(fit(ALONE, asked, [train])) * 1.01


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_uneven_shards_do_not_deadlock(solver):
    """Ten rows here, thousands there, more features than the other host ever saw, and a host that streams."""
    asked = {**QUICK, "pairloom_solver": solver, "epochs": "2"}
    wide = RowBatch(np.array([0, 2]), np.array([3, 500], np.int32), None, 501, np.array([3], np.float32))
    shards = [TRAIN.part(0, 10), lambda: iter([TRAIN.part(10, 4000)]), wide]
    models = run_hosts_in_threads(3, lambda c: fit(c, asked, shards))
    assert {model.machine.n_features for model in models} == {501}
    assert all((table_of(model) == table_of(models[0])).all() for model in models)


@pytest.mark.parametrize("solver", ["adam", "adagrad"])
def test_hosts_that_stream_train_with_hosts_that_do_not(solver, monkeypatch):
    """Data beyond the memory limit on one host; features beyond those of the first pass on it too."""
    monkeypatch.setattr("pairloom.fm.chunks.SMALLEST_CHUNK_ROWS", 256)
    monkeypatch.setattr("pairloom.fm.chunks.CHUNK_NONZEROS", 512)
    monkeypatch.setattr("pairloom.fm.distributed.STREAMED_PART_ROWS", 128)
    long = planted_ratings(300, 200, 60_000, n_factors=2).rows()
    asked = {**QUICK, "pairloom_solver": solver, "epochs": "2", "pairloom_memory_limit_mb": "1",
             "mini_batch_size": "2000"}  # fmt: skip
    monkeypatch.setattr("pairloom.fm.distributed.LARGEST_BLOCK", 64)
    shards = [TRAIN, lambda: iter([long])]
    events = {0: [], 1: []}
    models = run_hosts_in_threads(2, lambda c: fit(c, asked, shards, events[c.rank].append))
    assert (table_of(models[0]) == table_of(models[1])).all()
    ended = [e for e in events[0] if isinstance(e, EpochEnded)]
    assert [e.n_rows for e in ended] == [64_000] * 2


def test_metrics_are_of_all_hosts():
    """What one host reports is what every other does, and counts the rows of all; the test channel may be cut too."""
    shards, tests = dealt(TRAIN, 2), dealt(TEST, 2)
    events = {0: [], 1: []}

    def work(collective):
        rank = collective.rank
        channels = {name: lambda: iter([tests[rank]]) for name in ("test", "validation")}
        return fit(collective, QUICK, shards, events[rank].append, **channels)

    model = run_hosts_in_threads(2, work)[0]
    told = [[(type(e), {**e.metrics}, getattr(e, "validation", {})) for e in events[rank]] for rank in (0, 1)]
    assert told[0] == told[1]
    assert events[0][-1].metrics["rmse"] == pytest.approx(rmse(model.machine.predict(TEST), TEST), rel=1e-6)
    ended = [e for e in events[0] if isinstance(e, EpochEnded)]
    assert [e.n_rows for e in ended] == [4000] * 6
    assert ended[-1].validation["rmse"] == pytest.approx(events[0][-1].metrics["rmse"], rel=1e-5)


def test_all_stop_early_together():
    asked = {**QUICK, "epochs": "40", "pairloom_solver": "adagrad", "linear_lr": "2", "factors_lr": "2",
             "pairloom_early_stopping_patience": "2", "factors_wd": "0"}  # fmt: skip
    shards, counts = dealt(TRAIN.part(0, 600), 2), [0, 0]

    def work(collective):
        def count(event):
            counts[collective.rank] += isinstance(event, EpochEnded)

        return fit(collective, asked, shards, count, validation=lambda: iter([TEST]))

    models = run_hosts_in_threads(2, work)
    assert counts[0] == counts[1] < 40
    assert (table_of(models[0]) == table_of(models[1])).all()


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_stop_on_one_host_stops_all_in_the_same_epoch(solver):
    asked = {**QUICK, "epochs": "9", "pairloom_solver": solver}
    shards, counts = dealt(TRAIN, 2), [0, 0]

    def work(collective):
        def stop(event):
            if isinstance(event, EpochEnded):
                counts[collective.rank] += 1
                if collective.rank == 1 and event.epoch == 2:
                    raise StopTraining

        return fit(collective, asked, shards, stop)

    models = run_hosts_in_threads(2, work)
    assert counts == [3, 3]
    assert (table_of(models[0]) == table_of(models[1])).all()


def test_a_stop_within_an_epoch_stops_all():
    asked = {**QUICK, "epochs": "9", "mini_batch_size": "50"}
    seen = [0, 0]

    def work(collective):
        def stop(event):
            seen[collective.rank] += isinstance(event, EpochEnded)
            if collective.rank == 1 and isinstance(event, BatchMeasured):
                raise StopTraining

        return fit(collective, asked, dealt(TRAIN, 2), stop)

    models = run_hosts_in_threads(2, work)
    assert (table_of(models[0]) == table_of(models[1])).all()
    assert seen == [0, 0]


def test_a_bad_row_on_one_host_fails_all_with_its_message():
    bad = taken(TRAIN, np.arange(100))
    bad.labels[41] = np.nan
    shards = [TRAIN, bad, TRAIN]
    first, second, third = run_hosts_in_threads(3, lambda c: fit(c, QUICK, shards))
    assert isinstance(second, DataError)
    assert "Channel 'train', row 42" in str(second)
    for error in (first, third):
        assert isinstance(error, UserError)
        assert str(error) == f"{second} This happened on host 'algo-2'."


def test_a_host_without_rows_fails_all_and_says_so():
    errors = run_hosts_in_threads(2, lambda c: fit(c, QUICK, [TRAIN, TRAIN.part(0, 0)]))
    assert all("Channel 'train': expected at least one row" in str(error) for error in errors)


@pytest.mark.parametrize("solver", ["adam", "sgd", "ftrl"])
def test_a_training_that_diverges_is_an_error_on_all(solver):
    asked = {**QUICK, "pairloom_solver": solver, "linear_lr": "1e30", "factors_lr": "1e30", "bias_lr": "1e30"}
    if solver == "ftrl":
        asked |= {"clip_gradient": "-1"}
    answers = run_hosts_in_threads(2, lambda c: fit(c, asked, dealt(TRAIN, 2)))
    assert all(isinstance(answer, UserError) for answer in answers)
    assert any(isinstance(answer, DivergenceError) for answer in answers)


class KeptStates:
    """Checkpoints of one host."""

    def __init__(self, folder):
        self.folder, self.step = folder, 0

    def latest(self):
        return self.folder / str(self.step) if self.step else None

    def save(self, step, write):
        (self.folder / str(step)).mkdir(parents=True)
        write(self.folder / str(step))
        self.step = step


class Killed(BaseException):
    pass


@pytest.mark.parametrize("solver", ["adam", "ftrl"])
def test_hosts_that_were_killed_go_on_to_the_same_model(solver, tmp_path):
    asked, shards = {**QUICK, "pairloom_solver": solver}, dealt(TRAIN, 2)
    states = [KeptStates(tmp_path / str(rank)) for rank in range(2)]
    both_kept_it = threading.Barrier(2, timeout=60)

    def work(collective, kill_at=None):
        def kill(event):
            if isinstance(event, EpochEnded) and event.epoch == kill_at:
                both_kept_it.wait()  # or the loss of one ends the other before it keeps its state
                raise Killed

        rank = collective.rank
        return FactorizationMachines(asked).fit(
            {"train": lambda: iter([shards[rank]])},
            collective=collective,
            report=kill,
            checkpoints=states[rank],
        )

    undisturbed = run_hosts_in_threads(2, lambda c: fit(c, asked, shards))
    assert all(isinstance(error, BaseException) for error in run_hosts_in_threads(2, lambda c: work(c, 2)))
    assert [state.step for state in states] == [3, 3]
    for model in run_hosts_in_threads(2, work):
        np.testing.assert_array_equal(table_of(model), table_of(undisturbed[0]))
