"""scikit-learn's manners without importing scikit-learn: whoever asks for them has imported it already."""

from __future__ import annotations

import inspect
import sys
import warnings
from typing import Any, Self

from pairloom.errors import UserError

__all__ = ["EstimatorManners", "not_fitted", "warn_of_column_labels"]


def not_fitted(estimator: object) -> Exception:
    """Return the error for an estimator without a model: a UserError, and scikit-learn's own where that is loaded."""
    message = (
        f"This {type(estimator).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments "
        "before using this estimator."
    )
    exceptions = sys.modules.get("sklearn.exceptions")
    if exceptions is None:
        return UserError(message)
    return type("NotFittedError", (UserError, exceptions.NotFittedError), {})(message)


def warn_of_column_labels() -> None:
    """Warn that labels came as a column, in scikit-learn's category where that is loaded."""
    exceptions = sys.modules.get("sklearn.exceptions")
    category: type[Warning] = exceptions.DataConversionWarning if exceptions is not None else UserWarning
    message = (
        "A column-vector y was passed when a 1d array was expected. Change the shape of y to (n_samples,)."
    )
    warnings.warn(message, category, stacklevel=4)


class EstimatorManners:
    """``get_params``, ``set_params`` and what is shown of an estimator."""

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name."""
        return {name: getattr(self, name) for name in sorted(self._parameter_names())}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name."""
        known = self._parameter_names()
        for name, value in params.items():
            if name not in known:
                raise UserError(
                    f"Invalid parameter {name!r} for estimator {self!r}. Valid parameters are: {sorted(known)!r}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        parameters = inspect.signature(type(self).__init__).parameters
        changed = [
            f"{name}={getattr(self, name)!r}"
            for name in self._parameter_names()
            if repr(getattr(self, name)) != repr(parameters[name].default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"
