"""Machines whose features interact by field, by weighted pairs of fields, or in threes and fours: passes and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.kernels._native import FmInitial, FmStep, FmTotals, Interaction, InteractionLayout
from pairloom.kernels.arrays import check_vector
from pairloom.kernels.fm import allocate_table
from pairloom.kernels.levels import chosen_level

__all__ = [
    "InteractionKind",
    "Layout",
    "initialize_interactions",
    "interaction_scores",
    "no_pair_weights",
    "train_interactions",
]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
InteractionKind = Literal["field-aware", "field-weighted", "order-3", "order-4"]
KINDS = {
    "field-aware": (Interaction.FIELD_AWARE, 2),
    "field-weighted": (Interaction.FIELD_WEIGHTED, 2),
    "order-3": (Interaction.HIGHER_ORDER, 3),
    "order-4": (Interaction.HIGHER_ORDER, 4),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a feature's parameters are in its row of the table.

    Parameters
    ----------
    kind : {"field-aware", "field-weighted", "order-3", "order-4"}
    n_factors : int
    n_fields : int
        0 where fields do not matter.
    trains : bool
        Whether sums of squared gradients stand behind each block of factors.
    """

    kind: InteractionKind
    n_factors: int
    n_fields: int
    trains: bool = False

    @property
    def native(self) -> InteractionLayout:
        """The layout as the kernels take it."""
        interaction, order = KINDS[self.kind]
        return InteractionLayout(interaction, self.n_factors, self.n_fields, order, self.trains)

    @property
    def needs_fields(self) -> bool:
        """Whether every non-zero must have a field."""
        return self.kind in ("field-aware", "field-weighted")

    @property
    def n_blocks(self) -> int:
        """Rows of factors that a feature has: one a field, one, or one for each order from the second."""
        return self.native.n_blocks

    def allocate(self, n_features: int) -> Float32Array:
        """Return a table of zeros, of shape (n_features, stride)."""
        return allocate_table(n_features, self.native.stride)

    def factors(self, table: Float32Array) -> Float32Array:
        """Factors of shape (n_features, n_blocks, n_factors), as a view."""
        native = self.native
        blocks = table[:, : native.linear].reshape(len(table), native.n_blocks, native.block)
        return blocks[:, :, : self.n_factors]

    def squares(self, table: Float32Array) -> Float32Array:
        """Sums of squared gradients of shape (n_features, n_blocks, n_factors), as a view; while training."""
        native = self.native
        blocks = table[:, : native.linear].reshape(len(table), native.n_blocks, native.block)
        return blocks[:, :, native.k_padded : native.k_padded + self.n_factors]

    def weights(self, table: Float32Array) -> Float32Array:
        """Linear weights of shape (n_features,), as a view."""
        return table[:, self.native.linear]


def no_pair_weights() -> Float32Array:
    """Return the pair weights of kinds that have none."""
    return np.zeros((2, 0, 0), np.float32)


def initialize_interactions(
    layout: Layout, table: Float32Array, *, first: int, seed: int, initial: FmInitial, n_threads: int = 1
) -> None:
    """Draw factors and weights of the features from `first` on; each draw depends on seed and feature alone."""
    _native.interaction_initialize(layout.native, table, first, seed, initial, n_threads)


def train_interactions(
    layout: Layout,
    table: Float32Array,
    pair_weights: Float32Array,
    rows: _native.Rows,
    fields: Int32Array | None,
    *,
    blocks: Int32Array,
    block_rows: int,
    step: FmStep,
    adagrad: bool,
    normalize: bool,
    bias: tuple[float, float],
    n_threads: int = 1,
) -> tuple[FmTotals, tuple[float, float]]:
    """Train on blocks of rows, in the given order, by steps row by row.

    Time is O(pairs of non-zeros * n_factors) of field-aware machines, O(non-zeros * n_factors + pairs of fields *
    n_factors) of field-weighted ones and O(non-zeros * n_factors * order^2 / 2) of higher orders.

    Parameters
    ----------
    layout : Layout
        One that trains.
    table : ndarray of shape (n_features, stride), float32
    pair_weights : ndarray of shape (2, n_fields, n_fields), float32
        Weights, symmetric, and their sums of squared gradients; of shape (2, 0, 0) but for "field-weighted".
    rows : Rows
        With labels; every index less than n_features.
    fields : ndarray of shape (n_nonzeros,), int32, optional
        Each less than n_fields.
    blocks : ndarray of int32
    block_rows : int
    step : FmStep
    adagrad : bool
        Steps over the roots of sums of squared gradients, one for each parameter; or plain steps.
    normalize : bool
        Scale every row to unit length.
    bias : (float, float)
        And its sum of squared gradients.
    n_threads : int

    Returns
    -------
    (FmTotals, bias)

    References
    ----------
    Juan, Zhuang, Chin and Lin, "Field-aware factorization machines for CTR prediction", RecSys 2016; Pan et al.,
    "Field-weighted factorization machines for click-through rate prediction in display advertising", WWW 2018; Blondel,
    Fujino, Ueda and Ishihata, "Higher-order factorization machines", NIPS 2016; Duchi, Hazan and Singer, "Adaptive
    Subgradient Methods", JMLR 2011.
    """
    _check(layout, table, pair_weights, fields)
    return _native.interaction_train(
        layout.native, table, pair_weights, rows, fields, blocks, block_rows, step, adagrad, normalize, bias,
        n_threads, chosen_level(),
    )  # fmt: skip


def interaction_scores(
    layout: Layout,
    table: Float32Array,
    pair_weights: Float32Array,
    rows: _native.Rows,
    fields: Int32Array | None,
    *,
    n_rows: int,
    normalize: bool,
    bias: float,
    n_threads: int = 1,
) -> Float32Array:
    """Return raw scores of shape (n_rows,); indices beyond the table add nothing. See `train_interactions`."""
    _check(layout, table, pair_weights, fields)
    out = np.empty(n_rows, np.float32)
    _native.interaction_scores(
        layout.native, table, pair_weights, rows, fields, normalize, bias, out, n_threads, chosen_level()
    )
    return out


def _check(
    layout: Layout, table: Float32Array, pair_weights: Float32Array, fields: Int32Array | None
) -> None:
    n_fields = layout.n_fields if layout.kind == "field-weighted" else 0
    if pair_weights.shape != (2, n_fields, n_fields):
        raise UserError(
            f"Interactions: 'pair_weights' must be of shape (2, {n_fields}, {n_fields}). Got {pair_weights.shape}."
        )
    if table.shape[1] != layout.native.stride:
        raise UserError(
            f"Interactions: 'table' must be {layout.native.stride} floats wide. Got {table.shape[1]}."
        )
    if not layout.needs_fields:
        return
    if fields is None:
        raise UserError(f"Interactions: 'fields' are needed by '{layout.kind}'. Got none.")
    check_vector("Interactions", "fields", fields, np.int32)
    if len(fields) and not 0 <= int(fields.min()) <= int(fields.max()) < layout.n_fields:
        raise UserError(
            f"Interactions: 'fields' must be in [0, {layout.n_fields - 1}]. Got {int(fields.min())} to "
            f"{int(fields.max())}."
        )
