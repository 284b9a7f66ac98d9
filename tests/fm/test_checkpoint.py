"""A training is written down after every epoch, and goes on from there to the same model bit for bit."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pairloom.errors import DataError, UserError
from pairloom.fm.settings import FMSettings
from pairloom.fm.training import FMTrainer
from pairloom.formats.tensor_file import open_tensors, write_tensors
from pairloom.rows import RowBatch
from reference.fm_rows import random_rows, ratings

SOLVERS = ["sgd", "adagrad", "ftrl", "adam"]
RATES = {"sgd": 0.05, "adagrad": 0.3, "ftrl": 0.5, "adam": 0.02}
EPOCHS = 5


def settings_for(solver="sgd", **changes):
    rate = RATES[solver]
    given = {
        "solver": solver, "n_factors": 3, "epochs": EPOCHS, "bias_rate": rate / 10, "linear_rate": rate,
        "factors_rate": rate, "factors_scale": 0.1, "batch_rows": 100, "random_state": 1, "schedule": "linear",
    }  # fmt: skip
    return FMSettings(**(given | changes))


def scaled(rows):
    values = np.where(rows.indices % 7 == 0, 50, 1).astype(np.float32)
    return RowBatch(rows.indptr, rows.indices, values, rows.n_features, rows.labels)


class Kept:
    """States by number of epochs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, step, write):
        (self.folder / str(step)).mkdir()
        write(self.folder / str(step))

    def __getitem__(self, step):
        return self.folder / str(step)


def bits(trainer):
    model = trainer.model()
    return model.bias, model.table.tobytes(), model.label_range


def losses(trainer):
    return [(report.train_loss, report.validation_loss, report.metrics) for report in trainer.history]


def check_resuming(settings, source, kept, *, at=(1, 3, EPOCHS), **more):
    undisturbed = FMTrainer(settings).fit(source, keep=kept, **more)
    for step in at:
        resumed = FMTrainer(settings).fit(source, resume=kept[step], **more)
        assert bits(resumed) == bits(undisturbed), f"after {step} epochs"
        assert losses(resumed) == losses(undisturbed)
        resumed.fit(source)  # training beyond the end goes the same way too
    return undisturbed


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", ["pairs", "general", "scaled"])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_kept_data(solver, kind, task, tmp_path):
    binary = task == "classification"
    rows = (
        ratings(5000, binary=binary)
        if kind == "pairs"
        else random_rows(2000, 60, row_length=4, binary=binary)
    )
    if kind == "scaled":
        rows = scaled(rows)
    check_resuming(settings_for(solver, task=task), lambda: [rows], Kept(tmp_path))


@pytest.mark.parametrize("solver", SOLVERS)
def test_streaming_data_that_grows_wider(solver, tmp_path):
    narrow, wide = (
        random_rows(20_000, 10, row_length=3, seed=1),
        random_rows(20_000, 90, row_length=3, seed=2),
    )
    settings = settings_for(solver, memory_limit_bytes=1, epochs=3, linear_rate=0.01, factors_rate=0.01)
    check_resuming(settings, lambda: [narrow, wide], Kept(tmp_path), at=(1, 2))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("row_length", [2, 4])
def test_deterministic_training_resumes_with_another_number_of_threads(solver, row_length, tmp_path):
    rows = ratings(9000) if row_length == 2 else random_rows(3000, 200, row_length=4, weights=True)
    kept = Kept(tmp_path)
    models = []
    for n_threads, resume in ((2, None), (1, 2), (4, 3)):
        settings = settings_for(solver, n_threads=n_threads, deterministic=True)
        where = None if resume is None else kept[resume]
        models.append(
            FMTrainer(settings).fit(lambda: [rows], resume=where, keep=kept if resume is None else None)
        )
    assert bits(models[0]) == bits(models[1]) == bits(models[2])


@pytest.mark.parametrize("solver", SOLVERS)
def test_early_stopping_keeps_the_best_epoch_from_before(solver, tmp_path):
    rows, held_out = ratings(400, noise=1.0), ratings(500, seed=1)
    rate = RATES[solver] * 2
    settings = settings_for(solver, n_factors=16, epochs=60, linear_rate=rate, factors_rate=rate, patience=3)
    kept = Kept(tmp_path)
    undisturbed = FMTrainer(settings).fit(lambda: [rows], validation=lambda: [held_out], keep=kept)
    last = len(undisturbed.history)
    best = max(i for i, report in enumerate(undisturbed.history) if report.is_best)
    assert best == last - 4
    for step in (best + 1, best + 2, last):
        resumed = FMTrainer(settings).fit(lambda: [rows], validation=lambda: [held_out], resume=kept[step])
        assert bits(resumed) == bits(undisturbed)
        assert losses(resumed) == losses(undisturbed)


def test_a_state_is_kept_before_its_epoch_is_told(tmp_path):
    rows, told = ratings(300), []
    kept = Kept(tmp_path)
    FMTrainer(settings_for()).fit(
        lambda: [rows],
        keep=lambda step, write: (told.append(("kept", step)), kept(step, write)),
        on_epoch=lambda report: told.append(("told", report.epoch)) and None,
    )
    assert told == [(word, epoch + (word == "kept")) for epoch in range(EPOCHS) for word in ("kept", "told")]


def test_more_epochs_may_be_asked_for(tmp_path):
    rows, kept = ratings(300), Kept(tmp_path)
    FMTrainer(settings_for(schedule="constant")).fit(lambda: [rows], keep=kept)
    longer = settings_for(schedule="constant", epochs=8)
    resumed = FMTrainer(longer).fit(lambda: [rows], resume=kept[EPOCHS])
    assert bits(resumed) == bits(FMTrainer(longer).fit(lambda: [rows]))


