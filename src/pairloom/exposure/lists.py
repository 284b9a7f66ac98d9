"""What another ranking would have earned: evaluation of whole lists through the positions of their items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.exposure.intervals import Estimate, ratio_estimate
from pairloom.exposure.joined import JoinedLog
from pairloom.exposure.off_policy import effective_size, weight_warnings
from pairloom.exposure.position_bias import Examination
from pairloom.exposure.sums import summed

__all__ = [
    "compare_rankings",
    "evaluate_lists",
    "evaluate_positions",
    "evaluate_ranking",
    "expected_examination",
    "explored_examination",
]

Float64Array = npt.NDArray[np.float64]
Reward = Literal["clicks", "value"]


def expected_examination(probabilities: Any, examination: Examination) -> Float64Array:
    """Return how likely a policy has each item looked at: positions' probabilities times examination.

    Parameters
    ----------
    probabilities : array of shape (..., n_positions)
        The chance of an item to stand at each position, as a policy's ``probabilities`` tells.
    examination : Examination

    Returns
    -------
    ndarray of shape (...), float64
    """
    chances = np.asarray(probabilities, np.float64)
    n_positions = chances.shape[-1] if chances.ndim else 0
    if not 0 < n_positions <= examination.n_positions:
        raise UserError(
            f"expected_examination: must have 1 to {examination.n_positions} positions. Got {n_positions}."
        )
    return chances @ examination.probabilities[:n_positions]


def explored_examination(log: JoinedLog, examination: Examination) -> Float64Array:
    """Return what stands for each row's expected examination where only its own propensity was logged.

    That is the propensity times the sum of examination over the positions of its request's list. If the policy gave
    every item a chance at every position, as epsilon-greedy and Plackett-Luce do, estimates with it are unbiased: over
    the positions where an item may stand, its weights make up one. `expected_examination` of the policy's own
    probabilities is surer. Not for Thompson sampling, nor for policies without chance, whose items stand at few
    positions only.

    Parameters
    ----------
    log : JoinedLog
    examination : Examination

    Returns
    -------
    ndarray of shape (n_rows,), float64

    Raises
    ------
    DataError
        For a row without a propensity.
    """
    seen = examination.at(log.position)
    return _propensities(log) * summed(log.request, seen, log.n_requests)[log.request]


def evaluate_lists(
    requests: Any,
    rewards: Any,
    logged: Any,
    target: Any,
    *,
    normalised: bool = False,
    clip: float | None = None,
    method: str | None = None,
    **interval: Any,
) -> Estimate:
    """Estimate what a list of another policy earns on average, from the rows of lists that were shown.

    Each row's reward counts by its weight ``target / logged``, and a request is one unit. Two assumptions are usual:
    *item and position* (``logged``, ``target`` are the probabilities that this item stands at this position: right if
    rewards depend on nothing else in the list) and the *position-based model* (they are `expected_examination` of
    this item: right if clicks follow that model, and with far smaller weights).

    Parameters
    ----------
    requests : array of shape (n_rows,)
    rewards : array of shape (n_rows,)
    logged : array of shape (n_rows,)
        Above 0.
    target : array of shape (n_rows,)
        0 or more.
    normalised : bool
        Divide by the mean weight: a small bias for less variance. For policies whose lists are as long as the logged.
    clip : float, optional
        Weights above it count as it.
    method : str, optional
        Name of the estimate.
    **interval
        Of `ratio_estimate`.

    Raises
    ------
    DataError
        With the row: a ``logged`` of 0, what is not finite or negative.

    References
    ----------
    Li et al., "Offline Evaluation of Ranking Policies with Click Models", KDD 2018, sections 4.2 and 4.4.
    """
    columns = [
        _column(values, name)
        for values, name in ((rewards, "rewards"), (logged, "logged"), (target, "target"))
    ]
    unit = np.unique(np.asarray(requests), return_inverse=True)[1]
    if not len(unit) == len(columns[0]) == len(columns[1]) == len(columns[2]):
        raise UserError(
            "evaluate_lists: columns must be of one length. "
            f"Got {len(unit)} requests and {', '.join(str(len(c)) for c in columns)}."
        )
    earned, before, after = columns
    for values, what, name, wrong in (
        (before, "a probability above 0: what could not be shown tells nothing", "logged", ~(before > 0)),
        (after, "0 or more", "target", ~(after >= 0)),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(what, source="lists", row=row + 1, field=name, got=f"{values[row]:g}")
    weights = after / before
    if clip is not None:
        if not clip > 0:
            raise UserError(f"evaluate_lists: 'clip' must be above 0. Got {clip}.")
        weights = np.minimum(weights, clip)
    numerators = summed(unit, weights * earned)
    denominators = None
    if normalised:
        denominators = summed(unit, weights) * (len(numerators) / len(earned))
    name = method or ("lists SNIPS" if normalised else "lists IPS")
    found = ratio_estimate(name, numerators, denominators, **interval)
    found = replace(found, effective_n=effective_size(weights), largest_weight=float(weights.max()))
    return found.warned(*weight_warnings(weights, whole=False))


def evaluate_ranking(
    log: JoinedLog,
    ranking: Mapping[str, Sequence[Any]] | Any,
    examination: Examination,
    *,
    logged_examination: Any = None,
    reward: Reward = "clicks",
    **options: Any,
) -> Estimate:
    """Estimate what other lists would have earned per request, in clicks or value, under the position-based model.

    Parameters
    ----------
    log : JoinedLog
    ranking : mapping of request id to list of items, or callable
        What the other model shows for each request; a callable is given the number of a request's first row. Of items
        that a request was not shown the log tells nothing: lists must be of items that the logging policy could show. A
        share of examination below 90 % that falls on what the log shows is warned of.
    examination : Examination
    logged_examination : array of shape (n_rows,), optional
        `expected_examination` of each row by the logging policy, or `explored_examination`. Default: of where the item
        stood, as if no other list had been possible; right for a re-ranking of what was shown.
    reward : {"clicks", "value"}
        Distinct clicked items, or the sum of values.
    **options
        Of `evaluate_lists`.

    References
    ----------
    Li et al., KDD 2018, section 4.4; Joachims et al., WSDM 2017, eq. 4.
    """
    target = target_examination(log, ranking, examination)
    logged = examination.at(log.position) if logged_examination is None else logged_examination
    options.setdefault("method", "PBM-IPS")
    found = evaluate_lists(log.request, rewards_of(log, reward), logged, target, **options)
    full = float(examination.probabilities[np.minimum(log.position, examination.n_positions) - 1].sum())
    covered = float(target.sum()) / full if logged_examination is None else 1.0
    if covered < 0.9:
        found = found.warned(f"the lists put only {covered:.0%} of examination on items that the log shows")
    return found


def evaluate_positions(
    log: JoinedLog, ranking: Mapping[str, Sequence[Any]] | Any, *, reward: Reward = "clicks", **options: Any
) -> Estimate:
    """Estimate what other lists would have earned per request, from the items that stood where these lists put them.

    Assumes of clicks only that they depend on the item and its position, and needs the propensities of the log: right
    without a click model, with far larger weights than `evaluate_ranking` has. Parameters are as there.

    Raises
    ------
    DataError
        For a row without a propensity.

    References
    ----------
    Li et al., KDD 2018, section 4.2 (the item-position model).
    """
    target = (places_in(log, ranking) == log.position - 1).astype(np.float64)
    options.setdefault("method", "item-position IPS")
    return evaluate_lists(log.request, rewards_of(log, reward), _propensities(log), target, **options)


def compare_rankings(
    log: JoinedLog,
    first: Any,
    second: Any,
    examination: Examination,
    *,
    logged_examination: Any = None,
    reward: Reward = "clicks",
    **options: Any,
) -> Estimate:
    """Estimate by how much the first ranking earns more than the second per request, on the same log.

    The two share the noise of the log, so that their difference is surer than either. Parameters: `evaluate_ranking`.
    """
    logged = (
        examination.at(log.position) if logged_examination is None else _column(logged_examination, "logged")
    )
    one, two = (target_examination(log, each, examination) for each in (first, second))
    earned = rewards_of(log, reward)
    differences = summed(log.request, (one - two) / logged * earned, log.n_requests)
    options.pop("method", None)
    return ratio_estimate("PBM-IPS difference", differences, **options)


def target_examination(log: JoinedLog, ranking: Any, examination: Examination) -> Float64Array:
    """Return how likely other lists have each row's item looked at, of shape (n_rows,)."""
    places = places_in(log, ranking)
    inside = (places >= 0) & (places < examination.n_positions)
    return np.where(inside, examination.probabilities[np.where(inside, places, 0)], 0.0)


