"""Everything that training changes: parameters, the optimizer's memory, scales, and how far it has come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.fm.chunks import Chunk, LabelScale
from pairloom.fm.data import TrainingData
from pairloom.fm.feature_order import FeatureOrder
from pairloom.fm.interactions.fields import ColumnFields
from pairloom.fm.model import FactorizationMachine, model_layout
from pairloom.fm.settings import FMSettings
from pairloom.kernels.fm import (
    FmInitial,
    FmState,
    FmStep,
    FmTotals,
    Initializer,
    Loss,
    allocate_table,
    create_state,
    fm_scores,
)
from pairloom.rows import RowBatch

__all__ = ["TrainingState", "aligned_copy", "damaged_state", "largest", "step_factor", "training_scale"]

LARGEST_FACTOR, LARGEST_WEIGHT = 1e10, 1e20  # beyond these, scores of values up to 1e6 could overflow to NaN
Table = npt.NDArray[np.float32]
Arrays = dict[str, npt.NDArray[Any]]


class TrainingState:
    """What a training knows so far.

    Parameters
    ----------
    settings : FMSettings

    Attributes
    ----------
    native : FmState
        Bias with its optimizer state, and Adam's count of steps.
    table : ndarray of shape (n_features, stride), float32
        A feature's factors, weight and optimizer state.
    label_scale, feature_scale, label_range, rate
        Learned from the data that was seen first, and kept.
    started : bool
        Whether they are known.
    pair_weights : ndarray, optional
        Of machines that weigh pairs of fields.
    passes : int
        Epochs that began.
    """

    n_fields: int = 0

    def __init__(self, settings: FMSettings) -> None:
        self.settings = settings
        self.native: FmState = create_state(settings.solver, settings.n_factors)
        self.table: Table = allocate_table(0, self.native.stride)
        self.pair_weights: Table | None = None
        self.label_scale = LabelScale()
        self.feature_scale: Table | None = None
        self.label_range = (np.inf, -np.inf)
        self.rate = 1.0
        self.started = False
        self.passes = 0

    def begin(self, data: TrainingData, n_features: int | None) -> None:
        """Learn scales from the first data there ever was, and make parameters for all its features."""
        labels = data.labels
        self.widen_label_range(labels.lowest, labels.highest)
        if not self.started:
            self.label_scale = data.label_scale()
            self.feature_scale = data.feature_scale if self.settings.scale_features else None
            self._set_bias(self._first_bias(labels.mean))
            self.rate = self._scale_rates(data)
            self.started = True
        self.grow(max(data.n_features, n_features or 0))

    def widen_label_range(self, lowest: float, highest: float) -> None:
        """Take in the smallest and largest of some labels."""
        self.label_range = (min(self.label_range[0], lowest), max(self.label_range[1], highest))

    def _first_bias(self, mean: float) -> float:
        if self.settings.task == "classification" and self.settings.center_labels:
            p = min(max(mean, 1e-4), 1 - 1e-4)
            return self.settings.bias_init + float(np.log(p / (1 - p)))
        return self.settings.bias_init

    def _set_bias(self, value: float) -> None:
        """Begin at a bias, with what the solver would remember had it led there."""
        s = self.settings
        self.native.bias = value
        if s.solver == "adagrad":
            self.native.bias_state = (s.accumulator, 0.0, 0)
        elif s.solver == "ftrl":
            self.native.bias_state = (float(_ftrl_dual(value, s.bias_rate, s.bias_decay, 0.0)), 0.0, 0)

    def _scale_rates(self, data: TrainingData) -> float:
        """Long rows move many parameters at once: smaller steps keep one row's move stable."""
        if self.settings.solver in ("adam", "ftrl") or not self.settings.scale_features:
            return 1.0
        return float(1.0 / np.sqrt(max(1.0, data.squares / max(1, data.n_measured) / 2.0)))

    def grow(self, n_features: int) -> None:
        """Make parameters for features up to a width."""
        old = self.table
        if n_features <= len(old):
            return
        self.table = allocate_table(n_features, self.native.stride)
        self.table[: len(old)] = old
        s = self.settings
        initial = FmInitial(
            Initializer[s.factors_init.upper()], s.factors_scale, Initializer[s.linear_init.upper()],
            s.linear_scale, s.accumulator,
        )  # fmt: skip
        self.native.initialize(
            self.table, len(old), s.random_state % 2**63, initial, self.step(0), s.n_threads
        )

    def widened(self, table: Table) -> Table:
        """Return an earlier table of this training with the features that were added since."""
        if len(table) == len(self.table):
            return table
        wide = aligned_copy(self.table)
        wide[: len(table)] = table
        return wide

    def step(self, epoch: int) -> FmStep:
        """Return the step sizes and penalties of an epoch, counted from 0."""
        s = self.settings
        # FTRL's values are functions of the rate: lowering it would shrink what was learned.
        factor = 1.0 if s.solver == "ftrl" else s.rate_factor(epoch) * self.rate
        step = FmStep()
        step.loss = Loss.SQUARED if s.task == "regression" else Loss.LOGISTIC
        step.bias_rate, step.linear_rate, step.factors_rate = (
            s.bias_rate * factor, s.linear_rate * factor, s.factors_rate * factor,
        )  # fmt: skip
        step.bias_decay, step.linear_decay, step.factors_decay = s.bias_decay, s.linear_decay, s.factors_decay
        step.linear_l1, step.factors_l1 = s.linear_l1, s.factors_l1
        step.clip, step.rescale = max(0.0, s.clip), s.rescale
        return step

    def may_hold(self, piece: Table) -> bool:
        """Whether the optimizer's sums in some rows of a table, all finite, can be such."""
        k_padded, solver = self.native.k_padded, self.settings.solver
        if solver == "adagrad":
            return bool((piece[:, k_padded + 1] > 0).all())
        second = piece[:, 2 * k_padded + 3 : 3 * k_padded + 3]
        return solver == "sgd" or bool((piece[:, k_padded + 2] >= 0).all() and (second >= 0).all())

    def further_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what a checkpoint keeps beside the table."""
        return {}

    def restore_further(self, arrays: Arrays, n_fields: int, n_features: int, source: str) -> None:
        """Take over what `further_arrays` gave."""

    def read_pair_weights(self, arrays: Arrays, name: str, source: str) -> Table | None:
        """Return pair weights of a checkpoint; None of machines that have none."""
        return None

    @property
    def known_columns(self) -> ColumnFields | None:
        """Fields of columns that are known so far; None where fields do not matter."""
        return None

    def prepared(self, batch: RowBatch) -> RowBatch:
        """Return rows to measure as the training wants them: without fields, which it does not know."""
        return batch if batch.fields is None else replace(batch, fields=None)

    def train_blocks(
        self,
        chunk: Chunk,
        blocks: npt.NDArray[np.int32],
        block_rows: int,
        *,
        order: FeatureOrder,
        step: FmStep,
        n_threads: int,
    ) -> FmTotals:
        """Train on some blocks of a chunk's rows."""
        rows = chunk.native(self.label_scale)
        return self.native.train(
            self.table, rows, blocks, block_rows, order.n_hot, order.n_averaged, step, n_threads
        )

    def scores(self, chunk: Chunk) -> Table:
        """Return raw scores of a chunk's rows, in the scale of training."""
        return fm_scores(
            self.table, self.native.k_padded, self.native.bias, chunk.native(LabelScale()), chunk.n_rows,
            n_threads=self.settings.n_threads,
        )  # fmt: skip

    def is_finite(self) -> bool:
        """Whether no parameter has grown so large that scores could overflow."""
        k_padded = self.native.k_padded
        return (
            abs(self.native.bias) < LARGEST_WEIGHT
            and largest(self.table[:, :k_padded]) < LARGEST_FACTOR
            and largest(self.table[:, k_padded]) < LARGEST_WEIGHT
        )

    def model(self, order: FeatureOrder) -> FactorizationMachine:
        """Return what was learned so far, with the scales folded in, in the order of the features."""
        s = self.settings
        learned = order.restore(self.table)
        k_padded, stride = model_layout(s.n_factors)
        table = allocate_table(len(learned), stride)
        table[:, : s.n_factors] = learned[:, : s.n_factors]
        table[:, k_padded] = learned[:, self.native.k_padded]
        if s.solver == "ftrl" and s.factors_l1 > 0:
            # A sparse model was asked for: features that no row has moved keep no initial factors.
            first, second = self.native.k_padded + 2, 2 * self.native.k_padded + 3
            moved = (learned[:, first] > 0) | learned[:, second : second + s.n_factors].any(axis=1)
            table[~moved] = 0
            if s.linear_l1 > 0 and s.linear_rate > 0:
                table[table[:, k_padded] == 0, : s.n_factors] = 0
        scale = self.label_scale.scale
        if scale != 1.0:
            table[:, : s.n_factors] *= np.float32(np.sqrt(scale))
            table[:, k_padded] *= np.float32(scale)
        if self.feature_scale is not None:
            width = min(len(table), len(self.feature_scale))
            table[:width] /= self.feature_scale[:width, None]
        bias = float(np.float32(self.label_scale.mean + scale * self.native.bias))
        label_range = self.label_range if s.task == "regression" else None
        metadata = {"label_scale": [self.label_scale.mean, scale], "step_factor": self.rate}
        return FactorizationMachine(
            s.task, s.n_factors, bias, table, label_range, metadata=metadata, feature_scale=self.feature_scale
        )

    @classmethod
    def from_model(cls, model: FactorizationMachine, settings: FMSettings) -> Self:
        """Begin with a model's parameters, the optimizer's state as new."""
        state = cls(settings)
        state.grow(model.n_features)
        mean, scale = training_scale(model)
        state.label_scale = LabelScale(mean, scale)
        state.rate = step_factor(model) if settings.solver not in ("adam", "ftrl") else 1.0
        state.table[:, : model.n_factors] = model.factors / np.float32(np.sqrt(scale))
        state.table[:, state.native.k_padded] = model.weights / np.float32(scale)
        if model.feature_scale is not None:
            state.feature_scale = model.feature_scale
            width = min(len(state.table), len(model.feature_scale))
            of_features = model.feature_scale[:width, None]
            state.table[:width, : model.n_factors] *= of_features
            state.table[:width, state.native.k_padded : state.native.k_padded + 1] *= of_features
        state._set_bias((model.bias - mean) / scale)
        if settings.solver == "ftrl":
            state._restore_duals()
        state.label_range = model.label_range or state.label_range
        state.started = True
        return state

    def _restore_duals(self) -> None:
        s, k_padded = self.settings, self.native.k_padded
        weights, factors = self.table[:, k_padded], self.table[:, :k_padded]
        self.table[:, k_padded + 1] = _ftrl_dual(weights, s.linear_rate, s.linear_decay, s.linear_l1)
        self.table[:, k_padded + 3 : 2 * k_padded + 3] = _ftrl_dual(
            factors, s.factors_rate, s.factors_decay, s.factors_l1
        )

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["native"] = (self.native.bias, self.native.bias_state)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.native = create_state(self.settings.solver, self.settings.n_factors)
        self.native.bias, self.native.bias_state = state["native"]
        self.table = aligned_copy(self.table)