def test_a_state_of_something_else_is_refused(tmp_path):
    rows, kept = ratings(300), Kept(tmp_path)
    FMTrainer(settings_for()).fit(lambda: [rows], keep=kept)
    for solver, changes, what in (
        ("sgd", {"n_factors": 4}, "number of factors must be 4. Got 3"),
        ("adam", {}, "solver must be adam. Got sgd"),
        ("sgd", {"task": "classification"}, "task must be classification. Got regression"),
    ):
        with pytest.raises(UserError, match=what):
            FMTrainer(settings_for(solver, **changes)).fit(lambda: [rows], resume=kept[1])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A state with everything in it."""
    folder = tmp_path_factory.mktemp("states")
    rows = scaled(random_rows(400, 20, row_length=3))
    settings = settings_for("adam", patience=50)
    kept = Kept(folder)
    FMTrainer(settings).fit(lambda: [rows], validation=lambda: [rows], keep=kept)
    return kept[2]


@pytest.fixture
def resume(whole, tmp_path):
    """Try to go on from a copy that was changed."""
    folder = shutil.copytree(whole, tmp_path / "copy")
    rows = scaled(random_rows(400, 20, row_length=3))

    def go_on(change):
        change(folder)
        settings = settings_for("adam", patience=50)
        return FMTrainer(settings).fit(lambda: [rows], validation=lambda: [rows], resume=folder)

    return go_on


def edited(**changes):
    def change(folder):
        path = folder / "state.json"
        state = json.loads(path.read_bytes())
        path.write_text(json.dumps(state | changes))

    return change


RANDOM = {"state": "1", "inc": "1", "has_uint32": 0, "uinteger": 0}
BEST = {"loss": 1.0, "epoch": 0, "bias": 0.0, "parameters": "these"}


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"}, {"version": 2}, {"bias": 1e39}, {"bias": None}, {"bias": "0"}, {"bias_state": [0, -1, 3]},
        {"bias_state": [0, 0, -3]}, {"bias_state": [0, 0, 2**70]}, {"label_scale": [0, 0]}, {"label_scale": [0, -1]},
        {"label_range": [3, 1]}, {"rate": 0}, {"rate": 5}, {"n_features": -1}, {"n_features": 21},
        {"n_features": 2**40}, {"n_features": 10**30}, {"epoch": 0}, {"epoch": -4}, {"passes": -1},
        {"random": RANDOM | {"state": ""}}, {"random": RANDOM | {"inc": "2"}}, {"random": RANDOM | {"state": "f" * 33}},
        {"random": RANDOM | {"state": "0x1"}}, {"random": RANDOM | {"uinteger": 2**32}}, {"random": {}},
        {"best": BEST | {"epoch": 7}}, {"best": BEST | {"bias": 1e300}}, {"best": BEST | {"parameters": "own"}},
        {"best": BEST | {"parameters": "../x"}}, {"history": 3}, {"history": [{}]}, {"unknown": 1},
    ],
    ids=str,
)  # fmt: skip
def test_impossible_metadata_is_refused(resume, change):
    with pytest.raises(DataError, match=r"^checkpoint .*expected a state of training that is whole"):
        resume(edited(**change))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"bias": 1e999}'])
def test_metadata_that_is_none_is_refused(resume, content):
    with pytest.raises(DataError, match="whole"):
        resume(lambda folder: (folder / "state.json").write_bytes(content))


@pytest.mark.parametrize("name", ["state.json", "state.safetensors"])
def test_a_missing_file_is_refused(resume, name):
    with pytest.raises(DataError, match=name):
        resume(lambda folder: (folder / name).unlink())


def changed_arrays(change):
    def apply(folder):
        path = folder / "state.safetensors"
        arrays = {name: np.array(array) for name, array in open_tensors(path).items()}
        change(arrays)
        write_tensors(path, arrays)

    return apply


def put(name, index, value):
    def change(arrays):
        arrays[name][index] = value

    return changed_arrays(change)


@pytest.mark.parametrize(
    "change",
    [
        put("table", (3, 0), np.nan), put("table", (3, 0), np.inf), put("table", (3, 6), -1), put("table", (3, 11), -1),
        put("feature_scale", 0, 0), put("feature_scale", 0, np.nan), put("feature_scale", 0, np.inf),
        changed_arrays(lambda arrays: arrays.pop("table")),
        changed_arrays(lambda arrays: arrays.update(table=arrays["table"][:-1])),
        changed_arrays(lambda arrays: arrays.update(table=arrays["table"].astype(np.float64))),
        changed_arrays(lambda arrays: arrays.update(feature_scale=np.ones(21, np.float32))),
        changed_arrays(lambda arrays: arrays.update(feature_scale=np.ones((2, 2), np.float32))),
    ],
)  # fmt: skip
def test_impossible_arrays_are_refused(resume, change):
    with pytest.raises(DataError, match="whole"):
        resume(change)


def test_an_unchanged_state_is_taken(resume):
    assert len(resume(lambda folder: None).history) == EPOCHS


def test_a_state_cut_short_anywhere_is_refused(whole, tmp_path):
    rows = scaled(random_rows(400, 20, row_length=3))
    settings = settings_for("adam", patience=50)
    content = (whole / "state.safetensors").read_bytes()
    shutil.copy(whole / "state.json", tmp_path)
    for n_bytes in (0, 4, 8, 30, len(content) // 2, len(content) - 1):
        (tmp_path / "state.safetensors").write_bytes(content[:n_bytes])
        with pytest.raises(DataError, match="safetensors"):
            FMTrainer(settings).fit(lambda: [rows], resume=tmp_path)
