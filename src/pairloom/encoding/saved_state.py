"""A fitted encoder as JSON and arrays, to be saved inside a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from pairloom.encoding.features import Feature, Int32Array
from pairloom.encoding.joins import Joins, SavedJoins
from pairloom.encoding.kinds import FEATURES
from pairloom.encoding.specs import Spec
from pairloom.errors import UserError
from pairloom.kernels.arrays import check_vector

__all__ = ["VERSION", "Field", "SavedEncoder", "pack", "unpack"]

UNUSABLE = (KeyError, TypeError, ValueError, OverflowError)
VERSION = 2
"""Version 1 knew neither joins nor bins of dates."""


class Field(msgspec.Struct, frozen=True):
    """One raw column: its name, its spec, and what was learned of it beside arrays."""

    name: str
    spec: Spec
    learned: dict[str, Any]


class SavedEncoder(msgspec.Struct, frozen=True):
    """The JSON part."""

    version: int
    columns: list[str] | dict[str, Spec] | None
    remainder: str | Spec
    unseen_samples: float
    missing_share: float
    random_state: int
    input_names: list[str]
    named: bool
    fields: list[Field]
    output: str = "auto"
    joins: SavedJoins = SavedJoins()


def pack(
    saved: SavedEncoder, features: list[Feature], columns: list[Int32Array]
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return JSON-able metadata, and arrays named ``<field>.columns`` and ``<field>.<array>``.

    `columns` are those of all fields; those of joins come after those of `features`.
    """
    fields: list[Field] = []
    arrays: dict[str, npt.NDArray[Any]] = {}
    for i, (field, feature) in enumerate(zip(saved.fields, features, strict=True)):
        learned, own = feature.state()
        fields.append(Field(field.name, field.spec, learned))
        arrays |= {f"{i}.columns": columns[i]} | {f"{i}.{name}": array for name, array in own.items()}
    for i in range(len(features), len(columns)):
        arrays[f"{i}.columns"] = columns[i]
    return msgspec.to_builtins(msgspec.structs.replace(saved, fields=fields)), arrays


def unpack(
    metadata: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> tuple[SavedEncoder, list[Feature], list[Int32Array], Joins]:
    """Undo `pack`, trusting nothing.

    Raises
    ------
    UserError
        If metadata or arrays are not those of an encoder.
    """
    version = metadata.get("version")
    if isinstance(version, bool) or version not in range(1, VERSION + 1):
        raise UserError(
            f"FeatureEncoder: the saved version must be 1 to {VERSION}. Got {version!r}. "
            "Update pairloom to read newer models."
        )
    try:
        saved = msgspec.convert(dict(metadata), SavedEncoder)
    except msgspec.ValidationError as error:
        raise UserError(
            f"FeatureEncoder: the saved state must be that of an encoder. Got: {error}."
        ) from error
    features: list[Feature] = []
    columns: list[Int32Array] = []
    for i, field in enumerate(saved.fields):
        prefix = f"{i}."
        own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        try:
            feature: Feature = FEATURES[type(field.spec)].restored(field.spec, field.learned, own)
            check_vector("saved state", "columns", own["columns"], np.int32, feature.settle())
        except UNUSABLE as error:
            raise _refusal(f"column {field.name!r}", error) from error
        features.append(feature)
        columns.append(own["columns"].copy())
    try:
        joins = Joins.restored(saved.joins, arrays)
        for i, size in enumerate(joins.settle(), len(features)):
            check_vector("saved state", "columns", arrays[f"{i}.columns"], np.int32, size)
            columns.append(arrays[f"{i}.columns"].copy())
        if f"{len(columns)}.columns" in arrays:
            raise UserError(f"the arrays must be those of {len(columns)} fields. Got more.")
    except UNUSABLE as error:
        raise _refusal("relations and histories", error) from error
    return saved, features, columns, joins


def _refusal(what: str, error: Exception) -> UserError:
    reason = f"no {error}" if isinstance(error, KeyError) else error
    return UserError(f"FeatureEncoder: the saved state of {what} cannot be used: {reason}")
