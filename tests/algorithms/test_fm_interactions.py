"""Jobs with field-aware, field-weighted and higher-order interactions."""

import io

import numpy as np
import pytest

from pairloom.algorithms.factorization_machines.algorithm import FactorizationMachines
from pairloom.algorithms.report import EpochEnded, StopTraining
from pairloom.collective import Collective
from pairloom.encoding import FeatureEncoder
from pairloom.encoding.encoded_rows import EncodedRows
from pairloom.errors import DataError, UserError
from pairloom.formats import libffm, read_tables
from reference.fielded_rows import crossed_rows

KINDS = ("field-aware", "field-weighted", "order-3", "order-4")
TRAIN, TEST = crossed_rows(), crossed_rows(500, seed=1)


class Kept:
    """Keeps every state, as a folder of a path."""

    def __init__(self, folder):
        self.folder, self.newest = folder, None

    def latest(self):
        return self.newest

    def save(self, step, write):
        self.newest = self.folder / f"{step}"
        self.newest.mkdir()
        write(self.newest)


def job(kind="field-aware", **more):
    asked = {
        "num_factors": "4", "predictor_type": "binary_classifier", "epochs": "20", "pairloom_interactions": kind,
        "factors_lr": "0.2", "linear_lr": "0.1", "factors_init_sigma": "0.2",
    }  # fmt: skip
    return FactorizationMachines({**asked, **{name: str(value) for name, value in more.items()}})


def text_of(rows):
    stream = io.BytesIO()
    libffm.write_rows([rows], stream, source="rows")
    return stream.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_on_libffm_text_learns_stops_early_and_comes_back(kind, tmp_path):
    text, events = text_of(TRAIN), []
    channels = {
        "train": lambda: libffm.read_rows(io.BytesIO(text), source="train"),
        "validation": lambda: iter([TEST]),
        "test": lambda: iter([TEST]),
    }
    model = job(kind, pairloom_early_stopping_patience=4, epochs=60).fit(channels, report=events.append)
    assert any(isinstance(event, EpochEnded) and event.validation for event in events)
    answers = model.predict(TEST)
    assert (answers["predicted_label"] == TEST.labels).mean() > 0.95
    model.save(tmp_path)
    loaded = type(model).load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(TEST)["score"], answers["score"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_job_goes_on_to_the_same_model(kind, tmp_path):
    def stop(event):
        if isinstance(event, EpochEnded) and event.epoch == 2:
            raise StopTraining

    channels = {"train": lambda: iter([TRAIN])}
    whole = job(kind, epochs=5).fit(channels)
    kept = Kept(tmp_path)
    job(kind, epochs=5).fit(channels, report=stop, checkpoints=kept)
    resumed = job(kind, epochs=5).fit(channels, checkpoints=kept)
    np.testing.assert_array_equal(resumed.predict(TEST)["score"], whole.predict(TEST)["score"])


def test_adagrad_is_the_solver_unless_another_is_asked_for():
    assert job().hyperparameters.solver == "adagrad"
    assert job(pairloom_solver="sgd").hyperparameters.solver == "sgd"
    assert (
        FactorizationMachines({"num_factors": "2", "predictor_type": "regressor"}).hyperparameters.solver
        == "adam"
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"pairloom_solver": "adam"}, "'pairloom_solver' must be 'adagrad' or 'sgd'"),
        ({"pairloom_solver": "mcmc"}, "'pairloom_solver' must be 'adagrad' or 'sgd'"),
        ({"kind": "pairwise", "pairloom_normalize_rows": "true"}, "'pairloom_normalize_rows' must be false"),
        ({"kind": "fields"}, "'pairloom_interactions' must be"),
    ],
)
def test_what_does_not_go_together_is_refused(more, message):
    with pytest.raises(UserError, match=message):
        job(**more)


def test_rows_without_fields_are_refused_with_what_to_do():
    with pytest.raises(DataError, match=r"rows with the field of every value.*Give text/libffm"):
        job().fit(
            {"train": lambda: iter([TRAIN.__class__(TRAIN.indptr, TRAIN.indices, None, 15, TRAIN.labels)])}
        )


class TwoHosts(Collective):
    """Of which this is one."""

    rank, size = 0, 2


def test_several_hosts_are_refused():
    with pytest.raises(UserError, match=r"train on one host\. Got 2"):
        job().fit({"train": lambda: iter([TRAIN])}, collective=TwoHosts())


def test_raw_columns_are_fields(tmp_path):
    table = tmp_path / "clicks.csv"
    ids = TRAIN.indices.reshape(-1, 3)
    lines = [f"{a},{b},{c},{y:g}" for (a, b, c), y in zip(ids.tolist(), TRAIN.labels, strict=True)]
    table.write_text("\n".join(["a,b,c,clicked", *lines]) + "\n")

    def tables(**reading):
        return read_tables(table, **reading)

    encoder = FeatureEncoder(["a", "b", "c"])
    encoder.fit(tables(**encoder.reading()))
    rows = EncodedRows(tables, encoder, "clicked", training=True)
    model = job().fit({"train": rows})
    assert model.machine.interactions.n_fields == 3
    answers = model.predict(next(EncodedRows(tables, encoder)()))
    assert (answers["predicted_label"] == TRAIN.labels[: len(answers["score"])]).mean() > 0.95
