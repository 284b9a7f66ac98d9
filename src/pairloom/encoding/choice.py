"""The spec of a column for which none was given."""

from __future__ import annotations

import numpy as np

from pairloom.encoding.raw_columns import ListColumn, RawColumn, TimeColumn
from pairloom.encoding.specs import Date, Id, Multi, Spec, Standard
from pairloom.kernels.raw_keys import IntegerKeys
from pairloom.tables import StringColumn

__all__ = ["choose_spec"]


def choose_spec(column: RawColumn) -> Spec:
    """Times are dates, lists are multi-valued, numbers with a fraction are standardised, all else are ids.

    Whole floats are ids because integers with gaps come as floats from pandas.
    """
    if isinstance(column, TimeColumn):
        return Date()
    if isinstance(column, ListColumn):
        return Multi()
    if isinstance(column, StringColumn | IntegerKeys) or column.dtype == np.int64:
        return Id()
    return Id() if (np.isnan(column) | (np.trunc(column) == column)).all() else Standard()
