"""``pairloom exposure``: what a log of impressions and clicks says, without the bias of how it was shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import App, Parameter

from pairloom.cli.inputs import Input
from pairloom.cli.terminal import print_table, say
from pairloom.errors import DataError, UserError
from pairloom.exposure import (
    Estimate,
    Examination,
    JoinedLog,
    compare_rankings,
    evaluate_positions,
    evaluate_ranking,
    explored_examination,
    position_bias_of,
    read_exposures,
    recover,
    send_waiting,
    sink_of,
    swaps_of,
)
from pairloom.exposure.intervals import ratio_estimate
from pairloom.exposure.sending import waiting
from pairloom.exposure.sums import summed
from pairloom.formats import write_tables
from pairloom.tables import StringColumn, Table

__all__ = ["exposure"]

HELP = """See what a log of impressions and clicks says, and what it would have said of other lists.

What stands on top is clicked because it is seen, not only because it is liked. A log that `ExposureLog` wrote holds
what was shown where, so the two can be told apart:

    pairloom exposure report log --save examination.json
    pairloom exposure evaluate log --lists new-model.csv --against old-model.csv
    pairloom exposure join log --output joined.parquet
    pairloom exposure send log --to redis://127.0.0.1:6379/0
"""

exposure = App(name="exposure", help=HELP)
Since = Annotated[str | None, Parameter(help="First time of impressions, in ISO 8601, UTC.")]
Until = Annotated[str | None, Parameter(help="Time before which impressions are, in ISO 8601, UTC.")]
WindowDays = Annotated[float, Parameter(help="Days after an impression in which its feedback counts.")]
By = Annotated[
    Literal["user and item", "item"],
    Parameter(
        help="What is equally liked wherever it stands: the pair, or, where lists are the same for everybody, the item."
    ),
]


@exposure.command
def report(
    folder: Path,
    /,
    *,
    by: By = "user and item",
    swaps: Annotated[bool, Parameter(negative=())] = False,
    save: Path | None = None,
    since: Since = None,
    until: Until = None,
    window_days: WindowDays = 7.0,
) -> None:
    """Show what was logged, the click rate of each position, and how much of it is display bias.

    For example:

        pairloom exposure report log --save examination.json

    The click rate falls down the list both because less is seen there and because less liked things are put there.
    `examination` is the first part alone, relative to the top, with its 95 % interval.

    Parameters
    ----------
    folder
        Folder of the log.
    swaps
        Learn examination from the requests that `RandomSwaps` changed, which needs no assumption on what is liked.
    save
        Write the examination to this JSON file.
    """
    log = _read(folder, since, until, window_days)
    aside = log.set_aside
    say(
        f"{log.n_requests:,} requests showed {len(log):,} items; {int(log.clicked.sum()):,} were clicked, "
        f"{int((log.counts['purchase'] > 0).sum()):,} bought, worth {log.value.sum():,.2f}"
    )
    say(
        f"Set aside: {aside.duplicate_impressions:,} impressions and {aside.duplicate_feedback:,} feedback that came "
        f"twice, {aside.late:,} late, {aside.early:,} early, {aside.orphans:,} without an impression"
    )
    found = swaps_of(log) if swaps else position_bias_of(log, by=by)
    shown = np.bincount(log.position - 1)
    clicked = summed(log.position - 1, log.clicked)
    top = max(float(clicked[0] / shown[0]), np.finfo(float).tiny)
    rows = [
        [
            str(place + 1), f"{n_shown:,}", f"{int(clicked[place]):,}", f"{clicked[place] / max(n_shown, 1):.4f}",
            f"{clicked[place] / max(n_shown, 1) / top:.3f}", *_examined(found, place),
        ]
        for place, n_shown in enumerate(shown.tolist())
    ]  # fmt: skip
    names = ["position", "shown", "clicked", "click rate", "of the top's", "examination", "95 %"]
    print_table(names, rows, numbers=range(6), title=f"Display bias ({found.method})")
    if save is not None:
        found.save(save)
        say(f"Examination written to {save}")


def _examined(found: Examination, place: int) -> tuple[str, str]:
    if place >= found.n_positions:
        return "", ""
    return f"{found.probabilities[place]:.3f}", f"[{found.low[place]:.3f}, {found.high[place]:.3f}]"


@exposure.command
def evaluate(
    folder: Path,
    /,
    *,
    lists: str,
    against: str | None = None,
    examination: Path | None = None,
    explored: Annotated[bool, Parameter(negative=())] = False,
    reward: Literal["clicks", "value"] = "clicks",
    by: By = "user and item",
    since: Since = None,
    until: Until = None,
    window_days: WindowDays = 7.0,
) -> None:
    """Estimate what other lists would have earned per request, from the log of the lists that were shown.

    For example:

        pairloom exposure evaluate log --lists new-model.csv --against old-model.csv

    `position-based` undoes display bias; without `--explored` it takes the lists for re-rankings of what each request
    was shown. `item and position` needs the propensities of a policy that explores, and no assumption on how people
    look.

    Parameters
    ----------
    folder
        Folder of the log.
    lists
        File with columns request, item and position: what the other model shows for each request of the log.
    against
        Such a file of a second model; shown is the difference too, which is surer than either.
    examination
        What `report --save` wrote. Default: learned from the log.
    explored
        The log's policy gave every item a chance at every position (epsilon-greedy, Plackett-Luce) and logged
        propensities: so the lists may hold items that a request was not shown.
    reward
        What counts: distinct clicked items, or the sum of values.
    """
    log = _read(folder, since, until, window_days)
    known = position_bias_of(log, by=by) if examination is None else Examination.load(examination)
    earned = log.clicked if reward == "clicks" else log.value
    found = [("as logged", "", ratio_estimate("as logged", summed(log.request, earned, log.n_requests)))]
    seen = explored_examination(log, known) if explored else None
    rankings = [(Path(name).stem, _lists(name)) for name in (lists, against) if name is not None]
    for name, ranking in rankings:
        found.append(
            (
                name,
                "position-based",
                evaluate_ranking(log, ranking, known, logged_examination=seen, reward=reward),
            )
        )
        if (log.propensity < 1).any() and not np.isnan(log.propensity).any():
            found.append((name, "item and position", evaluate_positions(log, ranking, reward=reward)))
    if len(rankings) > 1:
        difference = compare_rankings(
            log, rankings[0][1], rankings[1][1], known, logged_examination=seen, reward=reward
        )
        found.append(("difference", "position-based", difference))
    print_table(
        ["lists", "by", reward, "95 %", "effective rows"],
        [
            [name, method, f"{e.value:.4f}", f"[{e.low:.4f}, {e.high:.4f}]", _size(e)]
            for name, method, e in found
        ],
        numbers=(2, 4),
        title=f"{reward.capitalize()} a request",
    )
    for name, method, estimate in found:
        for warning in estimate.warnings:
            say(f"{name}, {method}: {warning}")


def _size(estimate: Estimate) -> str:
    return "" if np.isnan(estimate.effective_n) else f"{estimate.effective_n:,.0f}"


@exposure.command
def join(
    folder: Path, /, *, output: Path, since: Since = None, until: Until = None, window_days: WindowDays = 7.0
) -> None:
    """Write the log as one table: a row an item that was shown, with the feedback on it.

    For example:

        pairloom exposure join log --output joined.parquet

    Parameters
    ----------
    folder
        Folder of the log.
    output
        The file to write (.csv, .jsonl, .parquet).
    """
    log = _read(folder, since, until, window_days)
    columns: dict[str, Any] = {}
    for name, values in log.to_dict().items():
        if values.dtype == object:
            columns[name] = StringColumn.from_strings(values.tolist())
        elif name == "time":
            columns[name] = StringColumn.from_strings([f"{at}Z" for at in values.astype(str).tolist()])
        else:
            columns[name] = values.astype(np.int64 if values.dtype.kind == "i" else np.float64)
    write_tables([Table(columns, len(log))], output)
    say(f"{len(log):,} rows written to {output}")


@exposure.command
def send(folder: Path, /, *, to: str) -> None:
    """Send to a broker what waits for it: what was logged with a sink while the broker was down.

    For example:

        pairloom exposure send log --to redis://127.0.0.1:6379/0

    Parameters
    ----------
    folder
        Folder of the log.
    to
        redis://host:port/database or kafka://host:port.
    """
    sink = sink_of(to)
    try:
        recover(folder)
        say(f"{send_waiting(folder, sink):,} events sent; {waiting(folder)[0]} journals are left")
    finally:
        sink.close()


def _read(folder: Path, since: str | None, until: str | None, window_days: float) -> JoinedLog:
    recover(folder)
    log = read_exposures(folder, since=since, until=until, window_s=86_400 * window_days)
    if not len(log):
        raise UserError(f"exposure: {folder} must hold impressions in that range of time. Got none.")
    return log


def _lists(source: str) -> dict[str, list[str]]:
    """Read lists by request, ordered by position."""
    rows: dict[str, list[tuple[float, str]]] = {}
    for table in Input.parse(source, None, None, 1).tables():
        columns: list[list[Any]] = []
        for name in ("request", "item", "position"):
            if name not in table.columns:
                raise DataError(
                    "columns request, item and position", source=source, got=", ".join(table.columns)
                )
            column = table.columns[name]
            columns.append(column.to_strings() if isinstance(column, StringColumn) else column.tolist())
        for request, item, position in zip(*columns, strict=True):
            try:
                rows.setdefault(str(request), []).append((float(position), str(item)))
            except (TypeError, ValueError):
                raise DataError("a position", source=source, field="position", got=repr(position)) from None
    return {request: [item for _, item in sorted(listed)] for request, listed in rows.items()}
