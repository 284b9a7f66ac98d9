"""Field-aware, field-weighted and higher-order machines: training, states, model files, exact terms, refusals."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pairloom.errors import DataError, DivergenceError, UserError
from pairloom.fm.importance import global_importance, nearest_features
from pairloom.fm.model_file import load_model, save_model
from pairloom.fm.onnx_export import export_onnx
from pairloom.fm.settings import FMSettings
from pairloom.fm.terms import score_terms
from pairloom.fm.training import FMTrainer
from pairloom.formats.tensor_file import open_tensors, write_tensors
from pairloom.rows import RowBatch
from reference.fielded_rows import crossed_rows
from reference.interactions_twin import InteractionTwin

KINDS = ("field-aware", "field-weighted", "order-3", "order-4")
WITH_FIELDS = KINDS[:2]
TRAIN, HELD_OUT = crossed_rows(), crossed_rows(600, seed=1)


def settings_for(kind, **changes):
    given = {
        "task": "classification", "solver": "adagrad", "interactions": kind, "n_factors": 4, "epochs": 5,
        "linear_rate": 0.1, "factors_rate": 0.2, "factors_scale": 0.2, "random_state": 1, "schedule": "linear",
    }  # fmt: skip
    return FMSettings(**(given | changes))


def trained(kind, rows=TRAIN, **changes):
    return FMTrainer(settings_for(kind, **changes)).fit(lambda: [rows])


def bits(trainer):
    model = trainer.model()
    pairs = model.interactions.pair_weights
    return model.bias, model.table.tobytes(), None if pairs is None else pairs.tobytes()


def twin_of(model) -> InteractionTwin:
    described = model.interactions
    return InteractionTwin(
        described.kind, model.bias, model.weights, model.blocks, described.pair_weights,
        normalize=described.normalize_rows,
    )  # fmt: skip


class Kept:
    """States by number of epochs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, step, write):
        (self.folder / str(step)).mkdir()
        write(self.folder / str(step))

    def __getitem__(self, step):
        return self.folder / str(step)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["adagrad", "sgd"])
