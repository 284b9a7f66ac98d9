"""Interactions in a model file: what the JSON says of them, and their arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.fm.interactions.described import Interactions
from pairloom.fm.interactions.fields import MOST_FIELDS, SEVERAL, ColumnFields

__all__ = ["described_interactions", "interaction_arrays", "interaction_sizes", "restored_interactions"]

PAIR_WEIGHTS, COLUMN_FIELDS = "pair_weights", "column_fields"
WITH_FIELDS, ORDERS = ("field-aware", "field-weighted"), ("order-3", "order-4")


def described_interactions(interactions: Interactions) -> dict[str, Any]:
    """Return kind, number of fields and whether rows are scaled, as JSON values."""
    return {
        "kind": interactions.kind,
        "n_fields": interactions.n_fields,
        "normalize_rows": interactions.normalize_rows,
    }


def interaction_arrays(interactions: Interactions) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays beside weights and factors."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    if interactions.pair_weights is not None:
        arrays[PAIR_WEIGHTS] = interactions.pair_weights
    if len(interactions.columns.of):
        arrays[COLUMN_FIELDS] = interactions.columns.of
    return arrays


def interaction_sizes(said: Any, n_features: int, source: str) -> tuple[int, int]:
    """Return blocks of factors a feature, and the bytes that further arrays take at most."""
    if said is None:
        return 1, 0
    kind, n_fields, _ = _checked(said, source)
    n_blocks = {"field-aware": n_fields, "field-weighted": 1, "order-3": 2, "order-4": 3}[kind]
    return n_blocks, 4 * n_fields * n_fields + 4 * n_features


def _checked(said: Any, source: str) -> tuple[Any, int, bool]:
    match said:
        case {"kind": str(kind), "n_fields": int(n_fields), "normalize_rows": bool(normalize)} if (
            kind in WITH_FIELDS and 0 < n_fields <= MOST_FIELDS
        ) or (kind in ORDERS and n_fields == 0):
            return kind, n_fields, normalize
        case _:
            raise DataError(
                "interactions of a known kind", got=repr(said)[:80], source=source, action="Train again"
            )


def restored_interactions(
    said: Any, arrays: dict[str, npt.NDArray[Any]], n_features: int, source: str
) -> Interactions:
    """Take a model's interactions out of its metadata and arrays.

    Raises
    ------
    DataError
        For what cannot be.
    """
    kind, n_fields, normalize = _checked(said, source)
    pairs, of = arrays.pop(PAIR_WEIGHTS, None), arrays.pop(COLUMN_FIELDS, None)
    sound = True
    if kind == "field-weighted":
        sound = (
            pairs is not None
            and pairs.dtype == np.float32
            and pairs.shape == (n_fields, n_fields)
            and bool(np.isfinite(pairs).all() and (pairs == pairs.T).all())
        )
    else:
        pairs = None
    if of is not None:
        sound &= of.dtype == np.int32 and of.ndim == 1 and len(of) <= n_features
        sound = sound and (not len(of) or bool(of.min() >= SEVERAL and of.max() < max(n_fields, 1)))
    if not sound:
        raise DataError(
            f"'{PAIR_WEIGHTS}' and '{COLUMN_FIELDS}' of {n_fields} fields", source=source,
            action="Train again; the file is damaged",
        )  # fmt: skip
    columns = ColumnFields(np.zeros(0, np.int32) if of is None else np.array(of), n_fields)
    return Interactions(kind, n_fields, normalize, None if pairs is None else np.array(pairs), columns)
