"""The training loop: epochs over chunks, validation, the best parameters."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pairloom.collective import ALONE, Collective
from pairloom.errors import DivergenceError, UserError
from pairloom.fm.checkpoint import read_training, write_training
from pairloom.fm.chunks import Chunk
from pairloom.fm.data import RowSource, TrainingData
from pairloom.fm.distributed import HostsTraining
from pairloom.fm.epochs import BatchReport, Best, EpochReport, OnBatch, OnEpoch, Position
from pairloom.fm.evaluation import validation_chunks, validation_loss
from pairloom.fm.feature_order import FeatureOrder
from pairloom.fm.interactions.state import new_state
from pairloom.fm.measures import Measures
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.passes import BatchCount, EpochPass
from pairloom.fm.settings import FMSettings
from pairloom.fm.state import aligned_copy

__all__ = ["FMTrainer"]

DIVERGED = 1e4
Keep = Callable[[int, Callable[[Path], None]], None]


@dataclass(frozen=True, slots=True)
class _Listener:
    """Who is told of epochs and batches, and who keeps states."""

    on_epoch: OnEpoch | None
    on_batch: OnBatch | None
    batch_interval: int
    keep: Keep | None


class FMTrainer:
    """Trains one factorization machine, from nothing or from where the last call ended.

    Parameters
    ----------
    settings : FMSettings
    """

    def __init__(self, settings: FMSettings) -> None:
        self.settings = settings
        self.history: list[EpochReport] = []
        self._state = new_state(settings)
        self._order = FeatureOrder()
        self._hosts: HostsTraining | None = None

    @property
    def n_features(self) -> int:
        """Features that have parameters."""
        return len(self._state.table)

    def fit(
        self,
        source: RowSource,
        *,
        validation: RowSource | None = None,
        on_epoch: OnEpoch | None = None,
        on_batch: OnBatch | None = None,
        batch_interval: int = 500,
        n_features: int | None = None,
        epochs: int | None = None,
        resume: Path | None = None,
        keep: Keep | None = None,
        collective: Collective = ALONE,
    ) -> FMTrainer:
        """Train for a number of epochs.

        Parameters
        ----------
        source : callable returning an iterable of RowBatch
            A fresh pass over the training rows; called again in every epoch when they do not fit the memory
            limit.
        validation : callable returning an iterable of RowBatch, optional
            Rows to measure after every epoch; kept in memory.
        on_epoch : callable, optional
            Receives an EpochReport after every epoch; what it returns, if true, ends the training.
        on_batch : callable, optional
            Receives a BatchReport every second or so of an epoch, of the Adam solver after the first mini-batch and
            every `batch_interval` further ones too; what it returns, if true, ends the training at once.
        n_features : int, optional
            Width, where it is known to exceed the highest index.
        epochs : int, optional
            Instead of the settings' number.
        resume : path, optional
            Folder with a state that `keep` wrote: training goes on after its last epoch.
        keep : callable, optional
            Called as ``keep(n_epochs, write)`` after every epoch and before `on_epoch`; ``write(folder)`` writes the
            state.
        collective : Collective
            Hosts that train this machine together, each on the rows of its own `source`.

        Raises
        ------
        DataError
            For rows that cannot be trained on, or a damaged state.
        DivergenceError
            When the loss leaves the finite numbers.
        """
        settings = self.settings
        self._state.settings = settings
        position = Position(np.random.default_rng([settings.random_state, len(self.history)]))
        if resume is not None:
            self._state, position, self.history = read_training(resume, settings)
        state = self._state
        if collective.size > 1 and settings.interactions != "pairwise":
            raise UserError(
                f"Interactions '{settings.interactions}' train on one host. Got {collective.size}. Take 'pairwise', or "
                "one host."
            )
        data = TrainingData(source, settings, columns=state.known_columns)
        data.load()
        self._hosts = HostsTraining(collective, state) if collective.size > 1 else None
        if self._hosts is not None:
            self._hosts.agree_on_data(data)
        state.begin(data, n_features)
        if self._hosts is not None:
            self._hosts.agree_on_parameters()
        for chunk in data.kept:
            chunk.scale_features(state.feature_scale)
        held_out = validation_chunks(validation, state)
        if self._hosts is None:
            self._order = FeatureOrder.choose(data, self.n_features, settings)
        self._arrange([*data.kept, *held_out], data.kept, position.best)
        listener = _Listener(on_epoch, on_batch, batch_interval, keep)
        try:
            self._run(data, held_out, position, listener, epochs or settings.epochs)
        finally:
            order, self._order, self._hosts = self._order, FeatureOrder(), None
            state.table = order.restore(state.table)
        if position.best.table is not None:
            state.table, state.native.bias = order.restore(position.best.table), position.best.bias
            state.pair_weights = position.best.pair_weights
        if not state.is_finite():
            self._raise_diverged(max(0, len(self.history) - 1), float("inf"))
        return self

    def _arrange(self, chunks: list[Chunk], training: list[Chunk], best: Best) -> None:
        order, settings = self._order, self.settings
        if order.groups is not None:
            rng = np.random.default_rng([settings.random_state, 1])
            for chunk in training:
                chunk.tile(order.groups, rng, shuffle=settings.shuffle)
        order.renumber(chunks)
        if best.table is not None:
            best.table = order.arrange(self._state.widened(best.table))
        self._state.table = order.arrange(self._state.table)

    def _run(
        self, data: TrainingData, held_out: list[Chunk], position: Position, listener: _Listener, epochs: int
    ) -> None:
        settings, state, best = self.settings, self._state, position.best
        while position.epoch < epochs:
            epoch = position.epoch
            if held_out and best.waited(epoch - 1, settings.patience):
                return
            measures = Measures()
            state.passes += 1
            started = time.perf_counter()
            if self._train_epoch(data, position, measures, listener):
                return
            seconds = time.perf_counter() - started
            self._check_loss(measures.loss, epoch)
            held_out_loss = validation_loss(held_out, state, self._hosts) if held_out else None
            is_best = best.is_beaten_by(held_out_loss, settings.tolerance)
            if is_best:
                best.loss, best.epoch = held_out_loss or 0.0, epoch
                if settings.patience is not None:
                    best.table, best.bias = aligned_copy(state.table), state.native.bias
                    best.pair_weights = None if state.pair_weights is None else state.pair_weights.copy()
            report = EpochReport(
                epoch, measures.loss * state.label_scale.scale**2, held_out_loss, measures.n_rows, seconds, is_best,
                self._metrics(measures),
            )  # fmt: skip
            self.history.append(report)
            position.epoch += 1
            if listener.keep is not None:
                listener.keep(position.epoch, partial(self._write, position=position))
            stops = listener.on_epoch is not None and listener.on_epoch(report)
            if self._hosts.any(stops) if self._hosts is not None else stops:
                return

    def _train_epoch(
        self, data: TrainingData, position: Position, measures: Measures, listener: _Listener
    ) -> bool:
        """Train on every chunk once; return whether the listener ended it."""
        if self._hosts is not None:
            return self._train_epoch_together(self._hosts, data, position, measures, listener)
        state, batches = self._state, BatchCount(listener.batch_interval)
        epoch = EpochPass(state, self._order, state.step(position.epoch), position.rng, batches)
        for chunk in data.epoch(position.rng):
            if data.streaming:
                state.grow(chunk.n_features)
                state.widen_label_range(*chunk.label_range)
                chunk.scale_features(state.feature_scale)
            for n_rows, totals in epoch.train(chunk):
                measures.add(totals, n_rows)
                if listener.on_batch is not None:
                    report = BatchReport(position.epoch, batches.done - 1, self._metrics(measures))
                    if listener.on_batch(report):
                        return True
        return False

    def _train_epoch_together(
        self,
        hosts: HostsTraining,
        data: TrainingData,
        position: Position,
        measures: Measures,
        listener: _Listener,
    ) -> bool:
        for sums in hosts.epoch(data, self._state.step(position.epoch), position.rng):
            measures.sums += sums
            if listener.on_batch is not None:
                batch = -(-measures.n_rows // self.settings.batch_rows) - 1
                hosts.wants_to_stop |= bool(
                    listener.on_batch(BatchReport(position.epoch, batch, self._metrics(measures)))
                )
        return hosts.stopped

    def _metrics(self, measures: Measures) -> dict[str, float]:
        return measures.metrics(self.settings.task, self._state.label_scale.scale)

    def _write(self, folder: Path, *, position: Position) -> None:
        write_training(folder, self._state, self._order, position, self.history)

    def _check_loss(self, loss: float, epoch: int) -> None:
        largest = max(1.0, *(abs(label) for label in self._state.label_range))
        limit = DIVERGED * (1.0 if self.settings.scale_labels else largest**2)
        if not loss < limit:
            self._raise_diverged(epoch, loss)

    def _raise_diverged(self, epoch: int, loss: float) -> None:
        raise DivergenceError(
            f"Training diverged in epoch {epoch + 1}: the loss reached {loss:.3g}. Lower 'learning_rate' "
            f"(the step of the factors is {self.settings.factors_rate:g}), set 'clip_gradient', or scale "
            "large feature values down."
        )

    def model(self) -> FactorizationMachine:
        """Return what was learned so far, with the scales folded in; callbacks may ask while training goes on."""
        return self._state.model(self._order)

    @classmethod
    def from_model(cls, model: FactorizationMachine, settings: FMSettings) -> FMTrainer:
        """Go on from a saved model, with the optimizer's state as new."""
        trainer = cls(settings)
        trainer._state = type(trainer._state).from_model(model, settings)
        return trainer
