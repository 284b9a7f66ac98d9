"""Losses of a linear model's scores, their slopes, and smooth stand-ins for those with kinks.

Hinge, absolute, quantile and epsilon-insensitive absolute loss are sums of |u| for some u that is linear in the
score. Their stand-ins replace |u| by sqrt(u^2 + width^2), which is above it by at most `width`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["KINKED", "LOSSES", "Loss", "LossName"]

LossName = Literal[
    "logistic", "hinge", "squared", "absolute", "eps_insensitive_absolute", "eps_insensitive_squared",
    "quantile", "huber", "softmax",
]  # fmt: skip
LOSSES: tuple[LossName, ...] = (
    "logistic", "hinge", "squared", "absolute", "eps_insensitive_absolute", "eps_insensitive_squared",
    "quantile", "huber", "softmax",
)  # fmt: skip
KINKED = ("hinge", "absolute", "eps_insensitive_absolute", "quantile")
Array = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Loss:
    """One loss.

    Parameters
    ----------
    name : str
    parameter : float
        Margin of the hinge, insensitivity, quantile, or Huber's delta.
    n_outputs : int
        Scores of one model for one row: the number of classes for softmax, else one.
    """

    name: LossName
    parameter: float = 1.0
    n_outputs: int = 1

    def losses(self, scores: Array, labels: Array) -> Array:
        """Return the losses of shape (n_rows, n_models).

        Parameters
        ----------
        scores : ndarray of shape (n_rows, n_models * n_outputs)
        labels : ndarray of shape (n_rows,)
            0 and 1 for logistic and hinge, class numbers for softmax.
        """
        if self.name == "logistic":
            return _logistic(scores, labels.astype(scores.dtype)[:, None], np.exp(-np.abs(scores)))
        return self.losses_and_slopes(scores, labels)[0]

    def losses_and_slopes(self, scores: Array, labels: Array, width: float = 0.0) -> tuple[Array, Array]:
        """Return losses (n_rows, n_models) and their derivatives by the scores, shaped as these.

        `width` rounds the kinks; at 0 they stay.
        """
        if self.name == "softmax":
            return self._softmax(scores, labels)
        y = labels.astype(scores.dtype)[:, None]
        if self.name == "logistic":
            away = np.exp(-np.abs(scores))
            near = 1 / (1 + away)
            slopes = np.where(scores >= 0, near, away * near) - y
            return _logistic(scores, y, away), slopes
        if self.name == "hinge":
            sign = 2 * y - 1
            lacking = self.parameter - sign * scores
            size, slope = _absolute(lacking, width)
            return (size + lacking) / 2, -sign * (slope + 1) / 2
        return self._regression(scores - y, width)

    def _regression(self, errors: Array, width: float) -> tuple[Array, Array]:
        parameter = self.parameter
        match self.name:
            case "absolute":
                return _absolute(errors, width)
            case "quantile":
                size, slope = _absolute(errors, width)
                return (size + (1 - 2 * parameter) * errors) / 2, (slope + (1 - 2 * parameter)) / 2
            case "eps_insensitive_absolute":
                above, rising = _absolute(errors - parameter, width)
                below, falling = _absolute(errors + parameter, width)
                return np.maximum((above + below) / 2 - parameter, 0), (rising + falling) / 2
            case "eps_insensitive_squared":
                beyond = np.sign(errors) * np.maximum(np.abs(errors) - parameter, 0)
                return beyond * beyond, 2 * beyond
            case "huber":
                inside = np.clip(errors, -parameter, parameter)
                return inside * (errors - inside / 2), inside
            case _:
                return errors * errors, 2 * errors

    def _softmax(self, scores: Array, labels: Array) -> tuple[Array, Array]:
        n_rows = len(scores)
        by_model = scores.reshape(n_rows, -1, self.n_outputs)
        shifted = by_model - by_model.max(axis=2, keepdims=True)
        slopes = np.exp(shifted)
        totals = slopes.sum(axis=2)
        slopes /= totals[:, :, None]
        rows, classes = np.arange(n_rows), labels.astype(np.intp)
        losses = np.log(totals) - shifted[rows, :, classes]
        slopes[rows, :, classes] -= 1
        return losses, slopes.reshape(n_rows, -1)

    def curvatures(self, scores: Array, labels: Array, width: float) -> Array:
        """Return upper bounds of the second derivative by the scores, shaped as these, for a preconditioner.

        Of a kink's stand-in it is the curvature of the parabola that touches it at both signs of u and lies
        above it. Lange, "MM Optimization Algorithms", 2016, section 4.
        """
        if self.name == "softmax":
            by_model = scores.reshape(len(scores), -1, self.n_outputs)
            p = np.exp(by_model - by_model.max(axis=2, keepdims=True))
            p /= p.sum(axis=2, keepdims=True)
            return (p * (1 - p)).reshape(scores.shape)
        y = labels.astype(scores.dtype)[:, None]
        errors = scores - y
        match self.name:
            case "logistic":
                away = np.exp(-np.abs(scores))
                bounds = away / (1 + away) ** 2
            case "hinge":
                bounds = 0.5 / np.hypot(self.parameter - (2 * y - 1) * scores, width)
            case "absolute":
                bounds = 1 / np.hypot(errors, width)
            case "quantile":
                bounds = 0.5 / np.hypot(errors, width)
            case "eps_insensitive_absolute":
                inverses = [
                    1 / np.hypot(errors + shift, width) for shift in (-self.parameter, self.parameter)
                ]
                bounds = (inverses[0] + inverses[1]) / 2
            case "huber":
                bounds = np.minimum(1, self.parameter / np.maximum(np.abs(errors), 1e-30))
            case _:
                bounds = np.full_like(scores, 2)
        return bounds


def _logistic(scores: Array, y: Array, away: Array) -> Array:
    """Return the losses, given ``exp(-|score|)``; numpy's log is several times faster than its log1p."""
    return np.maximum(scores, 0) - y * scores + np.log(1 + away)


def _absolute(u: Array, width: float) -> tuple[Array, Array]:
    """Return |u| and its slope, or those of its stand-in."""
    if width == 0:
        return np.abs(u), np.sign(u)
    size = np.hypot(u, width)
    return size, u / size
