"""Display bias: how likely a position is looked at at all, learned from clicks."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.exposure.click_cells import ClickCells, counted_cells
from pairloom.exposure.joined import JoinedLog
from pairloom.exposure.sums import summed

__all__ = ["Examination", "fit_position_bias", "position_bias_of"]

Float64Array = npt.NDArray[np.float64]
Method = Literal["proportional", "em"]
LEAST = 1e-9
TOLERANCE, MOST_STEPS = 1e-7, 2000


@dataclass(frozen=True, slots=True)
class Examination:
    """How likely each position is looked at, relative to the first.

    Parameters
    ----------
    probabilities, low, high : ndarray of shape (n_positions,), float64
        Of position 1, 2, ... and the limits of the 95 % interval; the first is 1.
    method : str
    n_requests : int
        That it was learned from.
    """

    probabilities: Float64Array
    low: Float64Array
    high: Float64Array
    method: str = "given"
    n_requests: int = 0

    def __post_init__(self) -> None:
        for name in ("probabilities", "low", "high"):
            values = np.ascontiguousarray(getattr(self, name), np.float64)
            if values.ndim != 1 or len(values) == 0 or not (np.isfinite(values) & (values >= 0)).all():
                raise DataError(
                    "one finite number of 0 or more a position",
                    source="examination",
                    field=name,
                    got=str(values)[:80],
                )
            object.__setattr__(self, name, values)
        if not len(self.probabilities) == len(self.low) == len(self.high):
            raise DataError("limits for each position", source="examination")

    @classmethod
    def given(cls, probabilities: Any) -> Examination:
        """Return one that is known, without uncertainty."""
        return cls(probabilities, probabilities, probabilities)

    @property
    def n_positions(self) -> int:
        """Number of positions."""
        return len(self.probabilities)

    def at(self, positions: Any) -> Float64Array:
        """Return the probability at each position.

        Raises
        ------
        DataError
            For a position that nothing was learned of, or whose probability is 0; with its row.
        """
        positions = np.asarray(positions)
        outside = ~((positions >= 1) & (positions <= self.n_positions))
        if outside.any():
            row = int(np.argmax(outside))
            raise DataError(
                f"a position from 1 to {self.n_positions}", source="examination", row=row + 1,
                got=str(positions[row]), action="Leave out what is further down, or learn from longer lists",
            )  # fmt: skip
        found = self.probabilities[positions.astype(np.int64) - 1]
        if not (found > 0).all():
            row = int(np.argmin(found > 0))
            raise DataError(
                "a position that is looked at", source="examination", row=row + 1, got=f"position {positions[row]}",
                action="Leave the position out: nothing was ever clicked there",
            )  # fmt: skip
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON."""
        Path(path).write_bytes(msgspec.json.format(msgspec.json.encode(self._plain()), indent=2) + b"\n")

    def _plain(self) -> dict[str, Any]:
        return {
            "examination": self.probabilities.tolist(), "low": self.low.tolist(), "high": self.high.tolist(),
            "method": self.method, "n_requests": self.n_requests,
        }  # fmt: skip

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Examination:
        """Read what `save` wrote; DataError for anything else."""
        try:
            said = msgspec.json.decode(Path(path).read_bytes())
            found, low, high = (
                np.array([float(x) for x in said[name]]) for name in ("examination", "low", "high")
            )
            return cls(found, low, high, str(said["method"]), int(said["n_requests"]))
        except (msgspec.DecodeError, TypeError, ValueError, KeyError, UnicodeDecodeError) as error:
            raise DataError("the examination that was saved", source=str(path), got=str(error)) from None


