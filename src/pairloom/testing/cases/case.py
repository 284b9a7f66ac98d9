"""A task of an algorithm with tiny data and a known answer, and how the contract suite runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pairloom.algorithms.catalogue import algorithm
from pairloom.algorithms.checkpoints import NO_CHECKPOINTS, Checkpoints
from pairloom.algorithms.contract import Algorithm, Model, Predictions, RowSource
from pairloom.algorithms.report import Report, silent
from pairloom.rows import RowBatch

__all__ = ["Case", "batched"]


@dataclass(frozen=True)
class Case:
    """One task of an algorithm, with data it must do well on.

    Parameters
    ----------
    algorithm_name, task : str
    hyperparameters : mapping of str to str
        Small and quick, for one thread.
    train, test : RowBatch
    metric : str
        Measured on `test` after training.
    floor : float
        Value of `metric` that training must reach.
    measure : callable
        The same metric of answers and rows, the slow and obvious way.
    passes : str, optional
        Hyperparameter that counts the passes over the data; None where one is all there can be.
    supervised : bool
        Whether it learns from labels; otherwise they are of no effect.
    exact : bool
        Whether a row's answer is the same bit for bit in any batch: a library's matrix products promise only
        the same up to rounding.
    """

    algorithm_name: str
    task: str
    hyperparameters: Mapping[str, str]
    train: RowBatch
    test: RowBatch
    metric: str
    floor: float
    measure: Callable[[Predictions, RowBatch], float]
    passes: str | None = "epochs"
    supervised: bool = True
    exact: bool = True

    @property
    def name(self) -> str:
        """Algorithm and task."""
        return f"{self.algorithm_name} as {self.task}"

    @property
    def algorithm(self) -> type[Algorithm]:
        """The algorithm's class."""
        return algorithm(self.algorithm_name)

    def make(self, **changes: str) -> Algorithm:
        """Make the algorithm, with some hyperparameters changed."""
        return self.algorithm({**self.hyperparameters, **changes})

    def make_short(self, n_passes: int = 1) -> Algorithm:
        """Make the algorithm with so many passes, where it counts them."""
        return self.make(**({} if self.passes is None else {self.passes: str(n_passes)}))

    def fit(self, report: Report = silent, *, n_threads: int = 1, **changes: str) -> Model:
        """Train on `train` and measure on `test`."""
        return self.make(**changes).fit(self.channels, n_threads=n_threads, report=report)

    def fit_short(
        self, n_passes: int = 1, report: Report = silent, *, checkpoints: Checkpoints = NO_CHECKPOINTS
    ) -> Model:
        """Train with so many passes, where the algorithm counts them."""
        return self.make_short(n_passes).fit(self.channels, report=report, checkpoints=checkpoints)

    @property
    def channels(self) -> dict[str, RowSource]:
        """Both sets of rows, as sources."""
        return {name: batched(rows) for name, rows in self.rows.items()}

    @property
    def rows(self) -> dict[str, RowBatch]:
        """Both sets of rows, by channel."""
        return {"train": self.train, "test": self.test}


def batched(rows: RowBatch, batch_rows: int = 400) -> RowSource:
    """Stream rows in batches whose arrays nobody may write to."""

    def open_pass() -> Iterator[RowBatch]:
        for start in range(0, rows.n_rows, batch_rows):
            batch = rows.part(start, min(start + batch_rows, rows.n_rows))
            for name in ("indptr", "indices", "values", "labels", "weights", "fields"):
                array = getattr(batch, name)
                if array is not None:
                    array.flags.writeable = False
            yield batch

    return open_pass
