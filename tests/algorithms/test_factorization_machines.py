import gzip
from dataclasses import replace

import numpy as np
import pytest

from pairloom.algorithms.catalogue import algorithm
from pairloom.algorithms.report import ChannelScored, EpochEnded
from pairloom.errors import DataError, DivergenceError, UserError
from pairloom.rows import RowBatch
from pairloom.testing.cases import batched
from pairloom.testing.cases.factorization_machines import CASES

REGRESSOR, CLASSIFIER = CASES


def scores(events):
    return next(event.metrics for event in events if isinstance(event, ChannelScored))


def epochs(events):
    return [event for event in events if isinstance(event, EpochEnded)]


def likes(path):
    """One-hot rows of user and film, labelled 1 where the rating is at least 4."""
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, dtype=np.int64)
    indices = np.stack([table[:, 0] - 1, 943 + table[:, 1] - 1], axis=1).astype(np.int32).ravel()
    indptr = np.arange(0, len(indices) + 1, 2, dtype=np.int64)
    return RowBatch(indptr, indices, None, 2625, labels=(table[:, 2] >= 4).astype(np.float32))


def test_sagemakers_recorded_run_is_reached_with_its_own_hyperparameters(data_folder):
    folder = data_folder / "movielens-100k"
    channels = {
        name: batched(likes(folder / f"ua.{end}.gz")) for name, end in (("train", "base"), ("test", "test"))
    }
    asked = {
        "feature_dim": "2625", "predictor_type": "binary_classifier", "mini_batch_size": "1000",
        "num_factors": "64", "epochs": "100",
    }  # fmt: skip
    events = []
    algorithm("factorization-machines")(asked).fit(channels, report=events.append)
    assert scores(events)["binary_classification_cross_entropy"] <= 0.5785
    assert scores(events)["binary_classification_accuracy"] >= 0.6931
    assert scores(events)["binary_f_beta"] >= 0.7336
    first, last = epochs(events)[0].metrics, epochs(events)[-1].metrics
    assert first["binary_classification_cross_entropy"] == pytest.approx(0.6839, abs=0.01)
    assert last["binary_classification_cross_entropy"] == pytest.approx(0.5116, abs=0.01)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.task)
def test_the_test_channel_gets_the_metrics_of_the_task(case):
    events = []
    case.fit(events.append)
    assert list(scores(events)) == {
        "regressor": ["rmse", "mse", "absolute_loss"],
        "classifier": [
            "binary_classification_accuracy", "binary_classification_cross_entropy", "binary_f_beta",
        ],
    }[case.task]  # fmt: skip


def test_a_classifier_answers_probability_and_label():
    answers = CLASSIFIER.fit().predict(CLASSIFIER.test)
    assert list(answers) == ["score", "predicted_label"]
    assert np.array_equal(answers["predicted_label"], (answers["score"] >= 0.5).astype(np.float32))
    assert 0 <= answers["score"].min() < 0.5 < answers["score"].max() <= 1


def test_a_regressor_answers_a_number():
    assert list(REGRESSOR.fit().predict(REGRESSOR.test)) == ["score"]


def test_the_width_is_inferred_or_as_asked():
    assert REGRESSOR.fit(epochs="1").n_features == 110
    assert REGRESSOR.fit(epochs="1", feature_dim="200").n_features == 200


def test_a_width_that_is_too_small_is_refused_with_the_row():
    with pytest.raises(
        DataError, match=r"Channel 'train', row \d+: expected a column index in \[0, 99\]. Got 1"
    ):
        REGRESSOR.fit(epochs="1", feature_dim="100")


@pytest.mark.parametrize("label", [2.0, -1.0, 0.5])
@pytest.mark.parametrize("channel", ["train", "test", "validation"])
def test_a_label_that_is_neither_0_nor_1_is_named_with_channel_and_row(channel, label):
    labels = CLASSIFIER.test.labels.copy()
    labels[500] = label
    sources = {name: batched(CLASSIFIER.test) for name in ("train", "test", "validation")}
    sources[channel] = batched(replace(CLASSIFIER.test, labels=labels))
    with pytest.raises(
        DataError, match=rf"Channel '{channel}', row 501: expected a label of 0 or 1 .* Got {label:g}"
    ):
        CLASSIFIER.make(epochs="1").fit(sources)


def fit_with_validation(**changes):
    sources = {"train": batched(REGRESSOR.train.part(0, 300)), "validation": batched(REGRESSOR.test)}
    events = []
    model = REGRESSOR.make(**changes).fit(sources, report=events.append)
    return model, [event.validation["rmse"] for event in epochs(events)]


def test_validation_is_measured_after_each_epoch():
    model, measured = fit_with_validation(epochs="4")
    answers = model.predict(REGRESSOR.test)["score"]
    assert len(measured) == 4
    assert measured[-1] == pytest.approx(np.sqrt(np.mean((answers - REGRESSOR.test.labels) ** 2)), rel=1e-5)


def test_early_stopping_keeps_the_best_epoch():
    model, measured = fit_with_validation(
        epochs="300", pairloom_early_stopping_patience="5", factors_wd="0", linear_wd="0", factors_lr="0.05"
    )
    answers = model.predict(REGRESSOR.test)["score"]
    rmse = np.sqrt(np.mean((answers - REGRESSOR.test.labels) ** 2))
    assert 5 < len(measured) < 300
    assert rmse == pytest.approx(min(measured), rel=1e-4)
    assert measured[-1] > min(measured)