def fit_position_bias(
    groups: Any,
    positions: Any,
    clicks: Any,
    *,
    requests: Any = None,
    method: Method = "proportional",
    n_bootstrap: int = 200,
    confidence: float = 0.95,
    random_state: int = 0,
) -> Examination:
    """Learn examination by position from clicks alone, where the same thing was shown at different positions.

    The position-based model says that a click takes both looking and liking: ``P(click) = examination(position) *
    relevance(group)``. A group must be equally liked wherever it is shown: the pair of query (or user) and item where
    lists are personal, the item alone where they are not. The interval is a bootstrap over requests. Time: distinct
    pairs of group and position a step, ten to a hundred steps; memory: rows and pairs.

    With ``method="proportional"``, relevance and examination are such that the clicks of every group and of every
    position are as many as expected, which they are in truth whatever else is. ``"em"`` maximises the likelihood of
    clicks, as the literature does, by expectation maximisation with SQUAREM's steps. Where groups have many impressions
    the two agree; where they have few, the likelihood makes up for clickless groups with examination that is too large.

    Parameters
    ----------
    groups : array of shape (n_rows,)
        What was shown, of any type.
    positions : array of shape (n_rows,)
        From 1.
    clicks : array of shape (n_rows,)
        0 or 1.
    requests : array of shape (n_rows,), optional
        Rows of one request are drawn together by the bootstrap. Default: each row by itself.
    method : {"proportional", "em"}
    n_bootstrap : int
        0 for no interval.
    confidence : float
    random_state : int

    Raises
    ------
    DataError
        For a click that is not 0 or 1 and a position below 1, with the row.
    UserError
        If some positions never show what others show: nothing ties them together.

    References
    ----------
    Hausman, Hall and Griliches, "Econometric Models for Count Data", Econometrica 1984, section 2 (fixed effects);
    Richardson, Dominowska and Ragno, "Predicting Clicks", WWW 2007; Wang et al., "Position Bias Estimation for Unbiased
    Learning to Rank in Personal Search", WSDM 2018, section 4; Varadhan and Roland, "Simple and Globally
    Convergent Methods for Accelerating the Convergence of Any EM Algorithm", 2008.
    """
    cells = counted_cells(groups, positions, clicks, requests)
    cells.check_connected()
    random = np.random.default_rng(random_state).spawn(n_bootstrap)
    if method == "proportional":
        found = _proportional(cells, cells.shown, cells.clicked)
        draws = [_proportional(cells, *cells.drawn(rng)) for rng in random]
    elif method == "em":
        best = _maximised(cells, cells.shown, cells.clicked, *_start(cells))
        found = _scaled(best[0])
        draws = [_scaled(_maximised(cells, *cells.drawn(rng), *best)[0]) for rng in random]
    else:
        raise UserError(f"Position bias: 'method' must be 'proportional' or 'em'. Got {method!r}.")
    return examination_of(found, draws, confidence, f"PBM, {method}", cells.n_requests)


def position_bias_of(
    log: JoinedLog, *, by: str | Callable[[JoinedLog], Any] = "user and item", **options: Any
) -> Examination:
    """Learn examination from a joined log; see `fit_position_bias`.

    Parameters
    ----------
    log : JoinedLog
    by : {"user and item", "item"} or callable
        What is equally liked wherever it is shown. Items alone suit lists that are the same for everybody, or in random
        order: where a model puts up for each user what that user likes, they make the top look more examined
        than it is.
    **options
        Of `fit_position_bias`.
    """
    if callable(by):
        groups = by(log)
    elif by == "item":
        groups = log.item
    elif by == "user and item":
        users = np.unique(np.array([user or "" for user in log.user], str), return_inverse=True)[1]
        items = np.unique(log.item.astype(str), return_inverse=True)[1]
        groups = users.astype(np.int64) * (int(items.max(initial=0)) + 1) + items
    else:
        raise UserError(f"Position bias: 'by' must be 'user and item', 'item' or a function. Got {by!r}.")
    return fit_position_bias(groups, log.position, log.clicked, requests=log.request, **options)


def examination_of(
    found: Float64Array, draws: list[Float64Array], confidence: float, method: str, n_requests: int
) -> Examination:
    """Return an examination with limits from a bootstrap: normal in its log, or percentiles where a draw is 0."""
    if not 0 < confidence < 1:
        raise UserError(f"Examination: 'confidence' must be in (0, 1). Got {confidence}.")
    low = high = found
    if draws:
        drawn = np.array(draws)
        reach = NormalDist().inv_cdf(0.5 + confidence / 2)
        sure = (drawn > 0).all(axis=0) & (found > 0)
        factor = np.exp(
            reach * np.log(np.where(sure, drawn, 1.0)).std(axis=0, ddof=1 if len(draws) > 1 else 0)
        )
        limits = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
        low, high = np.where(sure, found / factor, limits[0]), np.where(sure, found * factor, limits[1])
    return Examination(found, low, high, method, n_requests)


