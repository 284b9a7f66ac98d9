"""How the features of a machine interact, and what its table holds for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.fm.interactions.fields import ColumnFields
from pairloom.kernels.interactions import InteractionKind, Layout, interaction_scores, no_pair_weights
from pairloom.kernels.native_rows import find_repeated, native_rows, sum_repeated
from pairloom.rows import RowBatch

__all__ = ["Interactions", "checked_fields"]

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Interactions:
    """Interactions other than plain pairs.

    "field-aware": of a pair of features, each has factors for the field of the other, ``<v_i,f(j), v_j,f(i)> x_i x_j``;
    memory and time grow with fields. "field-weighted": one row of factors a feature and one weight a pair of fields,
    ``r_f(i),f(j) <v_i, v_j> x_i x_j``. "order-3" and "order-4": the ANOVA kernels of degree 2 up to 3 or 4, each with
    factors of its own.

    Parameters
    ----------
    kind : {"field-aware", "field-weighted", "order-3", "order-4"}
    n_fields : int
        0 of orders.
    normalize_rows : bool
        Whether rows are scaled to unit length before they are scored.
    pair_weights : ndarray of shape (n_fields, n_fields), float32
        Symmetric; of "field-weighted" alone.
    columns : ColumnFields
        Field of each column, for rows that come without.

    References
    ----------
    Juan, Zhuang, Chin and Lin, "Field-aware factorization machines for CTR prediction", RecSys 2016; Pan et al.,
    "Field-weighted factorization machines for click-through rate prediction in display advertising", WWW 2018; Blondel,
    Fujino, Ueda and Ishihata, "Higher-order factorization machines", NIPS 2016.
    """

    kind: InteractionKind
    n_fields: int
    normalize_rows: bool
    pair_weights: Float32Array | None
    columns: ColumnFields

    @property
    def order(self) -> int:
        """How many features interact at most."""
        return int(self.kind[-1]) if self.kind.startswith("order") else 2

    def layout(self, n_factors: int) -> Layout:
        """Return where parameters are in the table's rows."""
        return Layout(self.kind, n_factors, self.n_fields)

    def native_pair_weights(self) -> Float32Array:
        """Return pair weights as the kernels take them."""
        if self.pair_weights is None:
            return no_pair_weights()
        return np.stack([self.pair_weights, np.ones_like(self.pair_weights)])

    def prepared(self, rows: RowBatch) -> RowBatch:
        """Return rows that were checked, with fields where they matter, repeated values summed.

        Raises
        ------
        DataError
            For rows that cannot be scored, or fields that are missing or not the model's.
        """
        if not self.layout(1).needs_fields:
            rows = checked_fields(rows, needed=False)
            return rows if find_repeated(rows) is None else sum_repeated(rows)
        repeated = find_repeated(rows)
        rows = self.columns.give(rows, self.n_fields)
        return rows if repeated is None else sum_repeated(rows, by_field=True)

    def score(self, table: Float32Array, n_factors: int, bias: float, rows: RowBatch, n_threads: int) -> Any:
        """Return raw scores of prepared rows, of shape (n_rows,), float32."""
        return interaction_scores(
            self.layout(n_factors), table, self.native_pair_weights(), native_rows(rows), rows.fields,
            n_rows=rows.n_rows, normalize=self.normalize_rows, bias=bias, n_threads=n_threads,
        )  # fmt: skip


def checked_fields(rows: RowBatch, *, needed: bool) -> RowBatch:
    """Return rows without the fields that nobody needs."""
    if needed or rows.fields is None:
        return rows
    return RowBatch(
        rows.indptr, rows.indices, rows.values, rows.n_features, rows.labels, rows.weights, None, rows.groups
    )
