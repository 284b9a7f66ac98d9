"""Scores of a classifier turned into probabilities that can be believed, learned on held-out rows.

A classifier that was trained too long, on weighted rows or on drawn negatives ranks well and still says 0.9
where 0.7 happens. Platt's sigmoid mends a tilt and a shift with two numbers and needs few rows; isotonic regression
mends any rising curve and wants some thousands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.metrics.calibration import reliability_curve
from pairloom.metrics.classification import binary_cross_entropy

__all__ = [
    "Calibration",
    "CalibrationMethod",
    "IsotonicCalibration",
    "PlattCalibration",
    "calibration_from_json",
    "calibration_report",
    "fit_calibration",
]

Float64Array = npt.NDArray[np.float64]
CalibrationMethod = Literal["platt", "isotonic"]
METHODS = ("platt", "isotonic")
NEWTON_STEPS = 100
FOLDS = 5
LARGEST_POINTS = 1 << 20


@dataclass(frozen=True, slots=True)
class PlattCalibration:
    """``1 / (1 + exp(-(slope * score + intercept)))``.

    Parameters
    ----------
    slope, intercept : float

    References
    ----------
    Platt, "Probabilistic outputs for support vector machines", 1999; Lin, Lin and Weng, "A note on Platt's
    probabilistic outputs", Machine Learning 68, 2007.
    """

    slope: float
    intercept: float

    def probabilities(self, scores: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Turn raw scores into probabilities, both of shape (n_rows,)."""
        return _sigmoid(self.slope * scores.astype(np.float64) + self.intercept).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"method": "platt", "slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True, slots=True)
