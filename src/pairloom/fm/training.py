"""The training loop: epochs over chunks, step sizes, validation, the best parameters."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pairloom.errors import DivergenceError, UserError
from pairloom.fm.chunks import Chunk, LabelScale, PackedPairs, chunks_of
from pairloom.fm.data import RowSource, TrainingData
from pairloom.fm.feature_order import FeatureOrder
from pairloom.fm.model import FactorizationMachine, model_layout
from pairloom.fm.settings import FMSettings
from pairloom.kernels.fm import (
    AdamSettings,
    FmInitial,
    FmState,
    FmStep,
    Initializer,
    Loss,
    allocate_table,
    create_state,
    fm_scores,
)

__all__ = ["EpochReport", "FMTrainer"]

BLOCK_NONZEROS = 1 << 14
DIVERGED = 1e4
LARGEST_FACTOR, LARGEST_WEIGHT = 1e10, 1e20  # beyond these, scores of values up to 1e6 could overflow to NaN


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What one epoch came to.

    Parameters
    ----------
    epoch : int
        Counted from 0.
    train_loss : float
        Mean squared error, or log loss, of each row before it was learned from.
    validation_loss : float or None
        The same of the validation rows after the epoch.
    n_rows : int
    seconds : float
        Time of the epoch's training, without validation.
    is_best : bool
        Whether no earlier epoch had a lower validation loss.
    """

    epoch: int
    train_loss: float
    validation_loss: float | None
    n_rows: int
    seconds: float
    is_best: bool


OnEpoch = Callable[[EpochReport], object]


@dataclass(slots=True)
class Best:
    """The parameters with the lowest validation loss so far."""

    loss: float = np.inf
    epoch: int = -1
    table: np.ndarray | None = None
    bias: float = 0.0


