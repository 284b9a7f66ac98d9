"""Rows held out to measure every sweep on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.fm.data import RowSource
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.settings import Task
from pairloom.fm.sweeps.chain import Chain
from pairloom.fm.sweeps.collected import joined, plain_rows
from pairloom.fm.sweeps.measured import loss_of
from pairloom.fm.sweeps.terms import prepared_rows

__all__ = ["HeldOut"]


class HeldOut:
    """Validation rows: scored after every sweep, of "mcmc" by the mean over the sweeps after burn-in.

    Parameters
    ----------
    source : callable returning an iterable of RowBatch
    task : {"regression", "classification"}
    feature_scale : ndarray of float32, optional
    burn_in : int or None
        Sweeps that are not averaged over; None averages over none.
    """

    def __init__(
        self,
        source: RowSource,
        task: Task,
        feature_scale: npt.NDArray[np.float32] | None,
        burn_in: int | None,
    ) -> None:
        batches = [plain_rows(batch) for batch in source() if batch.n_rows]
        if not batches:
            raise UserError("Validation data must hold at least one row. Got none.")
        self._rows = prepared_rows(joined(batches), feature_scale)
        if self._rows.labels is None:
            raise UserError("Validation data must have a label in every row. Got none.")
        self._labels, self._weights = self._rows.labels.astype(np.float64), self._rows.weights
        self._task: Task = task
        self._burn_in = burn_in
        self._total, self._n_averaged = np.zeros(self._rows.n_rows), 0

    def loss(self, chains: list[Chain], epoch: int) -> float:
        """Return the mean squared error in the units of the labels, or the log loss."""
        predictions = np.mean([self._predicted(chain) for chain in chains], axis=0)
        if self._burn_in is not None and epoch >= self._burn_in:
            self._total += predictions
            self._n_averaged += 1
            predictions = self._total / self._n_averaged
        return loss_of(self._task, self._labels, predictions, self._weights)

    def _predicted(self, chain: Chain) -> npt.NDArray[np.float64]:
        linear, factors = chain.spread()
        machine = FactorizationMachine.from_arrays("regression", chain.bias, linear, factors)
        return chain.likelihood.predicted(machine.score(self._rows, n_threads=chain.settings.n_threads))
