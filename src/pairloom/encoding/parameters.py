"""The parameters of FeatureEncoder, checked when they are first used, as scikit-learn wants it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pairloom.encoding.input_names import check_available
from pairloom.encoding.relations import checked_histories, checked_relations
from pairloom.encoding.specs import Bucket, Date, Id, Multi, Spec, Standard, Text
from pairloom.errors import UserError

__all__ = ["NAMES", "chosen_columns", "listed_specs", "parameters_of"]

SPECS = (Id, Multi, Bucket, Standard, Date, Text)
NAMES = (
    "columns", "remainder", "unseen_samples", "missing_share", "random_state", "relations", "histories", "output",
)  # fmt: skip
OUTPUTS = ("auto", "matrix", "relational")


def parameters_of(encoder: object) -> dict[str, Any]:
    """Return the parameters after checking them."""
    values = {name: getattr(encoder, name) for name in NAMES}
    listed_specs(values["columns"])
    remainder = values["remainder"]
    _require(
        isinstance(remainder, SPECS) or remainder in ("drop", "auto"),
        "remainder",
        "'drop', 'auto' or a spec such as Id()",
        remainder,
    )
    samples, share = values["unseen_samples"], values["missing_share"]
    _require(_in_range(samples, 0, 1e9), "unseen_samples", "a finite number of at least 0", samples)
    _require(_in_range(share, 0, 1), "missing_share", "a number in [0, 1]", share)
    seed = values["random_state"]
    _require(isinstance(seed, int) and 0 <= seed < 2**32, "random_state", "an integer in [0, 2**32)", seed)
    for relation in checked_relations(values["relations"]):
        listed_specs(relation.columns)
    checked_histories(values["histories"])
    _require(values["output"] in OUTPUTS, "output", f"one of {', '.join(OUTPUTS)}", values["output"])
    return values


def listed_specs(columns: Any) -> dict[str, Spec | None] | None:
    """Return the listed columns with their specs, None where one follows from the data; None for all."""
    if columns is None:
        return None
    expected = "column names, or a mapping of column names to specs such as Id()"
    if isinstance(columns, Mapping):
        specs = {str(name): spec for name, spec in cast(Mapping[Any, Any], columns).items()}
        for name, spec in specs.items():
            _require(isinstance(spec, SPECS), "columns", f"{expected}, at {name!r}", spec)
    else:
        _require(
            isinstance(columns, Sequence) and not isinstance(columns, str | bytes),
            "columns",
            expected,
            columns,
        )
        names = [str(name) for name in cast(Sequence[Any], columns)]
        _require(len(set(names)) == len(names), "columns", "different names", names)
        specs = dict.fromkeys(names)
    _require(len(specs) > 0, "columns", expected + ", at least one", columns)
    return specs


def chosen_columns(columns: Any, remainder: Any, available: list[str]) -> dict[str, Spec | None]:
    """Choose from the available columns, in the order listed, then in their own."""
    listed = listed_specs(columns)
    if listed is None:
        return dict.fromkeys(available)
    check_available(listed, available)
    if remainder == "drop":
        return listed
    spec = None if remainder == "auto" else remainder
    return listed | {name: spec for name in available if name not in listed}


def _in_range(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and low <= value <= high


def _require(fits: bool, name: str, expected: str, got: object) -> None:
    if not fits:
        raise UserError(f"FeatureEncoder: '{name}' must be {expected}. Got {got!r}.")