class FMTrainer:
    """Trains one factorization machine, from nothing or from where the last call ended.

    Parameters
    ----------
    settings : FMSettings
    """

    def __init__(self, settings: FMSettings) -> None:
        self.settings = settings
        self.history: list[EpochReport] = []
        self._state: FmState = create_state(settings.solver, settings.n_factors)
        self._table = allocate_table(0, self._state.stride)
        self._label_scale = LabelScale()
        self._feature_scale: np.ndarray | None = None
        self._label_range = (np.inf, -np.inf)
        self._rate = 1.0
        self._started = False
        self._pass = 0
        self._order = FeatureOrder()

    @property
    def n_features(self) -> int:
        """Features that have parameters."""
        return len(self._table)

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
        data = TrainingData(source, self.settings)
        data.load()
        self._begin(data, n_features)
        for chunk in data.kept:
            self._scale_features(chunk)
        held_out = self._validation_chunks(validation)
        self._order = FeatureOrder.choose(data, self.n_features, self.settings)
        self._arrange([*data.kept, *held_out], data.kept)
        best = Best()
        try:
            self._run(data, held_out, best, on_epoch=on_epoch, epochs=epochs or self.settings.epochs)
        finally:
            order, self._order = self._order, FeatureOrder()
            self._table = order.restore(self._table)
        if best.table is not None:
            self._table, self._state.bias = order.restore(best.table), best.bias
        self._check_finite()
        return self

    def _begin(self, data: TrainingData, n_features: int | None) -> None:
        labels = data.labels
        self._widen_label_range(labels.lowest, labels.highest)
        width = max(data.n_features, n_features or 0)
        if not self._started:
            self._label_scale = data.label_scale()
            self._feature_scale = data.feature_scale if self.settings.scale_features else None
            self._set_bias(self._first_bias(labels.mean))
            self._rate = self._scale_rates(data)
            self._started = True
        self._grow(width)

    def _widen_label_range(self, lowest: float, highest: float) -> None:
        self._label_range = (min(self._label_range[0], lowest), max(self._label_range[1], highest))

    def _first_bias(self, mean: float) -> float:
        if self.settings.task == "classification" and self.settings.center_labels:
            p = min(max(mean, 1e-4), 1 - 1e-4)
            return self.settings.bias_init + float(np.log(p / (1 - p)))
        return self.settings.bias_init

    def _set_bias(self, value: float) -> None:
        """Begin at a bias, with what the solver would remember had it led there."""
        s = self.settings
        self._state.bias = value
        if s.solver == "adagrad":
            self._state.bias_state = (s.accumulator, 0.0, 0)
        elif s.solver == "ftrl":
            self._state.bias_state = (float(_ftrl_dual(value, s.bias_rate, s.bias_decay, 0.0)), 0.0, 0)

    def _scale_rates(self, data: TrainingData) -> float:
        """Long rows move many parameters at once: smaller steps keep one row's move stable."""
        if self.settings.solver in ("adam", "ftrl") or not self.settings.scale_features:
            return 1.0
        return float(1.0 / np.sqrt(max(1.0, data.squares / max(1, data.n_measured) / 2.0)))

    def _grow(self, n_features: int) -> None:
        old = self._table
        if n_features <= len(old):
            return
        self._table = allocate_table(n_features, self._state.stride)
        self._table[: len(old)] = old
        s = self.settings
        initial = FmInitial(
            Initializer[s.factors_init.upper()], s.factors_scale, Initializer[s.linear_init.upper()],
            s.linear_scale, s.accumulator,
        )  # fmt: skip
        self._state.initialize(
            self._table, len(old), s.random_state % 2**63, initial, self._step(0), s.n_threads
        )

    def _step(self, epoch: int) -> FmStep:
        s = self.settings
        # FTRL's values are functions of the rate: lowering it would shrink what was learned.
        factor = 1.0 if s.solver == "ftrl" else s.rate_factor(epoch) * self._rate
        step = FmStep()
        step.loss = Loss.SQUARED if s.task == "regression" else Loss.LOGISTIC
        step.bias_rate, step.linear_rate, step.factors_rate = (
            s.bias_rate * factor, s.linear_rate * factor, s.factors_rate * factor,
        )  # fmt: skip
        step.bias_decay, step.linear_decay, step.factors_decay = s.bias_decay, s.linear_decay, s.factors_decay
        step.linear_l1, step.factors_l1 = s.linear_l1, s.factors_l1
        step.clip, step.rescale = max(0.0, s.clip), s.rescale
        return step

    def _scale_features(self, chunk: Chunk) -> None:
        if self._feature_scale is None:
            return
        scale = self._feature_scale
        data = chunk.data.unpack() if isinstance(chunk.data, PackedPairs) else chunk.data
        inside = np.minimum(data.indices, len(scale) - 1)
        divisors = np.where(data.indices < len(scale), scale[inside], np.float32(1))
        if data.values is not None:
            data.values[:] /= divisors
        elif (divisors != 1).any():
            chunk.data = replace(data, values=(1 / divisors).astype(np.float32))

    def _arrange(self, chunks: list[Chunk], training: list[Chunk]) -> None:
        order, settings = self._order, self.settings
        if order.groups is not None:
            rng = np.random.default_rng([settings.random_state, 1])
            for chunk in training:
                chunk.tile(order.groups, rng, shuffle=settings.shuffle)
        order.renumber(chunks)
        self._table = order.arrange(self._table)

    def _validation_chunks(self, validation: RowSource | None) -> list[Chunk]:
        if validation is None:
            return []
        chunks = list(chunks_of(validation(), np.random.default_rng(0), shuffle=False))
        if not chunks:
            raise UserError("Validation data must hold at least one row. Got none.")
        for chunk in chunks:
            self._scale_features(chunk)
        return chunks

    def _run(
        self,
        data: TrainingData,
        held_out: list[Chunk],
        best: Best,
        *,
        on_epoch: OnEpoch | None,
        epochs: int,
    ) -> None:
        settings = self.settings
        rng = np.random.default_rng([settings.random_state, len(self.history)])
        for epoch in range(epochs):
            step = self._step(epoch)
            loss = weight = 0.0
            n_rows = 0
            self._pass += 1
            started = time.perf_counter()
            for chunk in data.epoch(rng):
                if data.streaming:
                    self._grow(chunk.n_features)
                    self._widen_label_range(*chunk.label_range)
                    self._scale_features(chunk)
                chunk_loss, chunk_weight = self._train(chunk, step, rng)
                loss, weight, n_rows = loss + chunk_loss, weight + chunk_weight, n_rows + chunk.n_rows
            seconds = time.perf_counter() - started
            mean_loss = loss / weight if weight > 0 else 0.0
            self._check_loss(mean_loss, epoch)
            in_units = mean_loss * self._label_scale.scale**2
            validation_loss = self._validation_loss(held_out) if held_out else None
            is_best = validation_loss is not None and validation_loss < best.loss * (1 - settings.tolerance)
            report = EpochReport(epoch, in_units, validation_loss, n_rows, seconds, is_best)
            self.history.append(report)
            if is_best:
                best.loss, best.epoch = report.validation_loss or 0.0, epoch
                if settings.patience is not None:
                    best.table, best.bias = _aligned_copy(self._table), self._state.bias
            if on_epoch is not None and on_epoch(report):
                return
            if settings.patience is not None and held_out and epoch - best.epoch >= settings.patience:
                return

    def _train(self, chunk: Chunk, step: FmStep, rng: np.random.Generator) -> tuple[float, float]:
        s = self.settings
        rows = chunk.native(self._label_scale)

        def order(n: int) -> np.ndarray:
            return (rng.permutation(n) if s.shuffle else np.arange(n)).astype(np.int32)

        if s.solver == "adam":
            adam = AdamSettings(s.batch_rows, s.first_moment, s.second_moment, s.epsilon)
            n_batches = -(-chunk.n_rows // s.batch_rows)
            return self._state.train_adam(self._table, rows, order(n_batches), adam, step, s.n_threads)
        if chunk.tile_starts is not None and self._order.groups is not None:
            # Alternating at the top, a thread meets the items that it met last; below, chance decides.
            n_groups, turns = self._order.groups.n_groups, int(rng.integers(2**62)) * 2 + self._pass % 2
            return self._state.train_tiles(
                self._table, rows, chunk.tile_starts, n_groups, turns, step, s.n_threads
            )
        row_length = max(1, chunk.n_nonzeros // chunk.n_rows)
        block_rows = int(np.clip(BLOCK_NONZEROS // row_length, 64, 4096))
        n_threads = 1 if s.deterministic else s.n_threads
        if n_threads > 1 and self._order.n_hot:  # of little data, copies of hot features learn little apart
            block_rows = min(block_rows, max(64, chunk.n_rows // (256 * n_threads)))
        blocks = order(-(-chunk.n_rows // block_rows))
        return self._state.train(
            self._table, rows, blocks, block_rows, self._order.n_hot, self._order.n_averaged, step, n_threads
        )

    def _validation_loss(self, chunks: list[Chunk]) -> float:
        total = weight = 0.0
        for chunk in chunks:
            rows = chunk.data.unpack() if isinstance(chunk.data, PackedPairs) else chunk.data
            scores = fm_scores(
                self._table, self._state.k_padded, self._state.bias, chunk.native(LabelScale()), chunk.n_rows,
                n_threads=self.settings.n_threads,
            ).astype(np.float64)  # fmt: skip
            labels = np.asarray(rows.labels, np.float64)
            weights = np.ones(chunk.n_rows) if rows.weights is None else rows.weights.astype(np.float64)
            if self.settings.task == "regression":
                losses = (scores * self._label_scale.scale + self._label_scale.mean - labels) ** 2
            else:
                losses = np.logaddexp(0.0, np.where(labels > 0.5, -scores, scores))
            total, weight = total + float((weights * losses).sum()), weight + float(weights.sum())
        return total / weight if weight > 0 else 0.0

    def _check_loss(self, loss: float, epoch: int) -> None:
        largest = max(1.0, *(abs(label) for label in self._label_range))
        limit = DIVERGED * (1.0 if self.settings.scale_labels else largest**2)
        if not loss < limit:
            self._raise_diverged(epoch, loss)

    def _check_finite(self) -> None:
        k_padded = self._state.k_padded
        sound = (
            abs(self._state.bias) < LARGEST_WEIGHT
            and _largest(self._table[:, :k_padded]) < LARGEST_FACTOR
            and _largest(self._table[:, k_padded]) < LARGEST_WEIGHT
        )
        if not sound:
            self._raise_diverged(len(self.history) - 1, float("inf"))

    def _raise_diverged(self, epoch: int, loss: float) -> None:
        raise DivergenceError(
            f"Training diverged in epoch {epoch + 1}: the loss reached {loss:.3g}. Lower 'learning_rate' "
            f"(the step of the factors is {self.settings.factors_rate:g}), set 'clip_gradient', or scale "
            "large feature values down."
        )

    def model(self) -> FactorizationMachine:
        """Return what was learned so far, with the scales folded in; callbacks may ask while training goes on."""
        s = self.settings
        learned = self._order.restore(self._table)
        k_padded, stride = model_layout(s.n_factors)
        table = allocate_table(self.n_features, stride)
        table[:, : s.n_factors] = learned[:, : s.n_factors]
        table[:, k_padded] = learned[:, self._state.k_padded]
        if s.solver == "ftrl" and s.factors_l1 > 0:
            # A sparse model was asked for: features that no row has moved keep no initial factors.
            first, second = self._state.k_padded + 2, 2 * self._state.k_padded + 3
            moved = (learned[:, first] > 0) | learned[:, second : second + s.n_factors].any(axis=1)
            table[~moved] = 0
        scale = self._label_scale.scale
        if scale != 1.0:
            table[:, : s.n_factors] *= np.float32(np.sqrt(scale))
            table[:, k_padded] *= np.float32(scale)
        if self._feature_scale is not None:
            width = min(len(table), len(self._feature_scale))
            table[:width] /= self._feature_scale[:width, None]
        bias = float(np.float32(self._label_scale.mean + scale * self._state.bias))
        label_range = self._label_range if s.task == "regression" else None
        metadata = {"label_scale": [self._label_scale.mean, scale]}
        return FactorizationMachine(s.task, s.n_factors, bias, table, label_range, metadata=metadata)

    @classmethod
    def from_model(cls, model: FactorizationMachine, settings: FMSettings) -> FMTrainer:
        """Go on from a saved model, with the optimizer's state as new."""
        trainer = cls(settings)
        trainer._grow(model.n_features)
        mean, scale = model.metadata.get("label_scale", (0.0, 1.0))
        trainer._label_scale = LabelScale(float(mean), float(scale))
        trainer._table[:, : model.n_factors] = model.factors / np.float32(np.sqrt(scale))
        trainer._table[:, trainer._state.k_padded] = model.weights / np.float32(scale)
        trainer._set_bias((model.bias - mean) / scale)
        if settings.solver == "ftrl":
            trainer._restore_duals()
        trainer._label_range = model.label_range or trainer._label_range
        trainer._started = True
        return trainer

    def _restore_duals(self) -> None:
        s, k_padded = self.settings, self._state.k_padded
        weights, factors = self._table[:, k_padded], self._table[:, :k_padded]
        self._table[:, k_padded + 1] = _ftrl_dual(weights, s.linear_rate, s.linear_decay, s.linear_l1)
        self._table[:, k_padded + 3 : 2 * k_padded + 3] = _ftrl_dual(
            factors, s.factors_rate, s.factors_decay, s.factors_l1
        )

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_state"] = (self._state.bias, self._state.bias_state)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._state = create_state(self.settings.solver, self.settings.n_factors)
        self._state.bias, self._state.bias_state = state["_state"]
        self._table = _aligned_copy(self._table)


def _ftrl_dual(value: Any, rate: float, decay: float, l1: float) -> Any:
    """Return the z from which FTRL's closed form gives back a value while n is zero."""
    if rate == 0.0:
        return value * 0.0
    return -value * (FmStep().ftrl_beta / rate + decay) - np.sign(value) * l1


def _largest(array: np.ndarray) -> float:
    """Return the largest absolute value; NaN if there is one."""
    return float(np.maximum(array.max(initial=0.0), -array.min(initial=0.0)))


def _aligned_copy(table: np.ndarray) -> np.ndarray:
    copy = allocate_table(*table.shape)
    copy[:] = table
    return copy
