"""How much each field tells of what a user takes next, learned from what users took together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.recommenders.content.item_matrix import ItemMatrix
from pairloom.recommenders.interactions import Histories

__all__ = ["choice_weights", "learn_weights"]

Float64Array = npt.NDArray[np.float64]
N_SAMPLES, N_OTHERS = 2000, 200
L2, MOST_STEPS, ENOUGH = 1e-3, 100, 1e-7


def learn_weights(matrix: ItemMatrix, histories: Histories, rng: np.random.Generator) -> Float64Array:
    """Learn the fields' weights from up to 2,000 choices.

    A choice is an item of a user, drawn at random and taken out of the history, beside 200 items that the user does
    not have. Fields are weighted so that the chosen one's likeness to the rest of the history stands out.

    Returns
    -------
    ndarray of shape (n_fields,), float64
        Of 0 or more, with sum 1; all the same where nothing can be told apart.
    """
    equal = np.full(matrix.n_fields, 1 / max(1, matrix.n_fields))
    eligible = np.flatnonzero(np.diff(histories.offsets) > 1)
    if matrix.n_fields < 2 or not len(eligible):
        return equal
    users = rng.choice(eligible, min(N_SAMPLES, 8 * len(histories.items)))
    lengths = np.diff(histories.offsets)[users]
    places = histories.offsets[users] + (rng.random(len(users)) * lengths).astype(np.int64)
    chosen = histories.items[places]
    rest = _without(histories, users, places)
    others = rng.integers(0, matrix.n_items, (len(users), N_OTHERS))
    taken = _has(histories, users[:, None], others)
    has_any = matrix.has_any()
    taken |= ~has_any[others]
    told = matrix.by_field(rest, np.concatenate((chosen[:, None], others), axis=1))
    differences = np.where(taken[..., None], 0.0, told[:, :1] - told[:, 1:])
    usable = has_any[chosen] & ~taken.all(axis=1)
    weights = choice_weights(differences[usable], ~taken[usable]) if usable.any() else np.zeros_like(equal)
    return weights / weights.sum() if weights.sum() > 0 else equal


def choice_weights(differences: Float64Array, there: npt.NDArray[np.bool_]) -> Float64Array:
    """Fit a conditional logit without negative weights: the chosen one of several by a weighted sum of its features.

    Parameters
    ----------
    differences : ndarray of shape (n_choices, n_others, n_fields), float64
        By how much the chosen one exceeds each other.
    there : ndarray of shape (n_choices, n_others), bool
        Which others there are.

    Returns
    -------
    ndarray of shape (n_fields,), float64
        At the least of the mean of -log of the chosen one's probability, with a small penalty of squares.

    References
    ----------
    McFadden, "Conditional logit analysis of qualitative choice behavior", 1974; the bounds are kept by projected Newton
    steps (Bertsekas, "Projected Newton methods", SIAM J. Control and Optimization 20(2), 1982).
    """
    n_fields = differences.shape[2]
    weights = np.zeros(n_fields)
    value, slope, curvature = _loss(weights, differences, there)
    for _ in range(MOST_STEPS):
        free = (weights > 0) | (slope < 0)
        if not free.any() or np.abs(slope[free]).max() < ENOUGH:
            break
        step = np.zeros(n_fields)
        step[free] = np.linalg.solve(curvature[np.ix_(free, free)], slope[free])
        length = 1.0
        while length > ENOUGH:
            tried = np.maximum(weights - length * step, 0)
            found = _loss(tried, differences, there)
            if found[0] < value:
                break
            length /= 2
        else:
            break
        weights, (value, slope, curvature) = tried, found
    return weights


def _loss(
    weights: Float64Array, differences: Float64Array, there: npt.NDArray[np.bool_]
) -> tuple[float, Float64Array, Float64Array]:
    """Return value, gradient and Hessian."""
    margins = np.where(there, -(differences @ weights), -np.inf)
    highest = np.maximum(margins.max(axis=1), 0)
    shares = np.exp(margins - highest[:, None])
    totals = shares.sum(axis=1) + np.exp(-highest)
    shares /= totals[:, None]
    means = np.einsum("co,cof->cf", shares, differences)
    value = float((np.log(totals) + highest).mean() + L2 / 2 * weights @ weights)
    slope = -means.mean(axis=0) + L2 * weights
    flat = differences.reshape(-1, differences.shape[2])
    second = (flat * shares.reshape(-1, 1)).T @ flat - means.T @ means
    return value, slope, second / len(differences) + L2 * np.eye(len(weights))


def _without(
    histories: Histories, users: npt.NDArray[np.integer], places: npt.NDArray[np.int64]
) -> Histories:
    """Return the history of each user without the pair at a place."""
    whole = histories.take(users)
    dropped = whole.offsets[:-1] + places - histories.offsets[users]
    kept = np.ones(len(whole.items), np.bool_)
    kept[dropped] = False
    offsets = whole.offsets - np.arange(len(users) + 1)
    return Histories(offsets, whole.items[kept], whole.weights[kept], whole.n_items)


def _has(
    histories: Histories, users: npt.NDArray[np.integer], items: npt.NDArray[np.integer]
) -> npt.NDArray[np.bool_]:
    keys = histories.owners().astype(np.int64) * histories.n_items + histories.items
    asked = users.astype(np.int64) * histories.n_items + items
    places = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return keys[places] == asked
