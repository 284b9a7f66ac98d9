"""How fast an estimator trains: time of the epochs alone, and quality of what it learned."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Speed", "log_loss", "repeated", "rmse", "time_fit"]


@dataclass(frozen=True)
class Speed:
    """Seconds of an epoch (wall clock, and processor time of all threads), and the rows it went through.

    The first epoch is left out where there are others: it also pays for the layout of the data.
    """

    wall_s: float
    cpu_s: float
    n_rows: int

    @property
    def samples_per_s(self) -> float:
        """Rows a second of wall clock."""
        return self.n_rows / self.wall_s

    @property
    def samples_per_cpu_s(self) -> float:
        """Rows a second of processor time."""
        return self.n_rows / self.cpu_s


def time_fit(estimator: Any, X: Any, y: Any, **more: Any) -> Speed:
    """Fit an estimator and return the speed of its epochs."""
    ticks: list[tuple[float, float]] = []

    def tick(report: Any) -> None:
        ticks.append((time.perf_counter(), time.process_time()))

    estimator.set_params(callbacks=[tick])
    begin = (time.perf_counter(), time.process_time())
    estimator.fit(X, y, **more)
    first = ticks[0] if len(ticks) > 1 else begin
    n_epochs = max(1, len(ticks) - 1)
    wall, cpu = ((ticks[-1][j] - first[j]) / n_epochs for j in range(2))
    return Speed(max(wall, 1e-9), max(cpu, 1e-9), len(y))


def repeated(measure: Callable[[], Speed], n_times: int) -> tuple[Speed, Speed]:
    """Return the fastest run (by wall clock) and the one that used the least processor time."""
    runs = [measure() for _ in range(n_times)]
    return min(runs, key=lambda run: run.wall_s), min(runs, key=lambda run: run.cpu_s)


def rmse(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Root mean squared error."""
    return float(np.sqrt(np.mean((labels.astype(np.float64) - predictions) ** 2)))


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log likelihood of labels 0 and 1."""
    p = np.clip(probabilities.astype(np.float64), 1e-12, 1 - 1e-12)
    return float(-np.mean(np.where(labels > 0.5, np.log(p), np.log1p(-p))))
