"""What every algorithm of the catalogue promises, as small checks over one case each.

A check raises AssertionError. A plug-in's tests run each of `CHECKS` over cases of their own.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from pairloom.algorithms.contract import Predictions
from pairloom.algorithms.log_lines import LogLines
from pairloom.algorithms.report import (
    ChannelScored,
    EpochEnded,
    Event,
    StopTraining,
    TrainingEnded,
)
from pairloom.errors import UserError
from pairloom.metrics import METRICS
from pairloom.metrics.log_patterns import metric_definitions
from pairloom.rows import RowBatch
from pairloom.testing.cases import Case, batched

__all__ = ["CHECKS", "Check"]

Check = Callable[[Case], None]
PICKLE_STARTS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


def check_the_declaration_is_complete(case: Case) -> None:
    """Every published part is there and names only what exists."""
    algorithm = case.algorithm
    assert algorithm.name == case.algorithm_name
    assert algorithm.__doc__
    assert algorithm.summary.endswith(".")
    assert algorithm.channels[0].name == "train"
    assert algorithm.channels[0].required
    assert all(
        channel.content_types and channel.input_modes and channel.doc for channel in algorithm.channels
    )
    assert all(METRICS[metric.name] is metric for metric in algorithm.metrics)
    assert set(algorithm.objectives) <= set(metric_definitions(algorithm.metrics))
    assert algorithm.request_content_types
    assert algorithm.response_content_types
    assert all(parameter.doc.endswith(".") for parameter in algorithm.hyperparameters_type.parameters)


def check_hyperparameters_survive_as_strings(case: Case) -> None:
    """A configuration written as strings reads back to the same."""
    chosen = case.algorithm.hyperparameters_type.parse(case.hyperparameters)
    assert case.algorithm.hyperparameters_type.parse(chosen.to_strings()) == chosen


def check_unknown_hyperparameters_are_refused(case: Case) -> None:
    """A misspelt name is an error and never ignored."""
    message = _refused(lambda: case.make(no_such_thing="1"))
    assert "additional properties are not allowed ('no_such_thing' was unexpected)" in message


def check_the_training_channel_is_required(case: Case) -> None:
    """Without channel ``train`` there is an error that says so."""
    assert "channel 'train' is required" in _refused(lambda: case.make().fit({"test": batched(case.test)}))


def check_unknown_channels_are_refused(case: Case) -> None:
    """A channel that nothing reads is an error and never ignored."""
    channels = {"train": batched(case.train), "trian": batched(case.train)}
    assert "got 'trian'" in _refused(lambda: case.make().fit(channels))


def check_it_learns(case: Case) -> None:
    """The test score reaches the floor."""
    events: list[Event] = []
    case.fit(events.append)
    score = _tested(events)[case.metric]
    reached = score == case.floor or METRICS[case.metric].better(score, case.floor)
    assert reached, f"{case.metric} is {score:g}, the floor {case.floor:g}"


def check_it_learns_with_two_threads(case: Case) -> None:
    """Threads change the path, not the quality."""
    events: list[Event] = []
    case.fit(events.append, n_threads=2)
    score = _tested(events)[case.metric]
    assert METRICS[case.metric].better(score, case.floor), f"{case.metric} is {score:g}"


def check_events_tell_the_whole_training(case: Case) -> None:
    """Each epoch ends once, in order; the end and the test scores follow."""
    events: list[Event] = []
    case.fit(events.append, epochs="3")
    ended = [event for event in events if isinstance(event, EpochEnded)]
    assert [event.epoch for event in ended] == [0, 1, 2]
    declared = {metric.name for metric in case.algorithm.metrics}
    for event in ended:
        assert event.n_epochs == 3
        assert event.n_rows == case.train.n_rows
        assert set(event.metrics) <= declared
        assert case.metric in event.metrics
        assert np.isfinite(list(event.metrics.values())).all()
    assert [type(event) for event in events[-2:]] == [TrainingEnded, ChannelScored]
    assert set(_tested(events)) <= declared


def check_the_log_is_found_by_the_published_expressions(case: Case) -> None:
    """What a tuner reads from the log is what was measured."""
    events: list[Event] = []
    lines: list[str] = []
    log = LogLines(case.algorithm_name, lines.append)

    def listen(event: Event) -> None:
        events.append(event)
        log(event)

    case.fit(listen, epochs="2")
    definitions = metric_definitions(case.algorithm.metrics)
    for name, value in _tested(events).items():
        found = [m[1] for line in lines if (m := re.search(definitions[f"test:{name}"], line))]
        assert found == [str(value)]
        epochs = [m[1] for line in lines if (m := re.search(definitions[f"train:{name}:epoch"], line))]
        ended = [event.metrics for event in events if isinstance(event, EpochEnded)]
        assert epochs == [str(metrics[name]) for metrics in ended if name in metrics]
    for name in ("train:progress", "train:throughput"):
        assert sum(bool(re.search(definitions[name], line)) for line in lines) == 2


def check_the_reported_score_is_that_of_the_model(case: Case) -> None:
    """The test score is the returned model's on the test rows."""
    events: list[Event] = []
    model = case.fit(events.append)
    answers = model.predict(case.test)["score"].astype(np.float64)
    assert case.test.labels is not None
    labels = case.test.labels.astype(np.float64)
    if case.metric == "rmse":
        expected = float(np.sqrt(np.mean((answers - labels) ** 2)))
    else:
        expected = float(-np.mean(np.log(np.where(labels == 1, answers, 1 - answers))))
    assert np.isclose(_tested(events)[case.metric], expected, rtol=1e-5)


