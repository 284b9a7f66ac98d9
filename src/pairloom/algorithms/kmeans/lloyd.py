"""Lloyd's iterations over weighted points in memory, and the seeding that they begin from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.kmeans.nearest import Nearest, sums_by_label

__all__ = ["best_of_trials", "lloyd", "seeds"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
InitMethod = Literal["random", "kmeans++"]
SMALLEST_NORM, LARGEST_NORM = 1e-18, 1e18


def seeds(
    points: Float32Array,
    n_seeds: int,
    method: InitMethod,
    rng: np.random.Generator,
    *,
    weights: Float64Array | None = None,
    existing: Float64Array | None = None,
) -> npt.NDArray[np.intp]:
    """Choose points to begin from.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_features), float32
    n_seeds : int
        At most n_points.
    method : "random" or "kmeans++"
        Any points alike, or each with a chance that grows with its squared distance to those before it: of a few
        drawn that way, the one that lowers the sum of squares most.
    rng : Generator
    weights : ndarray of shape (n_points,), optional
    existing : ndarray of shape (n_centers, n_features), optional
        Centres that are there already.

    Returns
    -------
    ndarray of shape (n_seeds,), integers
        No point is chosen twice.

    References
    ----------
    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    """
    mass = np.ones(len(points)) if weights is None else weights
    if method == "random":
        chances = mass / mass.sum() if np.count_nonzero(mass) >= n_seeds else None
        return rng.choice(len(points), n_seeds, replace=False, p=chances)
    chosen = np.zeros(n_seeds, np.intp)
    open_points = np.ones(len(points), np.bool_)
    n_drawn = 2 + int(np.log(max(n_seeds, 1)))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        moved = points - points.mean(axis=0)
        norms = np.einsum("ij,ij->i", moved, moved)
    if not np.isfinite(norms).all():
        return seeds(points, n_seeds, "random", rng, weights=weights)
    nearest = np.full(len(points), np.inf)
    if existing is not None and len(existing):
        nearest = Nearest(existing).assign(points)[1]
    for place in range(n_seeds):
        potential = np.where(open_points, mass if np.isinf(nearest[0]) else mass * nearest, 0.0)
        total = float(potential.sum())
        if total <= 0:
            left = np.flatnonzero(open_points)
            chosen[place:] = rng.choice(left, n_seeds - place, replace=False)
            return chosen
        drawn = np.searchsorted(np.cumsum(potential), rng.random(n_drawn) * total, side="right")
        drawn = np.minimum(drawn, int(np.flatnonzero(potential)[-1]))
        squared = norms[:, None] - 2 * (moved @ moved[drawn].T) + norms[drawn]
        lowered = np.minimum(nearest[:, None], np.maximum(squared, 0.0))
        best = int((mass @ lowered).argmin())
        chosen[place], nearest = drawn[best], lowered[:, best]
        open_points[drawn[best]] = False
    return chosen


def lloyd(
    points: Float32Array,
    centers: Float64Array,
    *,
    max_iter: int,
    tol: float,
    weights: Float64Array | None = None,
    tick: Callable[[], None] = lambda: None,
) -> tuple[Float64Array, float]:
    """Move centres to the means of their points until the loss no longer falls.

    A centre without points moves to the point that lies farthest from its own.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_features), float32
    centers : ndarray of shape (n_centers, n_features), float64
    max_iter : int
    tol : float
        Stops when an iteration lowers the loss by no more than this share.
    weights : ndarray of shape (n_points,), optional
    tick : callable
        Called once an iteration.

    Returns
    -------
    (centers, loss)
        Loss is the weighted sum of squared distances before the last move.
    """
    loss = np.inf
    points, origin, norms = _centered(points)
    centers = centers - origin
    for _ in range(max_iter):
        tick()
        labels, squared = Nearest(centers, centered=norms is not None).assign(points, norms)
        before, loss = loss, float(squared.sum() if weights is None else squared @ weights)
        sums, totals = sums_by_label(points, labels, len(centers), weights)
        centers = moved_centers(centers, sums, totals, points, squared)
        if before - loss <= tol * before and np.isfinite(before):
            break
    return centers + origin, loss


def _centered(points: Float32Array) -> tuple[Float32Array, Float32Array, Float32Array | None]:
    """Return (points about their mean, that mean, their squared norms); points too wild for it as they are."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        origin = points.mean(axis=0)
        moved = points - origin
        norms = np.einsum("ij,ij->i", moved, moved)
        largest = float(norms.max(initial=0.0))
    if SMALLEST_NORM < largest < LARGEST_NORM:
        return moved, origin, norms
    return points, np.zeros_like(origin), None


def moved_centers(
    centers: Float64Array,
    sums: Float64Array,
    totals: Float64Array,
    points: Float32Array,
    squared: Float64Array,
) -> Float64Array:
    """Return the means of the points of each centre; an empty one goes to the farthest of `points`."""
    moved = centers.copy()
    filled = totals > 0
    moved[filled] = sums[filled] / totals[filled, None]
    empty = np.flatnonzero(~filled)
    if len(empty) and len(points):
        farthest = np.argsort(-squared, kind="stable")[: len(empty)]
        farthest = farthest[squared[farthest] > 0]
        moved[empty[: len(farthest)]] = points[farthest]
    return moved


def best_of_trials(
    points: Float32Array,
    weights: Float64Array,
    n_centers: int,
    rng: np.random.Generator,
    *,
    n_trials: int,
    method: InitMethod,
    max_iter: int,
    tol: float,
    tick: Callable[[], None] = lambda: None,
) -> Float64Array:
    """Run Lloyd's from several seedings and return the centres of the least loss."""
    best, least = np.zeros((n_centers, points.shape[1])), np.inf
    for _ in range(n_trials):
        begin = points[seeds(points, n_centers, method, rng, weights=weights)].astype(np.float64)
        centers, loss = lloyd(points, begin, max_iter=max_iter, tol=tol, weights=weights, tick=tick)
        if loss < least or not np.isfinite(least):
            best, least = centers, loss
    return best
