"""Reward models for the direct and the doubly robust estimators, each row predicted by a model that never saw it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError

__all__ = ["RewardModel", "cross_fitted"]

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
MOST_ROWS = 200_000


class RewardModel(Protocol):
    """Any regressor: an estimator of Pairloom or scikit-learn, or a pipeline."""

    def fit(self, X: Any, y: Any) -> Any:
        """Learn."""
        ...

    def predict(self, X: Any) -> Any:
        """Return expected rewards of shape (n_rows,)."""
        ...


def cross_fitted(
    make: Callable[[], RewardModel],
    features: Any,
    rewards: Any,
    features_of_actions: Callable[[Int64Array], Any],
    target: Any,
    *,
    n_folds: int = 5,
    units: Any = None,
    random_state: int = 0,
) -> tuple[Float64Array, Float64Array]:
    """Return what a model expects of each logged action and of the target policy, each of shape (n_rows,).

    A model judged on rows that it was trained on would make the doubly robust estimate too sure and biased; so the rows
    are parted into folds, and those of each are predicted by a model of the others.

    Parameters
    ----------
    make : callable
        Returns a new, unfitted regressor.
    features : array, sparse matrix, data frame or mapping of columns, of n_rows rows
        Context and action of each logged row.
    rewards : array of shape (n_rows,)
    features_of_actions : callable
        Given numbers of rows, their features with each action in turn: ``len(rows) * n_actions`` rows, all actions of
        the first row first.
    target : array of shape (n_rows, n_actions)
        The target policy's probabilities.
    n_folds : int
    units : array of shape (n_rows,), optional
        Rows with the same value are in one fold, as those of one user.
    random_state : int

    Raises
    ------
    UserError
        For fewer units than folds.
    DataError
        If a model predicts what is no finite number.

    References
    ----------
    Chernozhukov et al., "Double/debiased machine learning", Econometrics Journal 2018, section 3.
    """
    rewards = np.asarray(rewards, np.float64)
    target = np.asarray(target, np.float64)
    n_rows = len(rewards)
    if target.ndim != 2 or len(target) != n_rows:
        raise UserError(f"cross_fitted: 'target' must be of shape ({n_rows}, n_actions). Got {target.shape}.")
    which = np.arange(n_rows) if units is None else np.unique(np.asarray(units), return_inverse=True)[1]
    n_units = int(which.max()) + 1 if n_rows else 0
    if not 2 <= n_folds <= n_units:
        raise UserError(
            f"cross_fitted: 'n_folds' must be 2 or more and at most the {n_units} units. Got {n_folds}."
        )
    fold_of = (np.random.default_rng(random_state).permutation(n_units) % n_folds)[which]
    logged, expected = np.empty(n_rows), np.empty(n_rows)
    n_at_once = max(1, MOST_ROWS // target.shape[1])
    for fold in range(n_folds):
        own = np.flatnonzero(fold_of == fold)
        others = np.flatnonzero(fold_of != fold)
        model = make()
        model.fit(taken(features, others), rewards[others])
        logged[own] = _finite(model.predict(taken(features, own)), len(own))
        for begin in range(0, len(own), n_at_once):
            rows = own[begin : begin + n_at_once]
            all_actions = _finite(model.predict(features_of_actions(rows)), target[rows].size)
            expected[rows] = (all_actions.reshape(len(rows), -1) * target[rows]).sum(axis=1)
    return logged, expected


def taken(features: Any, rows: Int64Array) -> Any:
    """Return some rows of an array, a sparse matrix, a data frame or a mapping of columns."""
    if isinstance(features, Mapping):
        return {name: taken(column, rows) for name, column in features.items()}
    if hasattr(features, "iloc"):
        return features.iloc[rows]
    return features[rows] if hasattr(features, "shape") else [features[row] for row in rows.tolist()]


def _finite(predicted: Any, n_rows: int) -> Float64Array:
    found = np.asarray(predicted, np.float64).reshape(-1)
    if len(found) != n_rows or not np.isfinite(found).all():
        raise DataError(
            f"{n_rows} finite predictions", source="reward model",
            got=f"{len(found)}, {int((~np.isfinite(found)).sum())} of them not finite",
        )  # fmt: skip
    return found