class IsotonicCalibration:
    """A rising curve through points, straight between them and flat beyond.

    Parameters
    ----------
    scores : ndarray of shape (n_points,), float64
        Ascending.
    values : ndarray of shape (n_points,), float64
        Probability at each, never falling.

    References
    ----------
    Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability estimates", KDD 2002.
    """

    scores: Float64Array
    values: Float64Array

    def probabilities(self, scores: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Turn raw scores into probabilities, both of shape (n_rows,)."""
        return np.interp(scores.astype(np.float64), self.scores, self.values).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"method": "isotonic", "scores": self.scores.tolist(), "values": self.values.tolist()}


Calibration = PlattCalibration | IsotonicCalibration


def fit_calibration(
    method: CalibrationMethod,
    scores: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    weights: npt.NDArray[Any] | None = None,
) -> Calibration:
    """Learn how scores become probabilities.

    Parameters
    ----------
    method : {"platt", "isotonic"}
    scores : ndarray of shape (n_rows,)
        Raw scores of rows that the model was not trained on.
    labels : ndarray of shape (n_rows,)
        0 or 1; both must occur.
    weights : ndarray of shape (n_rows,), optional
    """
    if method not in METHODS:
        raise UserError(f"calibrate: 'method' must be {' or '.join(METHODS)}. Got {method!r}.")
    amounts = np.ones(len(labels)) if weights is None else weights.astype(np.float64)
    truth = labels.astype(np.float64)
    positive, negative = float(amounts @ truth), float(amounts @ (1 - truth))
    if not (positive > 0 and negative > 0):
        raise UserError(
            f"calibrate: held-out rows must hold both labels. Got {positive:g} of label 1 and {negative:g} of label 0. "
            "Hold out more rows."
        )
    learn = _fit_platt if method == "platt" else _fit_isotonic
    return learn(scores.astype(np.float64), truth, amounts)


def calibration_report(
    method: CalibrationMethod,
    scores: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    weights: npt.NDArray[Any] | None,
    raw: npt.NDArray[Any],
) -> dict[str, Any]:
    """Measure what calibration does, by cross-validation: no row is measured by a curve that was learned on it.

    Parameters
    ----------
    method, scores, labels, weights : as in `fit_calibration`
    raw : ndarray of shape (n_rows,)
        Probabilities before calibration.

    Returns
    -------
    dict
        ``n_rows``, and of ``before`` and ``after`` the cross-entropy, the expected calibration error and the
        reliability curve, as JSON values. ``after`` is missing where the rows are too few for five folds.
    """
    report = {"method": method, "n_rows": len(labels), "before": _measures(labels, raw, weights)}
    folds = np.random.default_rng(0).permutation(len(labels)) % FOLDS
    calibrated = np.empty(len(labels), np.float32)
    for fold in range(FOLDS):
        held, kept = folds == fold, folds != fold
        kept_weights = None if weights is None else weights[kept]
        if not held.any() or not 0 < labels[kept].mean() < 1:
            return report
        learned = fit_calibration(method, scores[kept], labels[kept], kept_weights)
        calibrated[held] = learned.probabilities(scores[held])
    return {**report, "after": _measures(labels, calibrated, weights)}


def calibration_from_json(saved: Any, source: str) -> Calibration:
    """Undo `to_json`; DataError for what it never returned."""
    try:
        if not isinstance(saved, Mapping):
            raise TypeError("no mapping")
        if saved["method"] == "platt":
            curve: Calibration = PlattCalibration(float(saved["slope"]), float(saved["intercept"]))
            sound = bool(np.isfinite([curve.slope, curve.intercept]).all())
        elif saved["method"] == "isotonic":
            if len(saved["scores"]) > LARGEST_POINTS:
                raise ValueError(f"more than {LARGEST_POINTS} points")
            curve = IsotonicCalibration(
                np.asarray(saved["scores"], np.float64), np.asarray(saved["values"], np.float64)
            )
            sound = _is_rising(curve)
        else:
            raise ValueError("neither platt nor isotonic")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError("a calibration", got=repr(error), source=source, field="calibration") from error
    if not sound:
        raise DataError(
            "a rising curve of finite numbers", source=source, field="calibration", action="Calibrate again"
        )
    return curve


def _is_rising(curve: IsotonicCalibration) -> bool:
    scores, values = curve.scores, curve.values
    return bool(
        scores.ndim == 1
        and scores.shape == values.shape
        and len(scores) > 0
        and np.isfinite(scores).all()
        and (np.diff(scores) >= 0).all()
        and (np.diff(values) >= 0).all()
        and 0 <= values[0] <= values[-1] <= 1
    )


def _measures(
    labels: npt.NDArray[Any], probabilities: npt.NDArray[Any], weights: npt.NDArray[Any] | None
) -> dict[str, Any]:
    curve = reliability_curve(labels, probabilities, weights)
    return {
        "binary_classification_cross_entropy": binary_cross_entropy(labels, probabilities, weights),
        "expected_calibration_error": curve.expected_calibration_error,
        "predicted": curve.predicted.tolist(),
        "observed": curve.observed.tolist(),
        "weights": curve.weights.tolist(),
    }


def _sigmoid(values: Float64Array) -> Float64Array:
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-values))


def _fit_platt(scores: Float64Array, truth: Float64Array, amounts: Float64Array) -> PlattCalibration:
    """Newton's method on two parameters, with Platt's targets, which keep separable rows finite."""
    positive, negative = float(amounts @ truth), float(amounts @ (1 - truth))
    targets = np.where(truth > 0.5, (positive + 1) / (positive + 2), 1 / (negative + 2))
    centre, spread = float(np.average(scores, weights=amounts)), float(scores.std()) or 1.0
    columns = np.stack([(scores - centre) / spread, np.ones(len(scores))])
    parameters = np.array([0.0, np.log((positive + 1) / (negative + 1))])

    def loss(at: npt.NDArray[np.floating[Any]]) -> float:
        margin = at @ columns
        return float(amounts @ (np.logaddexp(0.0, margin) - targets * margin))

    current = loss(parameters)
    for _ in range(NEWTON_STEPS):
        share = _sigmoid(parameters @ columns)
        gradient = columns @ (amounts * (share - targets))
        curvature = (columns * (amounts * share * (1 - share))) @ columns.T + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while size > 1e-10 and loss(parameters - size * step) > current - 1e-4 * size * float(
            gradient @ step
        ):
            size /= 2
        better = loss(parameters - size * step)
        if current - better <= 1e-12 * abs(current):
            break
        parameters, current = parameters - size * step, better
    slope = parameters[0] / spread
    return PlattCalibration(float(slope), float(parameters[1] - slope * centre))


def _fit_isotonic(scores: Float64Array, truth: Float64Array, amounts: Float64Array) -> IsotonicCalibration:
    """Pool adjacent violators, then keep both ends of each level.

    The outermost levels are kept half a row away from 0 and 1, so that one surprise costs no infinite loss.
    """
    places, inverse = np.unique(scores, return_inverse=True)
    masses = np.bincount(inverse, amounts).astype(np.float64)
    seen = masses > 0
    places, sums = places[seen], np.bincount(inverse, amounts * truth)[seen]
    levels = _pooled(sums / masses[seen], masses[seen])
    edge = 0.5 / (float(amounts.sum()) + 1)
    values = np.clip(levels, edge, 1 - edge)
    change = np.flatnonzero(np.diff(values) > 0)
    ends = np.unique(np.concatenate([[0], change, change + 1, [len(values) - 1]]))
    return IsotonicCalibration(places[ends], values[ends])


def _pooled(means: Float64Array, masses: Float64Array) -> Float64Array:
    """Return the nearest never falling sequence, by weighted squares."""
    level: list[float] = []
    mass: list[float] = []
    count: list[int] = []
    for mean, amount in zip(means.tolist(), masses.tolist(), strict=True):
        level.append(mean)
        mass.append(amount)
        count.append(1)
        while len(level) > 1 and level[-2] >= level[-1]:
            last, weight = level.pop(), mass.pop()
            total = mass[-1] + weight
            level[-1] = (level[-1] * mass[-1] + last * weight) / total
            mass[-1] = total
            count[-2:] = [count[-2] + count[-1]]
    return np.repeat(np.array(level), count)
