"""The trainer's reports as the events of a training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from pairloom.algorithms.factorization_machines.measuring import loss_metrics
from pairloom.algorithms.report import BatchMeasured, EpochEnded, Event, Report, StopTraining
from pairloom.fm.epochs import BatchReport, EpochReport

__all__ = ["TrainingListener"]

SILENCE_S = 2.0
"""Something is told at least so often, that a request to stop be heard."""


class TrainingListener:
    """Turns what the trainer tells into events; its methods return true where training is to stop.

    Parameters
    ----------
    report : callable
    n_epochs : int
    binary : bool
    batch_interval : int
        Mini-batches between two events.
    clock : callable
        Returns seconds.
    """

    def __init__(
        self,
        report: Report,
        n_epochs: int,
        *,
        binary: bool,
        batch_interval: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report, self._n_epochs, self._binary, self._interval = report, n_epochs, binary, batch_interval
        self._clock, self._told_at = clock, clock()
        self._next_batch = batch_interval
        self.metrics: Mapping[str, float] = {}

    def batch_measured(self, batch: BatchReport) -> bool:
        """Tell of the first mini-batch, of each interval, and where nothing was told for long."""
        self.metrics = batch.metrics
        if 0 < batch.batch < self._next_batch and self._clock() - self._told_at < SILENCE_S:
            return False
        self._next_batch = (batch.batch // self._interval + 1) * self._interval
        return self._tell(BatchMeasured(batch.epoch, batch.batch, batch.metrics))

    def epoch_ended(self, epoch: EpochReport) -> bool:
        """Tell of an epoch."""
        self.metrics, self._next_batch = epoch.metrics, self._interval
        held_out = epoch.validation_loss
        validation = {} if held_out is None else loss_metrics(held_out, binary=self._binary)
        return self._tell(
            EpochEnded(epoch.epoch, self._n_epochs, epoch.metrics, epoch.n_rows, epoch.seconds, validation)
        )

    def _tell(self, event: Event) -> bool:
        try:
            self._report(event)
        except StopTraining:
            return True
        self._told_at = self._clock()
        return False
