"""Users who browse lists from the top: what they like and how far down they look is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.synthetic.sigmoid import sigmoid

__all__ = ["BrowsingUsers"]

Float64Array = npt.NDArray[np.float64]


class BrowsingUsers:
    """Users with planted tastes who click by the position-based model.

    An item is clicked if its position is looked at, with a probability that depends on the position alone, and if it is
    liked, with one that depends on user and item alone.

    Parameters
    ----------
    n_users, n_items, n_positions : int
    n_factors : int
        Of the tastes.
    decay : float
        Position k is looked at with probability ``k ** -decay``.
    like_rate : float
        Probability that a middling item is liked.
    taste : float
        Standard deviation of what users and items share, in log-odds; that of items by themselves is 1.
    random_state : int
        Seed of the tastes.

    Attributes
    ----------
    relevance : ndarray of shape (n_users, n_items), float64
        Probability that a user likes an item.
    examination : ndarray of shape (n_positions,), float64
        Probability that a position is looked at.
    """

    def __init__(
        self,
        n_users: int = 200,
        n_items: int = 40,
        n_positions: int = 8,
        *,
        n_factors: int = 3,
        decay: float = 1.0,
        like_rate: float = 0.25,
        taste: float = 1.0,
        random_state: int = 0,
    ) -> None:
        if not 1 <= n_positions <= n_items:
            raise UserError(
                f"BrowsingUsers: 'n_positions' must be in [1, {n_items}], the items. Got {n_positions}."
            )
        rng = np.random.default_rng(random_state)
        users, items = rng.normal(size=(n_users, n_factors)), rng.normal(size=(n_items, n_factors))
        shared = taste * users @ items.T / np.sqrt(max(n_factors, 1))
        odds = np.log(like_rate / (1 - like_rate))
        self.n_users, self.n_items, self.n_positions = n_users, n_items, n_positions
        self.relevance = sigmoid(odds + rng.normal(size=n_items) + shared)
        self.examination = np.arange(1.0, n_positions + 1) ** -decay

    def clicks(
        self, users: npt.NDArray[np.integer], lists: npt.NDArray[np.integer], rng: np.random.Generator
    ) -> npt.NDArray[np.bool_]:
        """Draw what is clicked, of shape (n_lists, length); list i is shown to user i."""
        chances = self.relevance[users[:, None], lists] * self.examination[: lists.shape[1]]
        return rng.random(chances.shape) < chances

    def expected_clicks(self, users: npt.NDArray[np.integer], lists: npt.NDArray[np.integer]) -> Float64Array:
        """Return how many clicks each list earns on average, of shape (n_lists,): what estimates are held against."""
        chances = self.relevance[users[:, None], lists] * self.examination[: lists.shape[1]]
        return chances.sum(axis=1)