def training_scale(model: FactorizationMachine) -> tuple[float, float]:
    """Return mean and scale of the labels that a model was trained on, as it says."""
    said = model.metadata.get("label_scale", (0.0, 1.0))
    numbers = [float(x) for x in said] if _are_numbers(said, 2) else []
    if len(numbers) != 2 or not (np.isfinite(numbers[0]) and 0 < numbers[1] < np.inf):
        raise DataError("'label_scale' of a mean and a scale above 0", got=repr(said), source="model")
    return numbers[0], numbers[1]


def step_factor(model: FactorizationMachine) -> float:
    """Return what a model's training multiplied step sizes with; 1 of models that do not say."""
    said = model.metadata.get("step_factor", 1.0)
    if not (_are_numbers([said], 1) and 0 < said <= 1):
        raise DataError("'step_factor' in (0, 1]", got=repr(said), source="model")
    return float(said)


def _are_numbers(values: Any, n: int) -> bool:
    return (
        isinstance(values, (list, tuple))
        and len(values) == n
        and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    )


def _ftrl_dual(value: Any, rate: float, decay: float, l1: float) -> Any:
    """Return the z from which FTRL's closed form gives back a value while n is zero."""
    if rate == 0.0:
        return value * 0.0
    return -value * (FmStep().ftrl_beta / rate + decay) - np.sign(value) * l1


def largest(array: Table) -> float:
    """Return the largest absolute value; NaN if there is one."""
    return float(np.maximum(array.max(initial=0.0), -array.min(initial=0.0)))


def aligned_copy(table: Table) -> Table:
    """Copy a table onto cache lines."""
    copy = allocate_table(*table.shape)
    copy[:] = table
    return copy


def damaged_state(source: str, got: str) -> DataError:
    """Return the error for a checkpoint that is not whole."""
    return DataError(
        "a state of training that is whole", got=got, source=f"checkpoint {source}",
        action="Begin with an empty folder for checkpoints",
    )  # fmt: skip
