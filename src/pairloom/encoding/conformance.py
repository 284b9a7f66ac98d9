"""Manners of scikit-learn, without importing it."""

from __future__ import annotations

import sys
from typing import Any, ClassVar, Self

from pairloom.errors import UserError

__all__ = ["TransformerManners", "not_fitted"]


def not_fitted(estimator: object) -> UserError:
    """Make the error for use before fit: also scikit-learn's own NotFittedError if that is loaded."""
    message = f"{type(estimator).__name__}: must be fitted first. Call fit(data)."
    sklearn = sys.modules.get("sklearn.exceptions")
    if sklearn is None:
        return UserError(message)
    combined = type("NotFittedError", (UserError, sklearn.NotFittedError), {})
    return combined(message)


class TransformerManners:
    """Parameters, tags and representation of a transformer of raw columns that needs no labels."""

    parameter_names: ClassVar[tuple[str, ...]]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name."""
        return {name: getattr(self, name) for name in self.parameter_names}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name."""
        for name, value in params.items():
            if name not in self.parameter_names:
                known = ", ".join(self.parameter_names)
                raise UserError(f"{type(self).__name__}: a parameter must be one of {known}. Got {name!r}.")
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            input_tags=InputTags(two_d_array=True, categorical=True, string=True, allow_nan=True),
        )

    def __repr__(self) -> str:
        defaults = type(self)().get_params()
        changed = (
            f"{name}={value!r}" for name, value in self.get_params().items() if value != defaults[name]
        )
        return f"{type(self).__name__}({', '.join(changed)})"