def _proportional(cells: ClickCells, shown: Float64Array, clicked: Float64Array) -> Float64Array:
    """Fit clicks by group and by position in turn, until both are as expected."""
    of_group = summed(cells.group, clicked, cells.n_groups)
    of_position = summed(cells.position, clicked, cells.n_positions)
    at = np.ones(cells.n_positions)
    for _ in range(MOST_STEPS):
        looked = summed(cells.group, shown * at[cells.position], cells.n_groups)
        liked = of_group / np.maximum(looked, LEAST)
        seen = summed(cells.position, shown * liked[cells.group], cells.n_positions)
        new = _scaled(of_position / np.maximum(seen, LEAST))
        moved = np.abs(new - at).max()
        at = new
        if moved < TOLERANCE:
            break
    return at


def _scaled(examination: Float64Array) -> Float64Array:
    return examination / max(float(examination[0]), LEAST)


def _start(cells: ClickCells) -> tuple[Float64Array, Float64Array]:
    """Begin with what clicks say of each by itself."""
    shown = summed(cells.position, cells.shown, cells.n_positions)
    clicked = summed(cells.position, cells.clicked, cells.n_positions)
    rate = (clicked + 0.5) / (shown + 1)
    examination = np.clip(rate / rate.max(), 0.05, 0.95)
    seen = summed(cells.group, cells.shown * examination[cells.position], cells.n_groups)
    taken = summed(cells.group, cells.clicked, cells.n_groups)
    return examination, np.clip((taken + 0.1) / (seen + 1), 1e-4, 0.95)


def _maximised(
    cells: ClickCells,
    shown: Float64Array,
    clicked: Float64Array,
    examination: Float64Array,
    relevance: Float64Array,
) -> tuple[Float64Array, Float64Array]:
    """Maximise the likelihood from a start."""
    n_positions = cells.n_positions
    of_position = summed(cells.position, shown, n_positions)
    of_group = summed(cells.group, shown, cells.n_groups)

    def step(at: Float64Array) -> Float64Array:
        theta, gamma = at[:n_positions][cells.position], at[n_positions:][cells.group]
        missed = (shown - clicked) / np.maximum(1 - theta * gamma, LEAST)
        looked = summed(cells.position, clicked + missed * theta * (1 - gamma), n_positions)
        liked = summed(cells.group, clicked + missed * gamma * (1 - theta), cells.n_groups)
        new = np.concatenate((looked / np.maximum(of_position, LEAST), liked / np.maximum(of_group, LEAST)))
        return np.where(np.concatenate((of_position, of_group)) > 0, new, at)

    def likelihood(at: Float64Array) -> float:
        product = np.clip(at[:n_positions][cells.position] * at[n_positions:][cells.group], LEAST, 1 - LEAST)
        return float(clicked @ np.log(product) + (shown - clicked) @ np.log1p(-product))

    at = np.concatenate((examination, relevance))
    best = likelihood(at)
    for _ in range(MOST_STEPS):
        first = step(at)
        second = step(first)
        change, bend = first - at, second - 2 * first + at
        length = -float(np.sqrt(np.square(change).sum() / max(float(np.square(bend).sum()), LEAST**2)))
        jumped = np.clip(
            at - 2 * min(length, -1.0) * change + min(length, -1.0) ** 2 * bend, LEAST, 1 - LEAST
        )
        jumped = step(jumped)
        reached = likelihood(jumped)
        if reached < best:
            jumped = second
            reached = likelihood(jumped)
        moved = np.abs(_scaled(jumped[:n_positions]) - _scaled(at[:n_positions])).max()
        at, gained, best = jumped, reached - best, reached
        if moved < TOLERANCE or (moved < 1e-4 and gained < 1e-6):
            break
    return at[:n_positions], at[n_positions:]