def check_the_seed_decides_the_model(case: Case) -> None:
    """With one thread the same request gives the same model, bit for bit."""
    _assert_equal(case.fit().predict(case.test), case.fit().predict(case.test))


def check_passes_are_opened_fresh(case: Case) -> None:
    """A source is read as a stream: as many passes as asked for, each to its end, never two at a time."""
    opened: list[int] = []
    closed: list[int] = []

    def source() -> Iterator[RowBatch]:
        number = len(opened)
        assert closed == list(range(number))
        opened.append(number)
        yield from batched(case.train)()
        closed.append(number)

    case.make(epochs="3").fit({"train": source})
    assert opened == closed
    assert 1 <= len(opened) <= 5


def check_batch_borders_do_not_show(case: Case) -> None:
    """How the rows were cut into batches on their way does not change the model."""
    models = [
        case.make(epochs="2").fit({"train": batched(case.train, batch_rows)}) for batch_rows in (97, 100_000)
    ]
    _assert_equal(*(model.predict(case.test) for model in models))


def check_a_channel_without_rows_is_refused(case: Case) -> None:
    """No row to train on is an error that names the channel."""
    empty = case.train.part(0, 0)
    for source in (batched(empty), lambda: iter([empty]), lambda: iter(())):
        assert "channel 'train'" in _refused(lambda source=source: case.make().fit({"train": source}))


def check_rows_without_labels_are_refused(case: Case) -> None:
    """A supervised algorithm says which channel has no labels."""
    rows = replace(case.train, labels=None)
    message = _refused(lambda: case.make().fit({"train": batched(rows)}))
    assert "channel 'train'" in message
    assert "label" in message


def check_a_bad_label_is_named_with_its_row(case: Case) -> None:
    """NaN and infinity among the labels are refused, with channel and row."""
    assert case.train.labels is not None
    for bad in (np.nan, np.inf):
        labels = case.train.labels.copy()
        labels[777] = bad
        message = _refused(
            lambda labels=labels: case.make().fit({"train": batched(replace(case.train, labels=labels))})
        )
        assert "channel 'train'" in message
        assert "row 778" in message


def check_a_bad_value_is_named_with_its_row(case: Case) -> None:
    """NaN and infinity among the values are refused, with channel and row."""
    for bad in (np.nan, np.inf):
        values = np.ones(len(case.train.indices), np.float32)
        values[case.train.indptr[777]] = bad
        message = _refused(
            lambda values=values: case.make().fit({"train": batched(replace(case.train, values=values))})
        )
        assert "channel 'train'" in message
        assert "row 778" in message


def check_ones_and_no_values_are_the_same(case: Case) -> None:
    """Rows that say nothing of their values hold ones."""
    ones = replace(case.train, values=np.ones(len(case.train.indices), np.float32))
    assert case.train.values is None
    models = [case.make(epochs="2").fit({"train": batched(rows)}) for rows in (case.train, ones)]
    answers = [model.predict(case.test)["score"] for model in models]
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-4, atol=1e-5)


def check_saved_models_answer_bit_for_bit(case: Case) -> None:
    """Loading gives the same answers, and what is saved is data without code."""
    model = case.fit(epochs="2")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model.save(folder)
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert files
        assert not any(path.read_bytes().startswith(PICKLE_STARTS) for path in files)
        loaded = case.algorithm.model_type.load(folder)
    assert loaded.n_features == model.n_features
    _assert_equal(model.predict(case.test), loaded.predict(case.test))


