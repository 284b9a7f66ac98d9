"""Training to the optimum of the objective: L-BFGS, preconditioned by curvature, on all rows in memory.

Stochastic passes come near an optimum quickly and to it slowly; from near it, a few passes with exact gradients
arrive. Losses with kinks are replaced by smooth ones that come ever closer. Nocedal and Wright, "Numerical
Optimization", 2006, algorithm 7.5; Andrew and Gao, "Scalable Training of L1-Regularized Log-Linear Models",
ICML 2007.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pairloom.kernels.linear import minimise_penalised

__all__ = ["Minimiser", "Objective"]

Float64Array = npt.NDArray[np.float64]
Pair = tuple[Float64Array, Float64Array, float]
"""A change of parameters, that of the gradient, and one over their product."""
WIDTHS = (0.3, 0.1, 0.03, 0.01, 0.003)
"""Half-widths of rounded kinks, as shares of the mean loss."""
MEMORY = 12
SUFFICIENT = 1e-4
SMALL_STEPS = 2
SWEEPS = 30
STEPS = tuple(0.5**n for n in range(30))


class Objective(Protocol):
    """What is minimised, over parameters of shape (1 + n_features, n_outputs), bias first."""

    l1: Float64Array
    """L1 penalty, of the same shape."""
    kinked: bool
    curvature: tuple[Float64Array, Float64Array] | None
    """With an L1 penalty, where `preconditioner` met few enough columns: the matrix that it inverts, and what that is
    multiplied with by output."""

    def value_and_gradient(self, parameters: Float64Array, width: float) -> tuple[float, Float64Array]:
        """Mean loss and L2 penalties, and their gradient."""
        ...

    def value(self, parameters: Float64Array, width: float) -> float:
        """Mean loss and L2 penalties."""
        ...

    def along(
        self, parameters: Float64Array, direction: Float64Array, width: float
    ) -> Callable[[float], float]:
        """Return the value at ``parameters + t * direction`` as a function of t, cheap to call."""
        ...

    def arrived(self, parameters: Float64Array, step: float) -> None:
        """Hear that `parameters` lie on the last line, at `step`."""
        ...

    def preconditioner(
        self, parameters: Float64Array, width: float
    ) -> Callable[[Float64Array], Float64Array]:
        """Return what multiplies a gradient by an approximate inverse of the curvature."""
        ...


@dataclass(slots=True)
class Minimiser:
    """Steps to the minimum of an objective.

    Parameters
    ----------
    objective : Objective
    max_steps : int
        Steps in all; each reads the rows about twice.
    tolerance : float
        A stage ends when two steps running gain less than this share of the value.
    tick : callable
        Hears of the value after every step and may raise.
    """

    objective: Objective
    max_steps: int
    tolerance: float
    tick: Callable[[float], None]

    def minimised(self, start: Float64Array) -> Float64Array:
        """Return parameters near the minimum, from a start of shape (1 + n_features, n_outputs), float64."""
        if not self.objective.kinked:
            return self._stage(start, 0.0, self.max_steps)[0]
        parameters, left = start, self.max_steps
        for number, share in enumerate(WIDTHS):
            level = self.objective.value_and_gradient(parameters, 0.0)[0]
            allowed = left // (len(WIDTHS) - number)
            parameters, used = self._stage(parameters, share * max(level, 1e-12), allowed)
            left -= used
        return parameters

    def _stage(self, parameters: Float64Array, width: float, max_steps: int) -> tuple[Float64Array, int]:
        """Minimise at one width of the kinks; returns the parameters and the steps used."""
        objective, l1 = self.objective, self.objective.l1
        has_l1 = bool(l1.any())
        precondition = objective.preconditioner(parameters, width)
        pairs: list[Pair] = []
        n_small = 0
        smooth, gradient = objective.value_and_gradient(parameters, width)
        value = smooth + float((l1 * np.abs(parameters)).sum())
        for used in range(max_steps):
            steepest = _pseudo_gradient(parameters, gradient, l1) if has_l1 else gradient
            direction = -_inverse_product(steepest, pairs, precondition)
            if has_l1 and objective.curvature is not None:
                moved = self._search_penalised(parameters, gradient, value, width, objective.curvature)
            elif has_l1:
                direction[direction * steepest > 0] = 0.0
                moved = self._search_orthant(parameters, direction, steepest, value, width)
            else:
                slope = float((direction * steepest).sum())
                moved = self._halved(parameters, direction, slope, value, width)
            if moved is None:
                return parameters, used
            smooth, next_gradient = objective.value_and_gradient(moved, width)
            next_value = smooth + float((l1 * np.abs(moved)).sum())
            change, bend = moved - parameters, next_gradient - gradient
            curvature = float((change * bend).sum())
            if curvature > 1e-12 * float(np.linalg.norm(bend) * np.linalg.norm(change)):
                pairs = [*pairs[-(MEMORY - 1) :], (change, bend, 1 / curvature)]
            n_small = n_small + 1 if value - next_value <= self.tolerance * abs(value) else 0
            parameters, gradient, value = moved, next_gradient, next_value
            self.tick(value)
            if n_small == SMALL_STEPS:
                return parameters, used + 1
        return parameters, max_steps

    def _halved(
        self, parameters: Float64Array, direction: Float64Array, slope: float, value: float, width: float
    ) -> Float64Array | None:
        """Halve the step until the value falls enough for its slope; None when it never does."""
        if not slope < 0:
            return None
        at = self.objective.along(parameters, direction, width)
        for step in STEPS:
            if at(step) <= value + SUFFICIENT * step * slope:
                moved = parameters + step * direction
                self.objective.arrived(moved, step)
                return moved
        return None

    def _search_penalised(
        self,
        parameters: Float64Array,
        gradient: Float64Array,
        value: float,
        width: float,
        curvature: tuple[Float64Array, Float64Array],
    ) -> Float64Array | None:
        """Step to the minimum of a parabola with the penalty upon it.

        Lee, Sun and Saunders, "Proximal Newton-Type Methods", SIAM Journal on Optimization 2014.
        """
        l1, (matrix, relative) = self.objective.l1, curvature
        steps = [
            minimise_penalised(
                matrix, float(relative[k]), gradient[:, k], parameters[:, k], l1[:, k], max_sweeps=SWEEPS
            )
            for k in range(parameters.shape[1])
        ]
        direction = np.stack(steps, axis=1)
        shrunk = float((l1 * (np.abs(parameters + direction) - np.abs(parameters))).sum())
        slope = float((gradient * direction).sum()) + shrunk
        return self._halved(parameters, direction, slope, value, width)

    def _search_orthant(
        self,
        parameters: Float64Array,
        direction: Float64Array,
        steepest: Float64Array,
        value: float,
        width: float,
    ) -> Float64Array | None:
        """Halve the step among parameters of unchanged sign; one that would change its sign becomes zero."""
        if not float((direction * steepest).sum()) < 0:
            return None
        l1 = self.objective.l1
        orthant = np.where(parameters != 0, np.sign(parameters), -np.sign(steepest))
        for step in STEPS:
            moved = parameters + step * direction
            moved[(l1 > 0) & (moved * orthant < 0)] = 0.0
            reached = self.objective.value(moved, width) + float((l1 * np.abs(moved)).sum())
            if reached <= value + SUFFICIENT * float((steepest * (moved - parameters)).sum()):
                return moved
        return None


def _pseudo_gradient(parameters: Float64Array, gradient: Float64Array, l1: Float64Array) -> Float64Array:
    """Return the gradient of least size that the penalty's corners allow."""
    at_zero = np.sign(gradient) * np.maximum(np.abs(gradient) - l1, 0.0)
    return np.where(parameters == 0, at_zero, gradient + l1 * np.sign(parameters))


def _inverse_product(
    gradient: Float64Array,
    pairs: list[Pair],
    precondition: Callable[[Float64Array], Float64Array],
) -> Float64Array:
    """Multiply by the inverse of the curvature that the last steps met."""
    direction = gradient.copy()
    shares: list[float] = []
    for change, bend, inverse in reversed(pairs):
        share = inverse * float((change * direction).sum())
        direction -= share * bend
        shares.append(share)
    direction = precondition(direction)
    for (change, bend, inverse), share in zip(pairs, reversed(shares), strict=True):
        direction += (share - inverse * float((bend * direction).sum())) * change
    return direction