def test_early_stopping_asks_for_the_channel_it_needs():
    with pytest.raises(
        UserError, match="channel 'validation' is required by 'pairloom_early_stopping_patience'"
    ):
        REGRESSOR.fit(pairloom_early_stopping_patience="3")


def test_clipped_predictions_stay_in_the_range_of_the_labels():
    low, high = REGRESSOR.train.labels.min(), REGRESSOR.train.labels.max()
    rows = RowBatch(np.array([0, 1, 2]), np.array([0, 70], np.int32), np.array([1e3, -1e3], np.float32), 110)
    free = REGRESSOR.fit().predict(rows)["score"]
    clipped = REGRESSOR.fit(pairloom_clip_predictions="true").predict(rows)["score"]
    assert np.array_equal(clipped, np.clip(free, low, high))
    assert not np.array_equal(clipped, free)


@pytest.mark.parametrize("solver", ["adam", "sgd", "adagrad", "ftrl"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.task)
def test_every_solver_learns(case, solver):
    rates = {"adam": "0.02", "sgd": "0.05", "adagrad": "0.2", "ftrl": "0.2"}
    changes = dict.fromkeys(("bias_lr", "linear_lr", "factors_lr"), rates[solver])
    events = []
    case.fit(events.append, pairloom_solver=solver, **changes)
    assert scores(events)[case.metric] < 1.05 * case.floor


def test_l1_makes_weights_exactly_zero():
    rates = {"linear_lr": "0.2", "factors_lr": "0.2", "bias_lr": "0.2", "linear_wd": "0", "factors_wd": "0"}
    machines = [
        CLASSIFIER.fit(pairloom_solver="ftrl", pairloom_l1=l1, **rates).machine for l1 in ("0", "120")
    ]
    zeros = [int((machine.weights == 0).sum()) for machine in machines]
    assert zeros[0] < 5 < zeros[1]
    assert not machines[1].factors[machines[1].weights == 0].any()


@pytest.mark.parametrize("solver", ["adam", "sgd", "adagrad", "ftrl"])
def test_a_learning_rate_of_zero_moves_nothing(solver):
    changes = {
        "pairloom_solver": solver, "linear_lr": "0", "factors_lr": "0", "linear_init_method": "constant",
        "linear_init_value": "0.25", "pairloom_normalize": "false",
    }  # fmt: skip
    machine = REGRESSOR.fit(epochs="2", **changes).machine
    assert np.array_equal(machine.weights, np.full(110, 0.25, np.float32))


@pytest.mark.parametrize("solver", ["adam", "adagrad"])
def test_without_linear_weights_and_bias_only_factors_learn(solver):
    machine = REGRESSOR.fit(epochs="2", use_linear="false", use_bias="false", pairloom_solver=solver).machine
    assert machine.bias == 0
    assert not machine.weights.any()
    assert machine.factors.any()


def test_a_bias_that_is_given_begins_there():
    changes = {"bias_init_method": "constant", "bias_init_value": "-2.5", "bias_lr": "0"}
    assert REGRESSOR.fit(epochs="1", **changes).machine.bias == -2.5


def test_the_initial_bias_follows_method_and_seed():
    frozen = {"bias_lr": "0", "pairloom_normalize": "false", "epochs": "1"}
    normal = [REGRESSOR.fit(pairloom_random_state=seed, **frozen).machine.bias for seed in ("1", "1", "2")]
    assert normal[0] == normal[1] != normal[2]
    assert 0 < abs(normal[0]) < 0.1
    uniform = REGRESSOR.fit(bias_init_method="uniform", bias_init_scale="0.001", **frozen).machine.bias
    assert 0 < abs(uniform) < 0.001


def test_a_rate_far_too_high_says_what_to_lower():
    with pytest.raises(
        DivergenceError, match=r"^FactorizationMachines: .*diverged in epoch \d.*'factors_lr'"
    ):
        REGRESSOR.fit(pairloom_solver="sgd", factors_lr="1e6", linear_lr="1e6", bias_lr="1e6")


def test_determinism_holds_for_any_number_of_threads():
    for solver in ("adam", "adagrad"):
        models = [
            REGRESSOR.fit(pairloom_deterministic="true", pairloom_n_threads=n, pairloom_solver=solver)
            for n in ("1", "2", "3")
        ]
        for other in models[1:]:
            assert np.array_equal(models[0].machine.table, other.machine.table)


def test_data_beyond_the_memory_limit_is_streamed_to_the_same_quality():
    opened = []

    def source():
        opened.append(1)
        yield from (batch for _ in range(60) for batch in batched(REGRESSOR.train)())

    case = replace(REGRESSOR, hyperparameters={**REGRESSOR.hyperparameters, "epochs": "3"})
    events = []
    case.make(pairloom_memory_limit_mb="1").fit(
        {"train": source, "test": batched(REGRESSOR.test)}, report=events.append
    )
    assert len(opened) == 4
    assert [event.n_rows for event in epochs(events)] == [120_000] * 3
    assert scores(events)["rmse"] < REGRESSOR.floor


def test_the_model_remembers_what_was_asked(tmp_path):
    model = REGRESSOR.fit(epochs="1")
    model.save(tmp_path)
    metadata = type(model).load(tmp_path).machine.metadata
    assert metadata["algorithm"] == "factorization-machines"
    asked = model.machine.metadata["hyperparameters"]
    assert metadata["hyperparameters"] == asked
    assert asked["num_factors"] == "4"
