"""All raw columns together: what was learned of each, and where it lies in the matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np

from pairloom.encoding.features import Feature
from pairloom.encoding.kinds import feature_of
from pairloom.encoding.layout import Layout
from pairloom.encoding.lending import Lending
from pairloom.encoding.place import Place
from pairloom.encoding.raw_columns import RawTable
from pairloom.encoding.specs import Spec
from pairloom.kernels.row_assembly import assemble_rows
from pairloom.rows import RowBatch

__all__ = ["LearnedColumns"]

SETTLING = Lock()


class LearnedColumns:
    """Raw columns in order; each is a field.

    Parameters
    ----------
    names : list of str
    specs : list of Spec
    features : list of Feature, optional
        Default: new ones.
    layout : Layout, optional
        Default: an empty one.
    """

    def __init__(
        self,
        names: Sequence[str],
        specs: Sequence[Spec],
        features: Sequence[Feature] | None = None,
        layout: Layout | None = None,
    ) -> None:
        self.names, self.specs = list(names), list(specs)
        self.features = [feature_of(spec) for spec in specs] if features is None else list(features)
        self.layout = layout or Layout([np.zeros(0, np.int32) for _ in names])

    def learn(self, table: RawTable) -> None:
        """Take in some rows."""
        for name, feature in zip(self.names, self.features, strict=True):
            feature.learn(table.columns[name], Place(name, table.first_row))

    def settle(self) -> Layout:
        """Give matrix columns to all that was learned since the last time; several threads may ask at once."""
        with SETTLING:
            for field, feature in enumerate(self.features):
                self.layout.grow(field, feature.settle())
        return self.layout

    def labels(self) -> list[list[str]]:
        """Names of each field's columns."""
        return [feature.labels(name) for name, feature in zip(self.names, self.features, strict=True)]

    def encode(
        self, table: RawTable, lending: Callable[..., Lending] | None, *, with_fields: bool
    ) -> RowBatch:
        """Turn settled rows into sparse ones."""
        parts = [
            feature.encode(
                table.columns[name],
                Place(name, table.first_row),
                self.layout.columns[field],
                None if lending is None else lending(field=field),
            )
            for field, (name, feature) in enumerate(zip(self.names, self.features, strict=True))
        ]
        return assemble_rows(parts, table.n_rows, self.layout.n_columns, with_fields=with_fields)
