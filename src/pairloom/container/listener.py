"""What a job does with the events of its training: log lines, metrics, and the answer to a stop."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from pairloom.algorithms.log_lines import LogLines
from pairloom.algorithms.report import (
    BatchMeasured,
    ChannelScored,
    EpochEnded,
    Event,
    StopTraining,
    TrainingEnded,
)
from pairloom.collective import Collective
from pairloom.container.stopping import StopRequest

__all__ = ["JobListener"]


class JobListener:
    """Listens to one training.

    Several hosts agree on a stop at the end of an epoch, so that all leave training at the same place; a lone one
    stops at any event of its training.

    Attributes
    ----------
    metrics : dict of str to (dict of str to float)
        Of the final model, by channel.
    epochs : list of dict
        Each epoch's metrics, rows and seconds.
    """

    def __init__(self, log: LogLines, stop: StopRequest, collective: Collective) -> None:
        self.log, self.stop, self.collective = log, stop, collective
        self.metrics: dict[str, dict[str, float]] = {}
        self.epochs: list[dict[str, Any]] = []
        self._validation: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Write and remember an event.

        Raises
        ------
        StopTraining
            Where training may end, once a stop was asked for.
        """
        if isinstance(event, ChannelScored) and self.stop:
            return  # measured on the part of the rows that was read before the pass was cut short
        self.log(event)
        match event:
            case EpochEnded():
                self.epochs.append(_record(event))
                self._validation = dict(event.validation)
            case TrainingEnded():
                self.metrics["train"] = dict(event.metrics)
                if self._validation:
                    self.metrics["validation"] = self._validation
            case ChannelScored():
                self.metrics[event.channel] = dict(event.metrics)
            case BatchMeasured():
                pass
        if isinstance(event, EpochEnded) and self._all_stop():
            raise StopTraining
        if isinstance(event, BatchMeasured) and self.stop and self.collective.size == 1:
            raise StopTraining

    def _all_stop(self) -> bool:
        if self.collective.size == 1:
            return bool(self.stop)
        stops = self.collective.allreduce(np.array([bool(self.stop)], np.int32), "max")
        if stops[0]:
            self.stop.ask()
        return bool(stops[0])


def _record(event: EpochEnded) -> dict[str, Any]:
    record = asdict(event)
    record["train"] = record.pop("metrics")
    return {name: record[name] for name in ("epoch", "train", "validation", "n_rows", "seconds")}
