"""What training tells while it runs: events, through one callback; logs, tracking and progress bars listen.

A listener that raises `StopTraining` ends the training after the current epoch; the model learned so far is
kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = [
    "BatchMeasured",
    "ChannelScored",
    "EpochEnded",
    "Event",
    "Report",
    "StopTraining",
    "TrainingEnded",
    "silent",
]

Metrics = Mapping[str, float]
LogNames = Mapping[str, str]
"""How the log writes metrics that have variants, where it is not as their declaration says: ``binary_f_2.000``."""


@dataclass(frozen=True, slots=True)
class BatchMeasured:
    """The rows of the epoch so far were measured, as they stood before the parameters moved."""

    epoch: int
    batch: int
    metrics: Metrics
    log_names: LogNames = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """A pass over the training data is over.

    Parameters
    ----------
    epoch, n_epochs : int
        The pass, counted from 0, and how many were asked for; stopping early leaves some out.
    metrics : mapping of str to float
        Of the training rows, by metric name, each row measured before it was learned from.
    validation : mapping of str to float
        Of the channel ``validation`` after this epoch; empty where there is none.
    n_rows : int
        Rows trained on in this epoch.
    seconds : float
    """

    epoch: int
    n_epochs: int
    metrics: Metrics
    n_rows: int
    seconds: float
    validation: Metrics = field(default_factory=dict[str, float])
    log_names: LogNames = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class TrainingEnded:
    """The parameters are final; `metrics` are those of the training rows in the last epoch."""

    n_epochs: int
    metrics: Metrics
    seconds: float
    log_names: LogNames = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class ChannelScored:
    """The final model was measured on a channel that it was not trained on."""

    channel: str
    metrics: Metrics
    log_names: LogNames = field(default_factory=dict[str, str])


Event = BatchMeasured | EpochEnded | TrainingEnded | ChannelScored
Report = Callable[[Event], None]


class StopTraining(Exception):  # noqa: N818 - a request, not an error
    """Raised by a listener to end the training early and keep the model."""


def silent(event: Event) -> None:
    """Listen to nothing."""
