"""What training learns, tells and reads."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from pairloom.algorithms.conventions import conventions_of
from pairloom.algorithms.description import definitions_of
from pairloom.algorithms.log_lines import LogLines
from pairloom.algorithms.report import ChannelScored, EpochEnded, Event, StopTraining, TrainingEnded
from pairloom.metrics import METRICS
from pairloom.metrics.log_patterns import metric_definitions
from pairloom.rows import RowBatch
from pairloom.testing.cases import Case, batched
from pairloom.testing.contract_suite.outcomes import assert_equal, tested

__all__ = [
    "check_a_listener_can_stop_the_training",
    "check_an_error_of_a_listener_comes_through",
    "check_batch_borders_do_not_show",
    "check_events_tell_the_whole_training",
    "check_it_learns",
    "check_it_learns_with_two_threads",
    "check_passes_are_opened_fresh",
    "check_the_log_is_found_by_the_published_expressions",
    "check_the_reported_score_is_that_of_the_model",
    "check_the_seed_decides_the_model",
]


def check_it_learns(case: Case) -> None:
    """The test score reaches the floor."""
    events: list[Event] = []
    case.fit(events.append)
    score = tested(events)[case.metric]
    reached = score == case.floor or METRICS[case.metric].better(score, case.floor)
    assert reached, f"{case.metric} is {score:g}, the floor {case.floor:g}"


def check_it_learns_with_two_threads(case: Case) -> None:
    """Threads change the path, not the quality."""
    events: list[Event] = []
    case.fit(events.append, n_threads=2)
    score = tested(events)[case.metric]
    reached = score == case.floor or METRICS[case.metric].better(score, case.floor)
    assert reached, f"{case.metric} is {score:g}"


def check_events_tell_the_whole_training(case: Case) -> None:
    """Each epoch ends once, in order; the end and the test scores follow."""
    events: list[Event] = []
    case.fit_short(3, events.append)
    ended = [event for event in events if isinstance(event, EpochEnded)]
    n_passes = 1 if case.passes is None else 3
    assert [event.epoch for event in ended] == [*range(n_passes)]
    declared = {metric.name for metric in case.algorithm.metrics}
    for event in ended:
        assert event.n_epochs == n_passes
        assert event.n_rows == case.train.n_rows
        assert set(event.metrics) <= declared
        assert np.isfinite(list(event.metrics.values())).all()
    assert [type(event) for event in events[-2:]] == [TrainingEnded, ChannelScored]
    assert set(tested(events)) <= declared


def check_the_log_is_found_by_the_published_expressions(case: Case) -> None:
    """What a tuner reads from the log is what was measured."""
    events: list[Event] = []
    lines: list[str] = []
    log = LogLines(case.algorithm_name, lines.append, form=conventions_of(case.algorithm).log_form)

    def listen(event: Event) -> None:
        events.append(event)
        log(event)

    case.fit_short(2, listen)
    definitions = metric_definitions(case.algorithm.metrics) | definitions_of(case.algorithm)
    for name, value in tested(events).items():
        found = [m[1] for line in lines if (m := re.search(definitions[f"test:{name}"], line))]
        assert found == [str(value)]
        epochs = [m[1] for line in lines if (m := re.search(definitions[f"train:{name}:epoch"], line))]
        ended = [event.metrics for event in events if isinstance(event, EpochEnded)]
        assert epochs == [str(metrics[name]) for metrics in ended if name in metrics]
    n_passes = 1 if case.passes is None else 2
    for name in ("train:progress", "train:throughput"):
        assert sum(bool(re.search(definitions[name], line)) for line in lines) == n_passes


def check_the_reported_score_is_that_of_the_model(case: Case) -> None:
    """The test score is the returned model's on the test rows."""
    events: list[Event] = []
    model = case.fit(events.append)
    expected = case.measure(model.predict(case.test), case.test)
    assert np.isclose(tested(events)[case.metric], expected, rtol=1e-5)


def check_the_seed_decides_the_model(case: Case) -> None:
    """With one thread the same request gives the same model, bit for bit."""
    assert_equal(case.fit().predict(case.test), case.fit().predict(case.test))


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

    case.make_short(3).fit({"train": source})
    assert opened == closed
    assert 1 <= len(opened) <= 5


def check_batch_borders_do_not_show(case: Case) -> None:
    """How the rows were cut into batches on their way does not change the model."""
    models = [
        case.make_short(2).fit({"train": batched(case.train, batch_rows)}) for batch_rows in (97, 100_000)
    ]
    assert_equal(*(model.predict(case.test) for model in models))


def check_a_listener_can_stop_the_training(case: Case) -> None:
    """StopTraining ends it after the epoch, and the model learned so far is returned."""
    events: list[Event] = []

    n_passes = 1 if case.passes is None else 2

    def stop(event: Event) -> None:
        events.append(event)
        if isinstance(event, EpochEnded) and event.epoch == n_passes - 1:
            raise StopTraining

    model = case.fit_short(9, stop)
    assert sum(isinstance(event, EpochEnded) for event in events) == n_passes
    assert_equal(model.predict(case.test), case.fit_short(n_passes).predict(case.test))


def check_an_error_of_a_listener_comes_through(case: Case) -> None:
    """Any other exception of a listener ends the training and is not swallowed."""

    def fail(event: Event) -> None:
        raise KeyError("listener")

    try:
        case.fit_short(1, fail)
    except KeyError:
        return
    raise AssertionError("the listener's exception was swallowed")
