"""What is declared and what is refused before training begins."""

from __future__ import annotations

from pairloom.algorithms.description import definitions_of
from pairloom.metrics import METRICS
from pairloom.testing.cases import Case, batched
from pairloom.testing.contract_suite.outcomes import refused

__all__ = [
    "check_hyperparameters_survive_as_strings",
    "check_the_declaration_is_complete",
    "check_the_training_channel_is_required",
    "check_unknown_channels_are_refused",
    "check_unknown_hyperparameters_are_refused",
]


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
    assert set(algorithm.objectives) <= set(definitions_of(algorithm))
    assert algorithm.request_content_types
    assert algorithm.response_content_types
    assert all(parameter.doc.endswith(".") for parameter in algorithm.hyperparameters_type.parameters)


def check_hyperparameters_survive_as_strings(case: Case) -> None:
    """A configuration written as strings reads back to the same."""
    chosen = case.algorithm.hyperparameters_type.parse(case.hyperparameters)
    assert case.algorithm.hyperparameters_type.parse(chosen.to_strings()) == chosen


def check_unknown_hyperparameters_are_refused(case: Case) -> None:
    """A misspelt name is an error and never ignored."""
    message = refused(lambda: case.make(no_such_thing="1"))
    assert "additional properties are not allowed ('no_such_thing' was unexpected)" in message


def check_the_training_channel_is_required(case: Case) -> None:
    """Without channel ``train`` there is an error that says so."""
    assert "channel 'train' is required" in refused(lambda: case.make().fit({"test": batched(case.test)}))


def check_unknown_channels_are_refused(case: Case) -> None:
    """A channel that nothing reads is an error and never ignored."""
    channels = {"train": batched(case.train), "trian": batched(case.train)}
    assert "got 'trian'" in refused(lambda: case.make().fit(channels))
