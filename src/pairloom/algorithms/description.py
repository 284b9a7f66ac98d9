"""The published description of an algorithm, as JSON data made from its declarations."""

from __future__ import annotations

from collections.abc import Mapping

from pairloom.algorithms.contract import Algorithm
from pairloom.algorithms.conventions import conventions_of
from pairloom.hyperparameters import describe
from pairloom.metrics.log_patterns import evaluation_definitions, metric_definitions

__all__ = ["definitions_of", "describe_algorithm"]


def definitions_of(algorithm: type[Algorithm]) -> dict[str, str]:
    """Return the regular expression of every metric in the log, by its published name.

    An algorithm whose published names are not the usual ones has them in an attribute ``metric_definitions``.
    """
    own: Mapping[str, str] | None = getattr(algorithm, "metric_definitions", None)
    if own is not None:
        return dict(own)
    epoch_channels = tuple(channel.name for channel in algorithm.channels if channel.name == "validation")
    if conventions_of(algorithm).log_form == "evaluation":
        return evaluation_definitions(algorithm.metrics, epoch_channels=epoch_channels)
    return metric_definitions(algorithm.metrics, epoch_channels=epoch_channels)


def describe_algorithm(algorithm: type[Algorithm]) -> dict[str, object]:
    """Return name, hyperparameters with ranges and tuning ranges, channels, metrics and content types."""
    return {
        "name": algorithm.name,
        "summary": algorithm.summary,
        "hyperparameters": [
            describe(parameter)
            for parameter in algorithm.hyperparameters_type.parameters
            if not parameter.hidden
        ],
        "channels": [
            {
                "name": channel.name,
                "required": channel.required,
                "content_types": list(channel.content_types),
                "input_modes": list(channel.input_modes),
                "description": channel.doc,
            }
            for channel in algorithm.channels
        ],
        "metrics": [
            {"name": metric.name, "direction": metric.direction, "description": metric.doc}
            for metric in algorithm.metrics
        ],
        "objectives": list(algorithm.objectives),
        "metric_definitions": definitions_of(algorithm),
        "request_content_types": list(algorithm.request_content_types),
        "response_content_types": list(algorithm.response_content_types),
    }