def places_in(log: JoinedLog, ranking: Any) -> npt.NDArray[np.int64]:
    """Return where other lists have each row's item, from 0, and -1 where they have not; of shape (n_rows,)."""
    found = np.full(len(log), -1)
    begins = np.searchsorted(log.request, np.arange(log.n_requests + 1)).tolist()
    for number in range(log.n_requests):
        first, last = begins[number], begins[number + 1]
        request = log.request_ids[number]
        shown: Sequence[Any]
        if callable(ranking):
            shown = cast(Sequence[Any], ranking(first))
        elif request in ranking:
            shown = ranking[request]
        else:
            raise DataError(
                "a list for every request of the log", source="ranking", got=f"none for {request!r}"
            )
        places = {str(item): place for place, item in enumerate(shown)}
        if len(places) != len(shown):
            raise DataError("no item twice", source="ranking", field=str(request))
        found[first:last] = [places.get(item, -1) for item in log.item[first:last].tolist()]
    return found


def _propensities(log: JoinedLog) -> Float64Array:
    missing = np.isnan(log.propensity)
    if missing.any():
        row = int(np.argmax(missing))
        raise DataError(
            "a propensity", source="exposure log", row=row + 1, field="propensity", got="none",
            action="Log them, or evaluate by position alone",
        )  # fmt: skip
    return log.propensity


def rewards_of(log: JoinedLog, reward: Reward) -> Float64Array:
    """Return what each row earned."""
    if reward not in ("clicks", "value"):
        raise UserError(f"Lists: 'reward' must be 'clicks' or 'value'. Got {reward!r}.")
    return log.clicked if reward == "clicks" else log.value


def _column(values: Any, name: str) -> Float64Array:
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not np.isfinite(found).all():
        row = int(np.argmin(np.isfinite(found))) if found.ndim == 1 else 0
        got = f"{found[row]}" if found.ndim == 1 else str(found.shape)
        raise DataError("a finite number in each row", source="lists", row=row + 1, field=name, got=got)
    return found