@pytest.mark.parametrize("threads", [1, 2])
def test_combinations_are_learned(kind, solver, threads):
    rate = 0.3 if solver == "adagrad" else 0.15
    trainer = trained(kind, solver=solver, factors_rate=rate, linear_rate=rate, epochs=20, n_threads=threads)
    right = (trainer.model().predict(HELD_OUT) > 0.5) == HELD_OUT.labels
    assert right.mean() > 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_come_back_in_their_own_units(kind):
    rows = crossed_rows(binary=False)
    rows = rows.labelled(100 + 20 * rows.labels)
    valued = replace(rows, values=np.where(rows.indices < 5, 40, 1).astype(np.float32))
    model = trained(kind, valued, task="regression", epochs=20).model()
    assert np.sqrt(np.mean((model.predict(valued) - rows.labels) ** 2)) < 0.35 * rows.labels.std()
    twin = twin_of(model)
    scores = model.score(valued.part(0, 20))
    np.testing.assert_allclose(scores, [twin.score(valued, r) for r in range(20)], rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("normalize", [False, True])
def test_early_stopping_keeps_the_best_epoch(kind, normalize):
    noise = TRAIN.labelled(np.random.default_rng(0).integers(0, 2, TRAIN.n_rows).astype(np.float32))
    few = noise.part(0, 100)
    trainer = FMTrainer(settings_for(kind, epochs=30, patience=3, normalize_rows=normalize, factors_rate=0.5))
    held = noise.part(1000, 1400)
    trainer.fit(lambda: [few], validation=lambda: [held])
    losses = [report.validation_loss for report in trainer.history]
    assert len(losses) < 30
    p = np.clip(trainer.model().predict(held), 1e-7, 1 - 1e-7)
    measured = -np.mean(np.where(held.labels > 0.5, np.log(p), np.log1p(-p)))
    assert measured == pytest.approx(min(losses), rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("validated", [False, True])
def test_a_training_goes_on_from_a_state_bit_for_bit(kind, validated, tmp_path):
    more = {"validation": lambda: [HELD_OUT]} if validated else {}
    settings = settings_for(kind, patience=2 if validated else None)
    kept = Kept(tmp_path)
    undisturbed = FMTrainer(settings).fit(lambda: [TRAIN], keep=kept, **more)
    resumed = FMTrainer(settings).fit(lambda: [TRAIN], resume=kept[2], **more)
    assert bits(resumed) == bits(undisturbed)
    with pytest.raises(UserError, match="kind of interactions must be"):
        FMTrainer(settings_for(KINDS[KINDS.index(kind) - 1])).fit(lambda: [TRAIN], resume=kept[2])


@pytest.mark.parametrize("damage", ["column_fields", "pair_weights", "n_fields", "squares"])
def test_a_damaged_state_is_refused(damage, tmp_path):
    settings = settings_for("field-weighted", epochs=1)
    FMTrainer(settings).fit(lambda: [TRAIN], keep=Kept(tmp_path))
    arrays = {name: np.array(a) for name, a in open_tensors(tmp_path / "1" / "state.safetensors").items()}
    state = json.loads((tmp_path / "1" / "state.json").read_text())
    if damage == "n_fields":
        state["n_fields"] = 4
    elif damage == "squares":
        arrays["table"][2, 4] = 0
    else:
        arrays[damage][0] = 9 if damage == "column_fields" else np.nan
    write_tensors(tmp_path / "1" / "state.safetensors", arrays)
    (tmp_path / "1" / "state.json").write_text(json.dumps(state))
    with pytest.raises(DataError, match="state of training that is whole"):
        FMTrainer(settings).fit(lambda: [TRAIN], resume=tmp_path / "1")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("deterministic", [True, False])
def test_one_thread_and_deterministic_trainings_repeat(kind, deterministic):
    threads = 2 if deterministic else 1
    first, second = (trained(kind, n_threads=threads, deterministic=deterministic) for _ in range(2))
    assert bits(first) == bits(second) == bits(trained(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_data_beyond_the_memory_limit_streams(kind):
    batches = [TRAIN.part(start, start + 500) for start in range(0, 3000, 500)]
    trainer = FMTrainer(settings_for(kind, memory_limit_bytes=1000, epochs=12, factors_rate=0.3))
    trainer.fit(lambda: batches)
    assert ((trainer.model().predict(HELD_OUT) > 0.5) == HELD_OUT.labels).mean() > 0.95


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["model", "model.tar.gz"])
def test_a_model_comes_back_bit_for_bit(kind, name, tmp_path):
    model = trained(kind, normalize_rows=True).model()
    save_model(model, tmp_path / name)
    loaded, _ = load_model(tmp_path / name)
    assert loaded.table.tobytes() == model.table.tobytes()
    assert (loaded.interactions.kind, loaded.interactions.n_fields) == (kind, model.interactions.n_fields)
    assert loaded.interactions.normalize_rows
    np.testing.assert_array_equal(loaded.predict(HELD_OUT), model.predict(HELD_OUT))
    np.testing.assert_array_equal(
        loaded.predict(replace(HELD_OUT, fields=None)), model.predict(HELD_OUT)
    )  # columns know their fields


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "order-9"), ("n_fields", 0), ("n_fields", 4), ("n_fields", 10**9), ("normalize_rows", 3),
        ("pair_weights", None), ("column_fields", None),
    ],
)  # fmt: skip
def test_a_damaged_model_is_refused(name, value, tmp_path):
    save_model(trained("field-weighted", epochs=1).model(), tmp_path)
    said = json.loads((tmp_path / "model.json").read_text())
    if value is not None:
        said["interactions"][name] = value
        (tmp_path / "model.json").write_text(json.dumps(said))
    else:
        arrays = {key: np.array(array) for key, array in open_tensors(tmp_path / "model.safetensors").items()}
        arrays[name] = arrays[name] + np.arange(arrays[name].size).reshape(arrays[name].shape).astype(
            arrays[name].dtype
        )
        write_tensors(tmp_path / "model.safetensors", arrays)
    with pytest.raises(DataError):
        load_model(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("normalize", [False, True])
def test_terms_add_up_to_the_score(kind, normalize):
    model = trained(kind, normalize_rows=normalize, epochs=2).model()
    rng = np.random.default_rng(2)
    row = RowBatch(
        np.array([0, 6]), np.array([3, 1, 14, 3, 8, 99], np.int32), rng.normal(size=6).astype(np.float32), 100,
        fields=np.array([0, 2, 1, 0, 1, 0], np.int32),
    )  # fmt: skip
    terms = score_terms(model, row)
    assert terms.score == pytest.approx(float(model.score(row)[0]), abs=1e-5)
    assert sorted(terms.features.tolist()) == [1, 3, 8, 14]
    assert len(terms.pairs) == 6
    assert {order: len(values) for order, (_, values) in terms.higher.items()} == (
        {} if kind in WITH_FIELDS else {3: 4} if kind == "order-3" else {3: 4, 4: 1}
    )


def test_terms_of_so_many_features_are_refused():
    model = trained("order-4", epochs=1).model()
    wide = RowBatch(np.array([0, 120]), np.arange(120, dtype=np.int32), None, 120)
    model = replace(model, table=np.ascontiguousarray(np.tile(model.table, (8, 1))))
    with pytest.raises(UserError, match="at most 1,048,576 interactions"):
        score_terms(model, wide)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_stay_finite_where_float32_does_not(kind):
    model = trained(kind, epochs=1).model()
    rows = replace(HELD_OUT.part(0, 3), values=np.full(9, 3e38, np.float32))
    assert np.isfinite(model.score(rows)).all()


@pytest.mark.parametrize("kind", WITH_FIELDS)
def test_a_column_in_several_fields_keeps_them_apart(kind):
    fields = np.where(np.arange(TRAIN.n_rows * 3) % 7 == 0, 2, TRAIN.fields).astype(np.int32)
    model = trained(kind, replace(TRAIN, fields=fields)).model()
    assert np.isfinite(model.predict(replace(TRAIN, fields=fields))).all()
    with pytest.raises(DataError, match="trained in several fields"):
        model.predict(replace(TRAIN, fields=None))


@pytest.mark.parametrize("kind", WITH_FIELDS)
def test_values_repeat_only_within_a_field(kind):
    model = trained(kind).model()
    twice = RowBatch(
        np.array([0, 4]), np.array([1, 7, 1, 1], np.int32), np.array([0.5, 1, 0.25, 2], np.float32), 15,
        fields=np.array([0, 1, 0, 2], np.int32),
    )  # fmt: skip
    once = RowBatch(
        np.array([0, 3]), np.array([1, 7, 1], np.int32), np.array([0.75, 1, 2], np.float32), 15,
        fields=np.array([0, 1, 2], np.int32),
    )  # fmt: skip
    np.testing.assert_allclose(model.score(twice), model.score(once), rtol=1e-5)
    assert model.score(once)[0] == pytest.approx(twin_of(model).score(once, 0), abs=1e-5)
    trained(kind, twice.labelled(np.ones(1, np.float32)))


def test_columns_without_fields_that_no_row_had_add_nothing():
    kept = TRAIN.indices.reshape(-1, 3)
    without = np.flatnonzero((kept != 3).all(axis=1))
    rows = RowBatch(
        np.arange(0, 3 * len(without) + 1, 3, dtype=np.int64), kept[without].ravel(), None, 15,
        TRAIN.labels[without], fields=np.tile(np.arange(3, dtype=np.int32), len(without)),
    )  # fmt: skip
    model = trained("field-aware", rows).model()
    strange = RowBatch(np.array([0, 2, 3]), np.array([3, 7, 7], np.int32), None, 15)
    scores = model.score(strange)
    assert scores[0] == scores[1]


@pytest.mark.parametrize("kind", WITH_FIELDS)
def test_fields_that_cannot_be_are_refused(kind):
    model = trained(kind, epochs=1).model()
    wrong = TRAIN.fields.copy()
    wrong[7] = 3
    with pytest.raises(DataError, match=r"row 3.*a field in \[0, 2\].*Got 3"):
        model.predict(replace(TRAIN, fields=wrong))
    for bad in (-1, 10**6):
        wrong[7] = bad
        with pytest.raises(DataError, match=rf"row 3.*a field in \[0, 65535\].*Got {bad}"):
            trained(kind, replace(TRAIN, fields=wrong))
    with pytest.raises(DataError, match="rows with the field of every value"):
        trained(kind, replace(TRAIN, fields=None))
    with pytest.raises(DataError, match="as many fields as values"):
        trained(kind, replace(TRAIN, fields=TRAIN.fields[:-1]))
    with pytest.raises(DataError, match="field"):
        FMTrainer(settings_for(kind)).fit(lambda: [TRAIN.part(0, 9), replace(TRAIN, fields=None)])


@pytest.mark.parametrize("kind", KINDS)
def test_bad_numbers_are_refused(kind):
    values = np.ones(len(TRAIN.indices), np.float32)
    values[4] = np.nan
    with pytest.raises(DataError, match="finite value"):
        trained(kind, replace(TRAIN, values=values))
    with pytest.raises(DataError, match="finite value"):
        trained(kind, epochs=1).model().predict(replace(TRAIN, values=values))
    with pytest.raises(DataError, match="a label of 0 or 1"):
        trained(kind, TRAIN.labelled(TRAIN.labels * 2))
    numbers = crossed_rows(binary=False)
    with pytest.raises(DivergenceError, match="diverged"):
        trained(kind, numbers, task="regression", solver="sgd", factors_rate=50.0, epochs=30)


def test_what_other_interactions_cannot_do_is_said(tmp_path):
    model = trained("field-aware", epochs=1).model()
    with pytest.raises(UserError, match="ONNX export: must be given a machine of plain pairs"):
        export_onnx(model, tmp_path / "model.onnx")
    with pytest.raises(UserError, match="global_importance: must be given a machine of plain pairs"):
        global_importance(trained("order-3", epochs=1).model(), [TRAIN])
    assert len(nearest_features(model, 0, n=3)) == 3
    with pytest.raises(UserError, match="'solver' must be 'adagrad' or 'sgd'"):
        settings_for("order-3", solver="adam")
    with pytest.raises(UserError, match="'normalize_rows' needs other interactions"):
        FMSettings(normalize_rows=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_trainer_that_was_pickled_goes_on(kind):
    trainer = trained(kind, epochs=2)
    copy = pickle.loads(pickle.dumps(trainer))
    trainer.fit(lambda: [TRAIN])
    copy.fit(lambda: [TRAIN])
    assert bits(copy) == bits(trainer)


@pytest.mark.parametrize("kind", WITH_FIELDS)
def test_importance_sums_the_terms_of_rows(kind):
    model, rows = trained(kind).model(), HELD_OUT.part(0, 50)
    found = global_importance(model, [rows.part(0, 30), rows.part(30, 50)])
    assert found.field_names == ["field 0", "field 1", "field 2"]
    terms = [score_terms(model, rows, row) for row in range(50)]
    of_pair = []
    for term in terms:
        fields = term.features[term.pairs] // 5
        of_pair.append(term.interactions[(fields == [0, 1]).all(axis=1)].sum())
    pair = next(term for term in found.terms() if term.name == "field 0 x field 1")
    assert pair.strength == pytest.approx(np.std(of_pair), rel=1e-6)
    assert pair.mean == pytest.approx(np.mean(of_pair), rel=1e-6)
