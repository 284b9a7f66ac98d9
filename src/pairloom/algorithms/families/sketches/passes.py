"""One pass over a channel, in blocks whose size does not depend on how the rows arrive."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pairloom.algorithms.contract import RowSource
from pairloom.algorithms.report import BatchMeasured, Metrics, Report, StopTraining
from pairloom.formats.batching import in_batches_of
from pairloom.rows import RowBatch

__all__ = ["PassEnded", "read_pass"]

SECONDS_BETWEEN_REPORTS = 2.0


@dataclass(frozen=True, slots=True)
class PassEnded:
    """How a pass went: rows read, seconds, and whether a listener stopped it before the end."""

    n_rows: int
    seconds: float
    stopped: bool


def read_pass(
    source: RowSource,
    block_rows: int,
    learn: Callable[[RowBatch], None],
    *,
    epoch: int,
    report: Report,
    measured: Callable[[], Metrics],
    can_stop: Callable[[], bool],
) -> PassEnded:
    """Hand every row to `learn`, in blocks of `block_rows`; a BatchMeasured is told every two seconds.

    Parameters
    ----------
    source : callable
    block_rows : int
    learn : callable
    epoch : int
    report : callable
    measured : callable
        Returns the metrics of the rows of this pass so far.
    can_stop : callable
        Whether a model can be made of the rows so far; a listener's StopTraining waits until one can.
    """
    begin = told = time.monotonic()
    n_rows, asked_to_stop = 0, False
    for number, block in enumerate(in_batches_of(block_rows, source())):
        learn(block)
        n_rows += block.n_rows
        now = time.monotonic()
        if now - told >= SECONDS_BETWEEN_REPORTS and not asked_to_stop:
            told = now
            try:
                report(BatchMeasured(epoch, number, measured()))
            except StopTraining:
                asked_to_stop = True
        if asked_to_stop and can_stop():
            return PassEnded(n_rows, time.monotonic() - begin, True)
    return PassEnded(n_rows, time.monotonic() - begin, asked_to_stop)
