"""Training events as the log lines that SageMaker's containers print."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from pairloom.algorithms.report import (
    BatchMeasured,
    ChannelScored,
    EpochEnded,
    Event,
    TrainingEnded,
)
from pairloom.metrics import metric_of
from pairloom.metrics.log_patterns import evaluation_line, progress_line, quality_line, throughput_line

__all__ = ["LogLines", "configuration_lines", "information_line"]

Write = Callable[[str], None]


class LogLines:
    """A listener that writes each event as SageMaker's algorithms do.

    Parameters
    ----------
    algorithm : str
    write : callable
        Takes a line without its end.
    host : str
    clock : callable
        Returns seconds since 1970.
    form : "quality" or "evaluation"
        How an epoch is written; see `pairloom.algorithms.conventions`.
    """

    def __init__(
        self,
        algorithm: str,
        write: Write,
        *,
        host: str = "algo-1",
        clock: Callable[[], float] = time.time,
        form: Literal["quality", "evaluation"] = "quality",
    ) -> None:
        self.algorithm, self.write, self.host, self.clock, self.form = algorithm, write, host, clock, form

    def __call__(self, event: Event) -> None:
        """Write the lines of one event."""
        match event:
            case BatchMeasured():
                self._quality(event, event.metrics, "train", event.epoch, event.batch)
            case EpochEnded():
                self._epoch_ended(event)
            case TrainingEnded():
                if self.form == "quality":
                    self._quality(event, event.metrics, "train")
            case ChannelScored():
                for name, value in event.metrics.items():
                    self._info(f"#{event.channel}_score ({self.host}) : {(_logged(event, name), value)!r}")
                self._quality(event, event.metrics, event.channel)

    def _epoch_ended(self, event: EpochEnded) -> None:
        now = self.clock()
        if self.form == "evaluation":
            self.write(evaluation_line(event.epoch, {"train": event.metrics, "validation": event.validation}))
        else:
            self._quality(event, event.metrics, "train", event.epoch)
            self._quality(event, event.validation, "validation", event.epoch)
        measurements = {"epochs": event.epoch + 1, "update.time": event.seconds * 1e3}
        self._measurements(measurements, now - event.seconds, now)
        done = round(100 * (event.epoch + 1) / event.n_epochs, 2)
        self._info(progress_line(done, host=self.host))
        if event.seconds > 0:
            self._info(throughput_line(event.n_rows / event.seconds, "train", host=self.host))

    def _quality(
        self,
        event: Event,
        metrics: Mapping[str, float],
        channel: str,
        epoch: int | None = None,
        batch: int | None = None,
    ) -> None:
        for name, value in metrics.items():
            metric = replace(metric_of(name), log_name=_logged(event, name))
            self._info(quality_line(metric, value, channel, host=self.host, epoch=epoch, batch=batch))

    def _measurements(self, values: Mapping[str, float], start: float, end: float) -> None:
        record = {
            "StartTime": start,
            "EndTime": end,
            "Dimensions": {"Algorithm": self.algorithm, "Host": self.host, "Operation": "training"},
            "Metrics": {
                name: {"sum": float(value), "count": 1, "min": value, "max": value}
                for name, value in values.items()
            },
        }
        self.write(f"#metrics {json.dumps(record)}")

    def _info(self, message: str) -> None:
        self.write(_stamped(message, self.clock()))


def configuration_lines(
    defaults: Mapping[str, str],
    given: Mapping[str, str],
    *,
    defaults_path: str,
    given_path: str,
    clock: Callable[[], float] = time.time,
) -> list[str]:
    """Return the lines in which a container says what it was asked for."""
    return [
        _stamped(message, clock())
        for message in (
            f"Reading default configuration from {defaults_path}: {dict(defaults)!r}",
            f"Merging with provided configuration from {given_path}: {dict(given)!r}",
            f"Final configuration: { ({**defaults, **given})!r}",
        )
    ]


def information_line(message: str, *, clock: Callable[[], float] = time.time) -> str:
    """Return a sentence as a line of the log."""
    return _stamped(message, clock())


def _logged(event: Event, name: str) -> str:
    return event.log_names.get(name, metric_of(name).log_name)


def _stamped(message: str, now: float) -> str:
    stamp = time.strftime("%m/%d/%Y %H:%M:%S", time.gmtime(now))
    text = message.replace("\t", "#011").replace("\n", "#012")
    return f"[{stamp} INFO {threading.get_ident()}] {text}"
