"""What a training of other interactions than plain pairs changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.fm.chunks import Chunk, LabelScale
from pairloom.fm.interactions.described import Interactions
from pairloom.fm.interactions.fields import SEVERAL, ColumnFields
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.state import (
    LARGEST_FACTOR,
    LARGEST_WEIGHT,
    TrainingState,
    aligned_copy,
    damaged_state,
    largest,
    step_factor,
    training_scale,
)
from pairloom.kernels.fm import FmInitial, FmStep, FmTotals, Initializer
from pairloom.kernels.interactions import (
    InteractionKind,
    Layout,
    initialize_interactions,
    interaction_scores,
    no_pair_weights,
    train_interactions,
)
from pairloom.rows import RowBatch

if TYPE_CHECKING:
    from pairloom.fm.data import TrainingData
    from pairloom.fm.feature_order import FeatureOrder
    from pairloom.fm.settings import FMSettings

__all__ = ["InteractionState", "new_state"]

Table = npt.NDArray[np.float32]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(slots=True)
class Shared:
    """What all rows change: the bias, with its sum of squared gradients as the first of `bias_state`.

    Parameters
    ----------
    k_padded, stride : int
        Floats that a feature takes part with, and has.
    """

    k_padded: int
    stride: int
    bias: float = 0.0
    bias_state: tuple[float, float, int] = (1.0, 0.0, 0)


class InteractionState(TrainingState):
    """What a training with field-aware, field-weighted or higher-order interactions knows so far.

    Attributes
    ----------
    columns : ColumnFields
    pair_weights : ndarray of shape (2, n_fields, n_fields), float32
        Weights and their sums of squared gradients; None but for "field-weighted".
    table : ndarray of shape (n_features, stride), float32
        A feature's blocks of factors with sums of squared gradients, and its weight; see `Layout`.
    """

    def __init__(self, settings: FMSettings) -> None:
        super().__init__(settings)
        self.columns = ColumnFields()
        self.n_fields = 0
        self._lay_out(0)

    def _lay_out(self, n_fields: int) -> None:
        s = self.settings
        self.n_fields = n_fields
        self.layout = Layout(cast(InteractionKind, s.interactions), s.n_factors, n_fields, trains=True)
        native = self.layout.native
        self.native = cast(Any, Shared(native.linear, native.stride))
        self.native.bias_state = (s.accumulator, 0.0, 0)
        self.table = self.layout.allocate(0)
        self.pair_weights: Table | None = None
        if self.layout.kind == "field-weighted":
            self.pair_weights = np.ones((2, n_fields, n_fields), np.float32)
            self.pair_weights[1] = s.accumulator

    def begin(self, data: TrainingData, n_features: int | None) -> None:
        """Learn fields and scales from the first data there ever was, and make parameters for all its features."""
        if data.columns is not None:
            self.columns = data.columns
        if not self.started:
            self._lay_out(0 if data.columns is None else data.columns.n_fields)
        elif data.columns is not None and data.columns.n_fields > self.n_fields:
            raise DataError(
                f"a field in [0, {self.n_fields - 1}], as the rows before had",
                got=str(data.columns.n_fields - 1), action="Fit anew with all fields",
            )  # fmt: skip
        super().begin(data, n_features)
        if self.settings.normalize_rows:
            self.feature_scale = None

    def _scale_rates(self, data: TrainingData) -> float:
        """AdaGrad's steps need no scaling, nor do rows of unit length."""
        if self.settings.solver == "adagrad" or self.settings.normalize_rows:
            return 1.0
        return super()._scale_rates(data)

    def grow(self, n_features: int) -> None:
        """Make parameters for features up to a width."""
        old, s = self.table, self.settings
        if n_features <= len(old):
            return
        self.table = self.layout.allocate(n_features)
        self.table[: len(old)] = old
        initial = FmInitial(
            Initializer[s.factors_init.upper()], s.factors_scale, Initializer[s.linear_init.upper()],
            s.linear_scale, s.accumulator,
        )  # fmt: skip
        initialize_interactions(
            self.layout, self.table, first=len(old), seed=s.random_state % 2**63, initial=initial,
            n_threads=s.n_threads,
        )  # fmt: skip

    def may_hold(self, piece: Table) -> bool:
        """Whether the sums of squared gradients in some rows of a table can be such."""
        of_weights = piece[:, self.layout.native.linear + 1]
        return bool((of_weights > 0).all() and (self.layout.squares(piece) > 0).all())

    def further_arrays(self) -> Arrays:
        """Return what a checkpoint keeps beside the table."""
        arrays: Arrays = {"column_fields": self.columns.of} if self.layout.needs_fields else {}
        return arrays if self.pair_weights is None else {**arrays, "pair_weights": self.pair_weights}

    def restore_further(self, arrays: Arrays, n_fields: int, n_features: int, source: str) -> None:
        """Take over what `further_arrays` gave."""
        if self.layout.needs_fields:
            of = arrays.get("column_fields")
            if of is None or of.dtype != np.int32 or of.ndim != 1 or len(of) > n_features or not n_fields:
                raise damaged_state(source, "no 'column_fields' that fit")
            if len(of) and not (of.min() >= SEVERAL and of.max() < n_fields):
                raise damaged_state(source, "an impossible number in 'column_fields'")
            self.columns = ColumnFields(np.array(of), n_fields)
        self._lay_out(n_fields if self.layout.needs_fields else 0)
        self.pair_weights = self.read_pair_weights(arrays, "pair_weights", source)

    def read_pair_weights(self, arrays: Arrays, name: str, source: str) -> Table | None:
        """Return pair weights of a checkpoint; None of machines that have none."""
        if self.layout.kind != "field-weighted":
            return None
        pairs = arrays.get(name)
        if pairs is None or pairs.dtype != np.float32 or pairs.shape != (2, self.n_fields, self.n_fields):
            raise damaged_state(source, f"no {name!r} of {self.n_fields} fields")
        if not (np.isfinite(pairs).all() and (pairs[1] > 0).all()):
            raise damaged_state(source, f"an impossible number in {name!r}")
        return np.array(pairs)

    @property
    def known_columns(self) -> ColumnFields | None:
        """Fields of columns that are known so far; None where fields do not matter."""
        return self.columns if self.layout.needs_fields else None

    def prepared(self, batch: RowBatch) -> RowBatch:
        """Return rows to measure with the fields that the training knows."""
        if not self.layout.needs_fields:
            return super().prepared(batch)
        return self.columns.give(batch, self.n_fields)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.table = aligned_copy(self.table)

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
        bias, squares, n_steps = self.native.bias, self.native.bias_state[0], self.native.bias_state[2]
        totals, (self.native.bias, squares) = train_interactions(
            self.layout, self.table, self._pairs, chunk.native(self.label_scale), chunk.fields,
            blocks=blocks, block_rows=block_rows, step=step, adagrad=self.settings.solver == "adagrad",
            normalize=self.settings.normalize_rows, bias=(bias, squares), n_threads=n_threads,
        )  # fmt: skip
        self.native.bias_state = (squares, 0.0, n_steps)
        return totals

    def scores(self, chunk: Chunk) -> Table:
        """Return raw scores of a chunk's rows, in the scale of training."""
        return interaction_scores(
            self.layout, self.table, self._pairs, chunk.native(LabelScale()), chunk.fields,
            n_rows=chunk.n_rows, normalize=self.settings.normalize_rows, bias=self.native.bias,
            n_threads=self.settings.n_threads,
        )  # fmt: skip

    def is_finite(self) -> bool:
        """Whether no parameter has grown so large that scores could overflow."""
        return (
            abs(self.native.bias) < LARGEST_WEIGHT
            and largest(self.layout.factors(self.table)) < LARGEST_FACTOR ** (2 / self._order)
            and largest(self.layout.weights(self.table)) < LARGEST_WEIGHT
            and largest(self._pairs[0]) < LARGEST_FACTOR
        )

    @property
    def _pairs(self) -> Table:
        return no_pair_weights() if self.pair_weights is None else self.pair_weights

    @property
    def _order(self) -> int:
        return int(self.layout.kind[-1]) if self.layout.kind.startswith("order") else 2

    def _root(self, scale: float) -> Table:
        """Return what factors are multiplied with so that interactions are with `scale`, of shape (n_blocks, 1)."""
        n_blocks = self.layout.n_blocks
        if self.layout.kind == "field-weighted":
            return np.ones((n_blocks, 1), np.float32)  # their weights are scaled instead
        degrees = np.arange(2, 2 + n_blocks) if self._order > 2 else np.full(n_blocks, 2)
        return (scale ** (1.0 / degrees)).astype(np.float32)[:, None]

    def model(self, order: FeatureOrder) -> FactorizationMachine:
        """Return what was learned so far, with the scales folded in."""
        s, scale = self.settings, self.label_scale.scale
        pair_weights = None
        if self.layout.kind == "field-weighted":
            pair_weights = self._pairs[0] * np.float32(scale)
        columns = ColumnFields(self.columns.of.copy(), self.columns.n_fields)
        described = Interactions(self.layout.kind, self.n_fields, s.normalize_rows, pair_weights, columns)
        layout = described.layout(s.n_factors)
        table = layout.allocate(len(self.table))
        layout.factors(table)[:] = self.layout.factors(self.table) * self._root(scale)
        layout.weights(table)[:] = self.layout.weights(self.table) * np.float32(scale)
        if self.feature_scale is not None:
            width = min(len(table), len(self.feature_scale))
            table[:width] /= self.feature_scale[:width, None]
        bias = float(np.float32(self.label_scale.mean + scale * self.native.bias))
        label_range = self.label_range if s.task == "regression" else None
        metadata = {"label_scale": [self.label_scale.mean, scale], "step_factor": self.rate}
        return FactorizationMachine(
            s.task, s.n_factors, bias, table, label_range, metadata=metadata, feature_scale=self.feature_scale,
            interactions=described,
        )  # fmt: skip

    @classmethod
    def from_model(cls, model: FactorizationMachine, settings: FMSettings) -> Self:
        """Begin with a model's parameters, sums of squared gradients as new."""
        described = model.interactions
        if described is None or (described.kind, described.normalize_rows) != (
            settings.interactions, settings.normalize_rows,
        ):  # fmt: skip
            raise UserError(
                "'interactions' and 'normalize_rows' must stay as they were to go on training. Fit a new estimator."
            )
        state = cls(settings)
        state.columns = ColumnFields(described.columns.of.copy(), described.columns.n_fields)
        state._lay_out(described.n_fields)
        state.grow(model.n_features)
        mean, scale = training_scale(model)
        state.label_scale = LabelScale(mean, scale)
        state.rate = step_factor(model)
        factors, weights = state.layout.factors(state.table), state.layout.weights(state.table)
        factors[:] = model.blocks / state._root(scale)
        weights[:] = model.weights / np.float32(scale)
        if described.pair_weights is not None:
            state._pairs[0] = described.pair_weights / np.float32(scale)
        if model.feature_scale is not None:
            state.feature_scale = model.feature_scale
            width = min(len(state.table), len(model.feature_scale))
            factors[:width] *= model.feature_scale[:width, None, None]
            weights[:width] *= model.feature_scale[:width]
        state.native.bias = (model.bias - mean) / scale
        state.label_range = model.label_range or state.label_range
        state.started = True
        return state


def new_state(settings: FMSettings) -> TrainingState:
    """Return the state that a training with these settings begins with."""
    return TrainingState(settings) if settings.interactions == "pairwise" else InteractionState(settings)
