"""Examination from randomised swaps: two items of a list change places by the toss of a coin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import msgspec
import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.exposure.click_cells import checked_clicks, checked_positions, connected_parts
from pairloom.exposure.joined import JoinedLog
from pairloom.exposure.position_bias import Examination, examination_of
from pairloom.exposure.sums import summed

__all__ = ["RandomSwaps", "fit_swaps", "swaps_of"]

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
Design = Literal["with top", "adjacent", "any"]
KEY = "swap"
MOST_STEPS, TOLERANCE = 10_000, 1e-10


class RandomSwaps:
    """Draws a pair of positions for each request and swaps the items there half of the time.

    What stands at either position is then equally liked on average, so that clicks differ by examination alone: no
    model of relevance is needed, at the price of lists that are a little worse. ``context`` goes into the log.

    Parameters
    ----------
    n_positions : int
    design : {"with top", "adjacent", "any"}
        The pair: the first position and another, as Joachims et al. do; two neighbours, as in FairPairs, which
        disturbs least; any two.
    share : float
        Of requests that take part.
    random_state : int

    Examples
    --------
    >>> swaps = RandomSwaps(4, random_state=1)
    >>> items, context = swaps.apply(["a", "b", "c", "d"])
    >>> sorted(items), context
    (['a', 'b', 'c', 'd'], {'swap': [1, 3]})

    References
    ----------
    Radlinski and Joachims, "Minimally Invasive Randomization for Collecting Unbiased Preferences from Clickthrough
    Logs", AAAI 2006; Joachims, Swaminathan and Schnabel, "Unbiased Learning-to-Rank with Biased Feedback", WSDM 2017,
    section 5.3.
    """

    def __init__(
        self, n_positions: int, design: Design = "with top", *, share: float = 1.0, random_state: int = 0
    ) -> None:
        if n_positions < 2:
            raise UserError(f"RandomSwaps: 'n_positions' must be 2 or more. Got {n_positions}.")
        if design not in ("with top", "adjacent", "any"):
            raise UserError(f"RandomSwaps: 'design' must be 'with top', 'adjacent' or 'any'. Got {design!r}.")
        if not 0 < share <= 1:
            raise UserError(f"RandomSwaps: 'share' must be above 0 and at most 1. Got {share}.")
        self.n_positions, self.design, self.share = n_positions, design, share
        self._rng = np.random.default_rng(random_state)

    def apply(self, items: Sequence[Any]) -> tuple[list[Any], dict[str, list[int]]]:
        """Return the list to show, and what to log as its context: the pair, whether it was swapped or not."""
        shown = list(items)
        n_positions = min(self.n_positions, len(shown))
        if n_positions < 2 or self._rng.random() >= self.share:
            return shown, {}
        first = 0
        if self.design == "adjacent":
            first = int(self._rng.integers(n_positions - 1))
            second = first + 1
        elif self.design == "with top":
            second = 1 + int(self._rng.integers(n_positions - 1))
        else:
            first, second = sorted(self._rng.choice(n_positions, 2, replace=False).tolist())
        if self._rng.random() < 0.5:
            shown[first], shown[second] = shown[second], shown[first]
        return shown, {KEY: [first + 1, second + 1]}


def fit_swaps(
    first: Any,
    second: Any,
    clicked_first: Any,
    clicked_second: Any,
    *,
    n_bootstrap: int = 500,
    confidence: float = 0.95,
    random_state: int = 0,
) -> Examination:
    """Learn examination from requests with a pair of positions each, whose items were swapped or not by a fair coin.

    Of the clicks on a pair, those at position k are expected in the proportion ``e(k) : e(j)``. With the first position
    in every pair the answer is the ratio of clicks; other designs are solved together, as players from their games.

    Parameters
    ----------
    first, second : array of shape (n_requests,)
        The positions of each pair, from 1.
    clicked_first, clicked_second : array of shape (n_requests,)
        Whether there was a click at each.
    n_bootstrap, confidence, random_state : as in `fit_position_bias`

    Raises
    ------
    UserError
        If clicks of some positions are tied to none of the first.

    References
    ----------
    Joachims, Swaminathan and Schnabel, WSDM 2017, section 5.3; Hunter, "MM Algorithms for Generalized Bradley-Terry
    Models", Annals of Statistics 2004, eq. 3.
    """
    clicks = checked_clicks(clicked_first), checked_clicks(clicked_second)
    n_requests = len(clicks[0])
    j, k = (checked_positions(column, n_requests) - 1 for column in (first, second))
    if len(clicks[1]) != n_requests:
        raise DataError(f"clicks of shape ({n_requests},)", source="swaps", got=str(clicks[1].shape))
    if (j == k).any():
        row = int(np.argmax(j == k))
        raise DataError("two different positions", source="swaps", row=row + 1, got=str(int(j[row]) + 1))
    n_positions = int(max(j.max(), k.max())) + 1
    table = _clicks_by_pair(j, k, clicks, None, n_positions)
    used = np.argwhere(table + table.T > 0)
    part = connected_parts(used[:, 0], used[:, 1], n_positions)
    if (part != part[0]).any():
        apart = int(np.argmax(part != part[0])) + 1
        raise UserError(
            f"Swaps: clicks must tie every position to position 1. Got none that tie position {apart}. "
            "Swap more, or leave the positions below out."
        )
    found = _strengths(table)
    draws: list[Float64Array] = []
    for rng in np.random.default_rng(random_state).spawn(n_bootstrap):
        times = np.bincount(rng.integers(0, n_requests, n_requests), minlength=n_requests).astype(np.float64)
        draws.append(_strengths(_clicks_by_pair(j, k, clicks, times, n_positions), found))
    return examination_of(found, draws, confidence, "randomised swaps", n_requests)


def swaps_of(log: JoinedLog, **options: Any) -> Examination:
    """Learn examination from the requests of a log whose context holds the ``swap`` of `RandomSwaps`."""
    first_row = np.searchsorted(log.request, np.arange(log.n_requests))
    pairs = [_pair(cast(Any, log.context)[row], row) for row in first_row.tolist()]
    requests = np.array([number for number, pair in enumerate(pairs) if pair is not None], np.int64)
    if not len(requests):
        raise UserError(
            "Swaps: the log must hold requests with a swap in their context. Got none. Use RandomSwaps."
        )
    chosen = np.array([pairs[number] for number in requests.tolist()], np.int64)
    clicked = log.clicked
    columns: list[Float64Array] = []
    for side in chosen.T:
        wanted = np.full(log.n_requests, -1)
        wanted[requests] = side
        at = np.flatnonzero(log.position == wanted[log.request])
        column = np.full(log.n_requests, np.nan)
        column[log.request[at]] = clicked[at]
        columns.append(column[requests])
    whole = ~(np.isnan(columns[0]) | np.isnan(columns[1]))
    if not whole.any():
        raise UserError("Swaps: requests must show the positions that were swapped. Got none that does.")
    return fit_swaps(chosen[whole, 0], chosen[whole, 1], columns[0][whole], columns[1][whole], **options)


def _pair(context: str | None, row: int) -> list[int] | None:
    if context is None:
        return None
    said = msgspec.json.decode(context).get(KEY)
    if said is None:
        return None
    if not (isinstance(said, list) and len(said) == 2 and all(type(x) is int for x in said)):
        raise DataError(
            "a pair of positions", source="exposure log", row=row + 1, field=KEY, got=str(said)[:80]
        )
    return said


def _clicks_by_pair(
    j: Int64Array,
    k: Int64Array,
    clicks: tuple[Float64Array, Float64Array],
    times: Float64Array | None,
    n_positions: int,
) -> Float64Array:
    """Return clicks at the row's position while the column's was the other of the pair."""
    weights = [c if times is None else c * times for c in clicks]
    size = n_positions * n_positions
    table = summed(j * n_positions + k, weights[0], size)
    table += summed(k * n_positions + j, weights[1], size)
    return table.reshape(n_positions, n_positions).astype(np.float64)


def _strengths(table: Float64Array, start: Float64Array | None = None) -> Float64Array:
    """Maximise the likelihood that each click of a pair falls on either in proportion to their strengths."""
    games, wins = table + table.T, table.sum(axis=1)
    at = np.maximum(np.ones(len(table)) if start is None else start, 1e-6)
    for _ in range(MOST_STEPS):
        rate = (games / (at[:, None] + at[None, :])).sum(axis=1)
        new = np.where(rate > 0, wins / np.maximum(rate, 1e-300), 0.0)
        new = new / new[0] if new[0] > 0 else new
        done = np.abs(new - at).max() < TOLERANCE
        at = new
        if done:
            break
        at = np.maximum(at, 1e-12)
    return np.where(wins > 0, at, 0.0).astype(np.float64)
