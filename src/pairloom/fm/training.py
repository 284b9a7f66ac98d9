"""The training loop: epochs over chunks, validation, the best parameters."""

from __future__ import annotations

import time

import numpy as np

from pairloom.errors import DivergenceError
from pairloom.fm.chunks import Chunk
from pairloom.fm.data import RowSource, TrainingData
from pairloom.fm.epochs import Best, EpochReport, OnEpoch
from pairloom.fm.evaluation import validation_chunks, validation_loss
from pairloom.fm.feature_order import FeatureOrder
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.settings import FMSettings
from pairloom.fm.state import TrainingState, aligned_copy
from pairloom.kernels.fm import AdamSettings, FmStep

__all__ = ["FMTrainer"]

BLOCK_NONZEROS = 1 << 14
DIVERGED = 1e4


class FMTrainer:
    """Trains one factorization machine, from nothing or from where the last call ended.

    Parameters
    ----------
    settings : FMSettings
    """

    def __init__(self, settings: FMSettings) -> None:
        self.settings = settings
        self.history: list[EpochReport] = []
        self._state = TrainingState(settings)
        self._order = FeatureOrder()

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
        n_features: int | None = None,
        epochs: int | None = None,
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
        n_features : int, optional
            Width, where it is known to exceed the highest index.
        epochs : int, optional
            Instead of the settings' number.

        Raises
        ------
        DataError
            For rows that cannot be trained on.
        DivergenceError
            When the loss leaves the finite numbers.
        """
        state = self._state
        state.settings = self.settings
        data = TrainingData(source, self.settings)
        data.load()
        state.begin(data, n_features)
        for chunk in data.kept:
            chunk.scale_features(state.feature_scale)
        held_out = validation_chunks(validation, state)
        self._order = FeatureOrder.choose(data, self.n_features, self.settings)
        self._arrange([*data.kept, *held_out], data.kept)
        best = Best()
        try:
            self._run(data, held_out, best, on_epoch=on_epoch, epochs=epochs or self.settings.epochs)
        finally:
            order, self._order = self._order, FeatureOrder()
            state.table = order.restore(state.table)
        if best.table is not None:
            state.table, state.native.bias = order.restore(best.table), best.bias
        if not state.is_finite():
            self._raise_diverged(len(self.history) - 1, float("inf"))
        return self

    def _arrange(self, chunks: list[Chunk], training: list[Chunk]) -> None:
        order, settings = self._order, self.settings
        if order.groups is not None:
            rng = np.random.default_rng([settings.random_state, 1])
            for chunk in training:
                chunk.tile(order.groups, rng, shuffle=settings.shuffle)
        order.renumber(chunks)
        self._state.table = order.arrange(self._state.table)

    def _run(
        self,
        data: TrainingData,
        held_out: list[Chunk],
        best: Best,
        *,
        on_epoch: OnEpoch | None,
        epochs: int,
    ) -> None:
        settings, state = self.settings, self._state
        rng = np.random.default_rng([settings.random_state, len(self.history)])
        for epoch in range(epochs):
            step = state.step(epoch)
            loss = weight = 0.0
            n_rows = 0
            state.passes += 1
            started = time.perf_counter()
            for chunk in data.epoch(rng):
                if data.streaming:
                    state.grow(chunk.n_features)
                    state.widen_label_range(*chunk.label_range)
                    chunk.scale_features(state.feature_scale)
                chunk_loss, chunk_weight = self._train(chunk, step, rng)
                loss, weight, n_rows = loss + chunk_loss, weight + chunk_weight, n_rows + chunk.n_rows
            seconds = time.perf_counter() - started
            mean_loss = loss / weight if weight > 0 else 0.0
            self._check_loss(mean_loss, epoch)
            in_units = mean_loss * state.label_scale.scale**2
            held_out_loss = validation_loss(held_out, state) if held_out else None
            is_best = best.is_beaten_by(held_out_loss, settings.tolerance)
            report = EpochReport(epoch, in_units, held_out_loss, n_rows, seconds, is_best)
            self.history.append(report)
            if is_best:
                best.loss, best.epoch = held_out_loss or 0.0, epoch
                if settings.patience is not None:
                    best.table, best.bias = aligned_copy(state.table), state.native.bias
            if on_epoch is not None and on_epoch(report):
                return
            if held_out and best.waited(epoch, settings.patience):
                return

    def _train(self, chunk: Chunk, step: FmStep, rng: np.random.Generator) -> tuple[float, float]:
        s, native, table = self.settings, self._state.native, self._state.table
        rows = chunk.native(self._state.label_scale)

        def order(n: int) -> np.ndarray:
            return (rng.permutation(n) if s.shuffle else np.arange(n)).astype(np.int32)

        if s.solver == "adam":
            adam = AdamSettings(s.batch_rows, s.first_moment, s.second_moment, s.epsilon)
            n_batches = -(-chunk.n_rows // s.batch_rows)
            return native.train_adam(table, rows, order(n_batches), adam, step, s.n_threads)
        if chunk.tile_starts is not None and self._order.groups is not None:
            # Alternating at the top, a thread meets the items that it met last; below, chance decides.
            n_groups, turns = (
                self._order.groups.n_groups,
                int(rng.integers(2**62)) * 2 + self._state.passes % 2,
            )
            return native.train_tiles(table, rows, chunk.tile_starts, n_groups, turns, step, s.n_threads)
        row_length = max(1, chunk.n_nonzeros // chunk.n_rows)
        block_rows = int(np.clip(BLOCK_NONZEROS // row_length, 64, 4096))
        n_threads = 1 if s.deterministic else s.n_threads
        if n_threads > 1 and self._order.n_hot:  # of little data, copies of hot features learn little apart
            block_rows = min(block_rows, max(64, chunk.n_rows // (256 * n_threads)))
        blocks = order(-(-chunk.n_rows // block_rows))
        return native.train(
            table, rows, blocks, block_rows, self._order.n_hot, self._order.n_averaged, step, n_threads
        )

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
        trainer._state = TrainingState.from_model(model, settings)
        return trainer