def check_a_missing_or_broken_model_is_refused(case: Case) -> None:
    """Loading what is not a model is an error that names the file or folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert name.lower() in _refused(lambda: case.algorithm.model_type.load(folder))
        case.fit(epochs="1").save(folder)
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
            assert name.lower() in _refused(lambda: case.algorithm.model_type.load(folder))
            path.write_bytes(whole)


def check_a_row_is_scored_alone(case: Case) -> None:
    """An answer does not depend on the rows beside it, their order or the number of threads."""
    model = case.fit(epochs="2")
    whole = model.predict(case.test)
    _assert_equal(whole, model.predict(case.test, n_threads=2))
    for start, stop in ((0, 1), (3, 20), (100, 101)):
        part = model.predict(case.test.part(start, stop))
        _assert_equal(part, {name: values[start:stop] for name, values in whole.items()})


def check_answers_are_finite_and_one_per_row(case: Case) -> None:
    """Every answer has n_rows finite values."""
    for name, values in case.fit(epochs="1").predict(case.test).items():
        assert values.shape[0] == case.test.n_rows, name
        assert np.isfinite(values).all(), name


def check_no_rows_give_no_answers(case: Case) -> None:
    """An empty batch is scored to empty arrays."""
    for values in case.fit(epochs="1").predict(case.test.part(0, 0)).values():
        assert values.shape[0] == 0


def check_an_empty_row_is_scored(case: Case) -> None:
    """A row without non-zeros has an answer, in training too."""
    empty = RowBatch(
        np.zeros(3, np.int64), np.zeros(0, np.int32), None, case.train.n_features,
        labels=np.array([0, 1], np.float32),
    )  # fmt: skip
    model = case.make(epochs="1").fit({"train": lambda: iter([case.train, empty])})
    assert np.isfinite(model.predict(empty)["score"]).all()


def check_repeated_indices_add_up(case: Case) -> None:
    """A column given twice in a row counts as one with the sum of its values."""
    model = case.fit(epochs="2")
    twice = RowBatch(np.array([0, 3]), np.array([1, 1, 4], np.int32), None, model.n_features)
    once = RowBatch(
        np.array([0, 2]), np.array([1, 4], np.int32), np.array([2, 1], np.float32), model.n_features
    )
    np.testing.assert_allclose(model.predict(twice)["score"], model.predict(once)["score"], rtol=1e-5)


def check_a_column_beyond_the_model_adds_nothing(case: Case) -> None:
    """A column that training never saw counts as absent, without a read out of bounds; -1 is refused."""
    model = case.fit(epochs="1")
    width = model.n_features
    for column in (width, width + 1000, 2**31 - 1):
        wide = RowBatch(np.array([0, 2]), np.array([1, column], np.int32), None, 2**31 - 1)
        alone = RowBatch(np.array([0, 1]), np.array([1], np.int32), None, width)
        _assert_equal(model.predict(wide), model.predict(alone))
    negative = RowBatch(np.array([0, 1]), np.array([-1], np.int32), None, width)
    assert "-1" in _refused(lambda: model.predict(negative))


def check_a_listener_can_stop_the_training(case: Case) -> None:
    """StopTraining ends it after the epoch, and the model learned so far is returned."""
    events: list[Event] = []

    def stop_after_two(event: Event) -> None:
        events.append(event)
        if isinstance(event, EpochEnded) and event.epoch == 1:
            raise StopTraining

    model = case.fit(stop_after_two, epochs="9")
    assert sum(isinstance(event, EpochEnded) for event in events) == 2
    _assert_equal(model.predict(case.test), case.fit(epochs="2").predict(case.test))


def check_an_error_of_a_listener_comes_through(case: Case) -> None:
    """Any other exception of a listener ends the training and is not swallowed."""

    def fail(event: Event) -> None:
        raise KeyError("listener")

    try:
        case.fit(fail, epochs="1")
    except KeyError:
        return
    raise AssertionError("the listener's exception was swallowed")


CHECKS: tuple[Check, ...] = tuple(
    value for name, value in list(globals().items()) if name.startswith("check_")
)


def _refused(call: Callable[[], object]) -> str:
    """Message, in lower case, of the error that a call must raise."""
    try:
        call()
    except UserError as error:
        return str(error).lower()
    raise AssertionError("nothing was refused")


def _tested(events: list[Event]) -> dict[str, float]:
    scored = [event for event in events if isinstance(event, ChannelScored)]
    assert [event.channel for event in scored] == ["test"]
    return dict(scored[0].metrics)


def _assert_equal(first: Predictions, second: Predictions) -> None:
    assert list(first) == list(second)
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)
