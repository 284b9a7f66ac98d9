"""The trainer: what it learns, what it refuses, and that it gives the same whatever the threads."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from pairloom.errors import DataError, DivergenceError, UserError
from pairloom.fm.model_file import load_model, save_model
from pairloom.fm.settings import FMSettings
from pairloom.fm.training import FMTrainer
from pairloom.rows import RowBatch
from reference.fm_rows import random_rows, ratings, rmse

SOLVERS = ["sgd", "adagrad", "ftrl", "adam"]
RATES = {"sgd": 0.05, "adagrad": 0.3, "ftrl": 0.5, "adam": 0.02}


def settings_for(solver: str = "sgd", **changes) -> FMSettings:
    rate = RATES[solver]
    given = {
        "solver": solver, "n_factors": 4, "epochs": 30, "bias_rate": rate / 10, "linear_rate": rate,
        "factors_rate": rate, "factors_scale": 0.1, "batch_rows": 100, "random_state": 1,
    }  # fmt: skip
    return FMSettings(**(given | changes))


def train(rows: RowBatch, settings: FMSettings, **more) -> FMTrainer:
    return FMTrainer(settings).fit(lambda: [rows], **more)


def bits(model) -> tuple:
    return model.bias, model.table.tobytes()


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_finds_planted_ratings(solver):
    rows, held_out = ratings(), ratings(1000, seed=1)
    trainer = train(rows, settings_for(solver))
    error = rmse(trainer.model().predict(held_out), held_out)
    assert error < 0.5  # the labels deviate by about 1.2; the noise is 0.3
    assert trainer.history[-1].train_loss < trainer.history[0].train_loss
    assert [report.n_rows for report in trainer.history] == [4000] * 30


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_finds_planted_likes(solver):
    rows, held_out = ratings(binary=True), ratings(1000, binary=True, seed=1)
    model = train(rows, settings_for(solver, task="classification")).model()
    chances = model.predict(held_out)
    assert ((chances > 0.5) == held_out.labels).mean() > 0.85
    assert chances.min() >= 0
    assert chances.max() <= 1


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("values", [False, True])
def test_a_rate_far_too_high_names_the_epoch_and_what_to_lower(solver, values):
    rows = random_rows(3000, 30, row_length=3, values=values)
    if values:
        rows.values[:] *= 3
    settings = settings_for(solver, bias_rate=1e8, linear_rate=1e8, factors_rate=1e8)
    trainer = FMTrainer(settings)
    if solver in ("sgd", "adam"):
        with pytest.raises(DivergenceError, match=r"diverged in epoch \d+.* Lower 'learning_rate'"):
            trainer.fit(lambda: [rows])
        return
    with suppress(DivergenceError):  # steps that shrink by themselves may come back
        trainer.fit(lambda: [rows])
        assert np.isfinite(trainer.model().score(rows)).all()


def test_the_epoch_of_a_divergence_is_counted_from_one():
    with pytest.raises(DivergenceError, match="in epoch 1:"):
        train(ratings(), settings_for(bias_rate=1e6, linear_rate=1e6, factors_rate=1e6))


def test_early_stopping_keeps_the_best_epoch():
    rows, held_out = ratings(400, noise=1.0), ratings(1000, seed=1)
    settings = settings_for(n_factors=16, epochs=60, linear_rate=0.1, factors_rate=0.1, patience=3)
    trainer = train(rows, settings, validation=lambda: [held_out])
    losses = [report.validation_loss for report in trainer.history]
    best = int(np.argmin(losses))
    assert len(losses) < 60
    assert len(losses) - 1 - best >= 3
    assert rmse(trainer.model().predict(held_out), held_out) ** 2 == pytest.approx(losses[best], rel=1e-4)
    assert trainer.history[best].is_best


def test_a_true_answer_of_the_callback_ends_training():
    seen = []
    trainer = train(ratings(500), settings_for(), on_epoch=lambda r: seen.append(r.epoch) or r.epoch == 2)
    assert seen == [0, 1, 2]
    assert len(trainer.history) == 3


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("row_length", [2, 3])
def test_rows_of_weight_zero_teach_nothing(solver, row_length):
    rows = random_rows(300, 30, row_length=row_length, values=row_length == 3)
    settings = settings_for(solver, epochs=2, shuffle=False)
    weights = np.ones(300, np.float32)
    weights[0] = weights[150:] = 0
    touched = RowBatch(rows.indptr, rows.indices, rows.values, 30, rows.labels, weights)
    others = np.where(weights > 0, rows.labels, 0.5).astype(np.float32)
    others[0] = rows.labels.min()
    wild = RowBatch(rows.indptr, rows.indices, rows.values, 30, others, weights)
    assert bits(train(touched, settings).model()) == bits(train(wild, settings).model())


@pytest.mark.parametrize("solver", SOLVERS)
def test_labels_that_are_all_equal_are_predicted(solver):
    rows = random_rows(200, 20, row_length=1, values=False)
    constant = RowBatch(rows.indptr, rows.indices, None, 20, np.full(200, 7.25, np.float32))
    np.testing.assert_allclose(
        train(constant, settings_for(solver)).model().predict(constant), 7.25, atol=0.05
    )


@pytest.mark.parametrize("solver", SOLVERS)
def test_rows_without_features_learn_the_bias(solver):
    empty = RowBatch(np.zeros(101, np.int64), np.empty(0, np.int32), None, 3, np.full(100, 2.5, np.float32))
    model = train(empty, settings_for(solver, epochs=2)).model()
    np.testing.assert_allclose(model.predict(empty), 2.5, atol=1e-3)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_classifiers_bias_begins_at_the_log_odds(solver):
    rng = np.random.default_rng(0)
    empty = RowBatch(
        np.zeros(2001, np.int64), np.empty(0, np.int32), None, 1, (rng.random(2000) < 0.02).astype(np.float32)
    )
    settings = settings_for(solver, task="classification", epochs=1, bias_rate=1e-4)
    share = empty.labels.mean()
    assert train(empty, settings).model().predict(empty)[0] == pytest.approx(share, rel=0.3)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("values", [False, True])
def test_data_read_again_in_every_epoch_trains_as_well(solver, values):
    rows, held_out = ratings(20_000), ratings(1000, seed=1)
    if values:
        ones = np.ones(len(rows.indices), np.float32)
        ones[::7] = 1.001
        rows = RowBatch(rows.indptr, rows.indices, ones, rows.n_features, rows.labels)
    opened = []

    def source():
        opened.append(1)
        return (rows.part(start, start + 1000) for start in range(0, 20_000, 1000))

    n_threads = 1 if solver == "adam" else 2
    settings = settings_for(solver, epochs=6, n_threads=n_threads)
    kept = FMTrainer(settings).fit(source).model()
    n_kept = len(opened)
    streamed = (
        FMTrainer(settings_for(solver, epochs=6, n_threads=n_threads, memory_limit_bytes=1))
        .fit(source)
        .model()
    )
    assert n_kept == 1
    assert len(opened) - n_kept == 7  # one to measure, six to train
    errors = [rmse(model.predict(held_out), held_out) for model in (kept, streamed)]
    assert abs(errors[0] - errors[1]) < 0.05
    assert max(errors) < 0.6


def test_a_stream_whose_later_rows_are_wider_grows_the_model():
    narrow, wide = (
        random_rows(20_000, 10, row_length=3, seed=1),
        random_rows(20_000, 400, row_length=3, seed=2),
    )
    settings = settings_for(memory_limit_bytes=1, epochs=2, linear_rate=0.01, factors_rate=0.01)
    trainer = FMTrainer(settings).fit(lambda: [narrow, wide])
    assert trainer.n_features == 400
    assert np.isfinite(trainer.model().score(wide)).all()


def test_a_stream_widens_the_label_range():
    rows = random_rows(40_000, 10, row_length=2)
    rows.labels[-1] = 9
    settings = settings_for(memory_limit_bytes=1, epochs=1, linear_rate=0.001, factors_rate=0.001)
    model = FMTrainer(settings).fit(lambda: [rows]).model()
    assert model.label_range == (rows.labels.min(), 9)


@pytest.mark.parametrize("memory_limit_bytes", [1, 1 << 30])
@pytest.mark.parametrize("bad", [0.5, 2.0, -1.0])
def test_a_classifier_refuses_labels_other_than_0_and_1(memory_limit_bytes, bad):
    rows = random_rows(20_000, 10, row_length=2, binary=True)
    rows.labels[19_998] = bad
    settings = settings_for(task="classification", memory_limit_bytes=memory_limit_bytes, epochs=1)
    source = [rows.part(0, 15_000), rows.part(15_000, 20_000)]
    with pytest.raises(
        DataError, match=rf"row 19999, field 'label': expected a label of 0 or 1. Got {bad:g}"
    ):
        FMTrainer(settings).fit(lambda: source)


def test_no_rows_and_no_labels_are_errors():
    with pytest.raises(DataError, match="at least one row"):
        FMTrainer(settings_for()).fit(lambda: [])
    rows = random_rows(5, 9)
    with pytest.raises(DataError, match="a label in every row"):
        FMTrainer(settings_for()).fit(lambda: [RowBatch(rows.indptr, rows.indices, rows.values, 9)])


@pytest.mark.parametrize("solver", SOLVERS)
def test_features_may_come_later(solver):
    first, second = ratings(2000, 30, 20), ratings(2000)
    trainer = FMTrainer(settings_for(solver, epochs=5)).fit(lambda: [first])
    before = trainer.model()
    trainer.fit(lambda: [second])
    after = trainer.model()
    assert (before.n_features, after.n_features) == (50, 100)
    assert rmse(after.predict(second), second) < 0.8


def test_the_width_that_is_asked_for_is_given():
    assert train(ratings(100), settings_for(epochs=1), n_features=123).model().n_features == 123


@pytest.mark.parametrize("scale_labels", [False, True])
@pytest.mark.parametrize("center_labels", [False, True])
def test_the_scale_of_labels_is_folded_back(scale_labels, center_labels):
    rows = ratings(3000)
    moved = RowBatch(rows.indptr, rows.indices, None, rows.n_features, rows.labels * 1000 - 50_000)
    settings = settings_for(scale_labels=scale_labels, center_labels=center_labels, epochs=40)
    if not scale_labels:
        moved = rows
    elif not center_labels:
        moved = RowBatch(rows.indptr, rows.indices, None, rows.n_features, rows.labels * 1000)
    trainer = train(moved, settings)
    error = rmse(trainer.model().predict(moved), moved) / moved.labels.std()
    assert error < 0.45
    assert trainer.history[-1].train_loss / moved.labels.var() < 0.3


def test_labels_far_below_zero_do_not_count_as_divergence():
    rows = ratings(500)
    low = RowBatch(rows.indptr, rows.indices, None, rows.n_features, rows.labels - 1000)
    settings = settings_for(
        scale_labels=False, center_labels=False, epochs=1, bias_rate=0.01, linear_rate=1e-4, factors_rate=1e-7
    )
    assert train(low, settings).model().bias < -100


@pytest.mark.parametrize("solver", SOLVERS)
def test_features_of_a_million_train_and_are_folded_back(solver):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 3)) * [1e6, 1.0, 1e-2]
    y = (X @ [2e-6, 1.0, 50.0] + 10).astype(np.float32)
    rows = RowBatch(
        np.arange(0, 6001, 3), np.tile(np.arange(3, dtype=np.int32), 2000), X.astype(np.float32).ravel(), 3, y
    )
    error = rmse(train(rows, settings_for(solver, epochs=60)).model().predict(rows), rows)
    assert error < 0.35 * y.std()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("row_length", [2, 4])
def test_deterministic_training_is_bit_equal_for_any_number_of_threads(solver, row_length):
    rows = ratings(9000) if row_length == 2 else random_rows(3000, 200, row_length=4, weights=True)
    models = [
        bits(train(rows, settings_for(solver, epochs=3, n_threads=n, deterministic=True)).model())
        for n in (1, 2, 4)
    ]
    assert models[0] == models[1] == models[2]


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_seed_decides_everything_and_another_seed_differs(solver):
    rows = random_rows(500, 50)
    same = [bits(train(rows, settings_for(solver, epochs=2)).model()) for _ in range(2)]
    other = bits(train(rows, settings_for(solver, epochs=2, random_state=2)).model())
    assert same[0] == same[1] != other


@pytest.mark.parametrize("values", [False, True])
def test_lock_free_threads_learn_as_well(values):
    rows, held_out = ratings(20_000), ratings(1000, seed=1)
    if values:  # not the kernel for pairs: hot features in copies
        ones = np.ones(len(rows.indices), np.float32)
        ones[::7] = 1.001
        rows = RowBatch(rows.indptr, rows.indices, ones, rows.n_features, rows.labels)
    errors = [
        rmse(train(rows, settings_for(epochs=8, n_threads=n)).model().predict(held_out), held_out)
        for n in (1, 4)
    ]
    assert abs(errors[0] - errors[1]) < 0.05
    assert max(errors) < 0.5


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_saved_model_goes_on_where_it_ended(solver):
    rows, held_out = ratings(), ratings(1000, seed=1)
    settings = settings_for(solver)
    model = train(rows, settings).model()
    before = rmse(model.predict(held_out), held_out)
    rate = RATES[solver] if solver == "ftrl" else RATES[solver] / 20
    gentle = settings_for(solver, epochs=1, linear_rate=rate, factors_rate=rate)
    trainer = FMTrainer.from_model(model, gentle)
    np.testing.assert_allclose(trainer.model().predict(held_out), model.predict(held_out), atol=1e-4)
    trainer.fit(lambda: [rows])
    assert rmse(trainer.model().predict(held_out), held_out) < before + 0.06


def test_ftrl_with_l1_leaves_out_what_carries_nothing():
    rng = np.random.default_rng(0)
    rows = random_rows(4000, 60, row_length=4, values=False)
    signal = (np.reshape(rows.indices, (-1, 4)) < 6).sum(axis=1)
    noisy = RowBatch(
        rows.indptr, rows.indices, None, 60, (signal + rng.normal(0, 0.3, 4000)).astype(np.float32)
    )
    model = train(noisy, settings_for("ftrl", linear_l1=160.0, factors_l1=160.0)).model()
    assert (model.weights[:6] > 0).all()
    assert (model.weights[6:] == 0).mean() > 0.6
    assert (model.factors == 0).mean() > 0.4
    assert rmse(model.predict(noisy), noisy) < 0.8 * noisy.labels.std()


def test_ftrl_with_l1_keeps_no_factors_of_features_that_never_occur():
    rows = ratings(500)
    sparse = train(rows, settings_for("ftrl", epochs=2, factors_l1=0.01), n_features=200).model()
    plain = train(rows, settings_for("ftrl", epochs=2), n_features=200).model()
    assert not sparse.table[100:].any()
    assert plain.factors[100:].all()
    assert sparse.factors[:100].any(axis=1).mean() > 0.9


def test_the_state_survives_pickling():
    import pickle

    rows = random_rows(300, 30)
    trainer = train(rows, settings_for("adam", epochs=2))
    copy = pickle.loads(pickle.dumps(trainer))
    assert bits(copy.model()) == bits(trainer.model())
    for one in (trainer, copy):
        one.fit(lambda: [rows])
    assert bits(copy.model()) == bits(trainer.model())


@pytest.mark.parametrize("row_length", [2, 3])
def test_a_callback_may_ask_for_the_model_while_training_goes_on(row_length):
    rows = random_rows(4000, 60, row_length=row_length)
    trainer, seen = FMTrainer(settings_for(epochs=2, n_threads=2, deterministic=row_length > 2)), []
    trainer.fit(lambda: [rows], on_epoch=lambda report: seen.append(bits(trainer.model())))
    assert seen[-1] == bits(trainer.model())
    pairs, asked = ratings(), []
    grouped = FMTrainer(settings_for(epochs=2))
    grouped.fit(lambda: [pairs], on_epoch=lambda report: asked.append(bits(grouped.model())))
    assert asked[-1] == bits(grouped.model())
    assert asked[0] != asked[-1]


def test_a_model_taken_while_two_threads_share_hot_features_is_in_order():
    rows = random_rows(20_000, 40, row_length=3)
    trainer, seen = FMTrainer(settings_for(epochs=2, n_threads=2)), []
    trainer.fit(lambda: [rows], on_epoch=lambda report: seen.append(bits(trainer.model())))
    assert seen[-1] == bits(trainer.model())


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_saved_model_goes_on_with_the_scales_it_was_trained_with(solver, tmp_path):
    rows = random_rows(500, 30, row_length=4)
    rows.values[rows.indices % 5 == 0] *= 400
    trainer = train(rows, settings_for(solver, epochs=2))
    save_model(trainer.model(), tmp_path)
    loaded, _ = load_model(tmp_path)
    again = FMTrainer.from_model(loaded, trainer.settings)
    np.testing.assert_allclose(
        again.model().predict(rows), trainer.model().predict(rows), rtol=1e-4, atol=1e-4
    )
    first, second = trainer._state, again._state
    np.testing.assert_array_equal(first.feature_scale, second.feature_scale)
    assert first.feature_scale.max() > 100
    assert (first.rate, first.label_scale) == (second.rate, second.label_scale)
    assert first.rate < 1 or solver in ("adam", "ftrl")


@pytest.mark.parametrize(
    "metadata",
    [
        {"label_scale": [0, 0]}, {"label_scale": "ab"}, {"label_scale": [1]}, {"label_scale": [1, float("inf")]},
        {"label_scale": [0, -1]}, {"step_factor": 0}, {"step_factor": 2}, {"step_factor": "x"}, {"step_factor": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_model_that_says_impossible_scales_is_not_trained_on(metadata):
    model = train(random_rows(50, 9), settings_for(epochs=1)).model()
    with pytest.raises(DataError, match=r"label_scale|step_factor"):
        FMTrainer.from_model(replace(model, metadata=metadata), settings_for())


@pytest.mark.parametrize("name", ["bias_init", "rescale", "bias_rate", "clip", "epsilon", "factors_scale"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_settings_that_are_no_finite_numbers_are_refused(name, value):
    with pytest.raises(UserError, match=f"'{name}' must be a finite number"):
        settings_for(**{name: value})
