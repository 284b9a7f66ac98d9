"""Which variant answers a request: by weight, or by name."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

from pairloom.errors import UserError

__all__ = ["Traffic"]


class Traffic:
    """Divides requests among variants in proportion to their weights, each request by itself.

    Parameters
    ----------
    weights : mapping of str to float
        Of each variant; one of weight 0 is asked by name only.
    chance : random.Random

    Raises
    ------
    UserError
        For no variant, a weight that is negative or not finite, and weights that are all 0.

    Examples
    --------
    >>> Traffic({"old": 9, "new": 1}, random.Random(0)).share("new")
    0.1
    """

    def __init__(self, weights: Mapping[str, float], chance: random.Random) -> None:
        for name, weight in weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise UserError(f"Variant {name}: the weight must be a number of at least 0. Got {weight}.")
        positive = {name: weight for name, weight in weights.items() if weight > 0}
        if not positive:
            raise UserError("Variants: one of them must have a weight above 0. Got none.")
        self.weights = dict(weights)
        self._names, self._chance = list(positive), chance
        self._ends = list(accumulate(positive.values()))

    def share(self, name: str) -> float:
        """Return the part of all requests that a variant gets."""
        return self.weights[name] / self._ends[-1]

    def choose(self) -> str:
        """Choose a variant for one request."""
        if len(self._names) == 1:
            return self._names[0]
        at = bisect_right(self._ends, self._chance.random() * self._ends[-1])
        return self._names[min(at, len(self._names) - 1)]
