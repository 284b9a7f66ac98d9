"""The regressor: numbers such as ratings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Self, overload

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.estimators.base import Callback, FactorizationMachineEstimator, RandomState
from pairloom.estimators.inputs import labels_of, weights_of
from pairloom.estimators.parameters import document
from pairloom.fm.settings import Task

__all__ = ["FactorizationMachineRegressor"]


@document
class FactorizationMachineRegressor(FactorizationMachineEstimator):
    """Factorization machine for numbers: ratings, prices, durations.

    Learns a weight for every feature and an interaction for every pair of features, also for pairs that no
    training row held: the interaction of two features is the product of their factors. Use it where rows are sparse
    and the combination counts, as of a user and an item.

    {parameters}
    likelihood : {"normal", "ordinal"}, default "normal"
        How labels follow from scores, for solver "mcmc": normal around them, or, as stars do, as levels of a hidden
        number (an ordered probit). "ordinal" predicts the mean of the levels; see `predict_distribution`.
    clip_predictions : bool, default False
        Cut predictions to the range of the training labels.

    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from pairloom import FactorizationMachineRegressor
    >>> X = np.eye(4)[[0, 1, 0, 1]] + np.eye(4)[[2, 2, 3, 3]]  # user 0 or 1, film 2 or 3
    >>> y = np.array([1.0, 2.0, 3.0, 4.0])
    >>> model = FactorizationMachineRegressor(n_factors=2, epochs=200, random_state=0).fit(X, y)
    >>> bool(abs(model.predict(X) - y).max() < 0.5)
    True

    References
    ----------
    Rendle, "Factorization Machines", ICDM 2010.
    """

    _task: Task = "regression"

    likelihood: str
    clip_predictions: bool

    def __init__(
        self,
        n_factors: int = 16,
        *,
        interactions: str = "pairwise",
        fields: Any = None,
        normalize_rows: bool = False,
        fit_intercept: bool = True,
        fit_linear: bool = True,
        solver: str | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        bias_learning_rate: float | None = None,
        linear_learning_rate: float | None = None,
        factors_learning_rate: float | None = None,
        learning_rate_schedule: str = "linear",
        final_learning_rate: float = 0.02,
        bias_decay: float = 0.0,
        linear_decay: float | None = None,
        factors_decay: float | None = None,
        linear_l1: float = 0.0,
        factors_l1: float = 0.0,
        init_method: str = "normal",
        bias_init: float = 0.0,
        linear_init_scale: float = 0.0,
        factors_init_scale: float = 0.05,
        batch_size: int = 1000,
        clip_gradient: float | None = None,
        rescale_gradient: float = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 1e-5,
        burn_in: int | None = None,
        n_samples: int = 128,
        n_chains: int = 1,
        shuffle: bool = True,
        warm_start: bool = False,
        n_jobs: int | None = None,
        deterministic: bool = False,
        random_state: RandomState = None,
        likelihood: str = "normal",
        clip_predictions: bool = False,
        callbacks: Iterable[Callback] | None = None,
        verbose: int = 0,
    ) -> None:
        self._store(locals())

    def _clips(self) -> bool:
        return bool(self.clip_predictions)

    def _encode_labels(self, labels: npt.NDArray[Any], *, classes: Any = None) -> npt.NDArray[np.float32]:
        try:
            numbers = labels.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"y must hold numbers. Got {labels.dtype} ({error}). Encode the labels first."
            ) from error
        with np.errstate(over="ignore"):
            narrow = numbers.astype(np.float32)
        if not np.isfinite(narrow).all():
            row = int(np.argmin(np.isfinite(narrow)))
            what = "NaN" if np.isnan(numbers[row]) else "infinity or a value too large for float32"
            raise UserError(f"Input y contains {what}, in row {row + 1}. Remove the row or give it a number.")
        return narrow

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from one pass over some rows, on top of what is known; X may be wider than before.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`
        """
        return self._partial_fit(X, y, sample_weight, None)

    @overload
    def predict(self, X: Any, *, return_std: Literal[False] = False) -> npt.NDArray[np.float32]: ...
    @overload
    def predict(
        self, X: Any, *, return_std: Literal[True]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]: ...
    def predict(self, X: Any, *, return_std: bool = False) -> Any:
        """Return predictions of shape (n_rows,).

        Parameters
        ----------
        X : as in `fit`
        return_std : bool
            Of solver "mcmc": return a second array of shape (n_rows,), the standard deviation of a label around its
            prediction. It counts both what the parameters leave open and the noise of a label: about 90 % of labels
            lie within 1.645 of it.
        """
        rows = self._parts_to_score(X)
        if not return_std:
            return self._fitted().predict(rows, n_threads=self._threads())
        return self._fitted().predict_with_deviation(rows, n_threads=self._threads())

    def predict_distribution(self, X: Any) -> npt.NDArray[np.float32]:
        """Return the probability of every level, of shape (n_rows, n_levels), with likelihood "ordinal".

        Parameters
        ----------
        X : as in `fit`
        """
        return self._fitted().predict_distribution(self._parts_to_score(X), n_threads=self._threads())[1]

    @property
    def levels_(self) -> npt.NDArray[np.float64]:
        """The labels that there are, ascending, with likelihood "ordinal"; of shape (n_levels,)."""
        posterior = self._fitted().posterior
        if posterior is None or not len(posterior.levels):
            raise AttributeError(
                f"{type(self).__name__} has 'levels_' after a fit with likelihood 'ordinal'."
            )
        return posterior.levels

    def _likelihood(self) -> Literal["normal", "ordinal"]:
        if self.likelihood not in ("normal", "ordinal"):
            raise UserError(
                f"{type(self).__name__}: 'likelihood' must be 'normal' or 'ordinal'. Got {self.likelihood!r}."
            )
        if self.likelihood == "ordinal" and self._solver() != "mcmc":
            raise UserError(
                f"{type(self).__name__}: likelihood 'ordinal' needs solver 'mcmc'. Got {self._solver()!r}."
            )
        return "ordinal" if self.likelihood == "ordinal" else "normal"

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination R^2 of the predictions."""
        predictions = self.predict(X).astype(np.float64)
        labels = labels_of(y, len(predictions)).astype(np.float64)
        weights = weights_of(sample_weight, len(labels))
        mean = np.average(labels, weights=weights)
        total = np.average((labels - mean) ** 2, weights=weights)
        residual = np.average((labels - predictions) ** 2, weights=weights)
        return float(1.0 - residual / total) if total > 0 else float(residual == 0)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type="regressor",
            target_tags=TargetTags(required=True),
            regressor_tags=RegressorTags(),
            input_tags=InputTags(sparse=True),
        )
