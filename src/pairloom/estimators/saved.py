"""What a model file says of its estimator, written, and believed only where it can be true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.fm.model import FactorizationMachine

__all__ = ["Description", "read_description", "saved_description"]

SCALARS = (int, float, str, bool, type(None))


@dataclass(frozen=True, slots=True)
class Description:
    """Of an estimator, what its model does not tell.

    Parameters
    ----------
    parameters : mapping of str to scalar
    classes : ndarray of shape (2,)
    feature_names : ndarray of shape (n_features,), optional
    """

    parameters: Mapping[str, Any]
    classes: npt.NDArray[Any]
    feature_names: npt.NDArray[Any] | None


def saved_description(estimator: Any) -> dict[str, Any]:
    """Return parameters, classes and names of features as JSON values."""
    names = getattr(estimator, "feature_names_in_", None)
    return {
        "estimator": {
            name: value
            for name, value in estimator.get_params().items()
            if name != "callbacks" and isinstance(value, SCALARS)
        },
        "classes": np.asarray(estimator.classes_).tolist() if hasattr(estimator, "classes_") else None,
        "feature_names": None if names is None else list(names),
    }


def read_description(model: FactorizationMachine, known: Iterable[str], source: str) -> Description:
    """Return what a model's metadata says; DataError for what cannot be.

    Parameters
    ----------
    model : FactorizationMachine
    known : iterable of str
        Parameters of the estimator; those of other versions are passed over.
    source : str
        Named in errors.
    """
    parameters = model.metadata.get("estimator", {})
    if not isinstance(parameters, Mapping) or not all(isinstance(v, SCALARS) for v in parameters.values()):
        raise DataError(
            "parameters that are numbers and words", got=_shown(parameters), source=source, field="estimator"
        )
    classes = model.metadata.get("classes") or [0, 1]
    if not (
        isinstance(classes, list)
        and len(classes) == 2
        and all(isinstance(label, (int, float, str)) for label in classes)
        and len({isinstance(label, str) for label in classes}) == 1
        and classes[0] < classes[1]
    ):
        raise DataError("two labels in order", got=_shown(classes), source=source, field="classes")
    names = model.metadata.get("feature_names")
    if names is not None and not (
        isinstance(names, list) and len(names) <= model.n_features and all(isinstance(n, str) for n in names)
    ):
        raise DataError("a name for every feature", got=_shown(names), source=source, field="feature_names")
    return Description(
        {name: value for name, value in parameters.items() if name in set(known)},
        np.asarray(classes),
        np.asarray(names, dtype=object) if names else None,
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
