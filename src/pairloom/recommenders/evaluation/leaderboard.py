"""Several recommenders on one split: a table, with how sure it is, and a picture."""

from __future__ import annotations

import html
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pairloom.errors import MissingExtraError, UserError
from pairloom.recommenders.embeddings import EmbeddingRecommender
from pairloom.recommenders.evaluation.ranking import PER_USER, RankingReport, evaluate, interval
from pairloom.recommenders.evaluation.splits import Split
from pairloom.recommenders.recommender import Recommender

__all__ = ["Entry", "Leaderboard", "compare"]

LISTS = ("coverage", "novelty", "diversity", "gini", "popularity")


@dataclass(frozen=True, slots=True)
class Entry:
    """One recommender's line.

    Parameters
    ----------
    name : str
    report : RankingReport
    fit_s, recommend_s : float
        Seconds of wall clock to fit, and to make all lists.
    retrieval : str
        How items were found, where through an index, with its recall against the exact answer.
    """

    name: str
    report: RankingReport
    fit_s: float
    recommend_s: float
    retrieval: str = ""


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Recommenders by one metric, the best first.

    Parameters
    ----------
    split : str
        How the data was parted.
    metric : str
    entries : sequence of Entry
    """

    split: str
    metric: str
    entries: list[Entry]

    def difference(self, first: str, second: str) -> tuple[float, tuple[float, float]]:
        """Return by how much the first beats the second on the same users, and the 95 % interval of that.

        Where the interval leaves out 0, the two differ for more than the chance of which users were asked.
        """
        by_name = {entry.name: entry.report.per_user[self.metric] for entry in self.entries}
        for name in (first, second):
            if name not in by_name:
                raise UserError(f"Leaderboard: {name!r} must be one of {', '.join(by_name)}.")
        differences = by_name[first] - by_name[second]
        return float(differences.mean()), interval(differences)

    def rows(self) -> list[dict[str, str]]:
        """Return the table: each metric, the ordering one with its interval, and whether the best is surely better."""
        found: list[dict[str, str]] = []
        best = self.entries[0].name
        for entry in self.entries:
            low, high = entry.report.interval(self.metric)
            surely = entry.name == best or self.difference(best, entry.name)[1][0] > 0
            means = entry.report.means()
            found.append(
                {
                    "model": entry.name,
                    f"{self.metric}@{entry.report.n}": f"{means[self.metric]:.4f} [{low:.4f}, {high:.4f}]",
                    **{name: f"{means[name]:.4f}" for name in (*PER_USER, *LISTS) if name != self.metric},
                    "fit": f"{entry.fit_s:.2f} s",
                    "retrieval": entry.retrieval,
                    "behind the best": "" if entry.name == best else "yes" if surely else "not surely",
                }
            )
        return found

    def save(self, *targets: str | Path) -> None:
        """Write the table as ``.html``, or a picture of it as ``.png`` or ``.svg``.

        Pictures need the extra ``plot``; without it, the table stands in ``.html`` alone.
        """
        for target in targets:
            if Path(target).suffix.lower() == ".html":
                Path(target).write_text(self._html(), encoding="utf-8")
            else:
                from pairloom.plots.figure import save_figure

                save_figure(self._figure(), [target])

    def _html(self) -> str:
        rows = self.rows()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(value)}</td>" for value in row.values()) + "</tr>"
            for row in rows
        )
        style = "body{font-family:sans-serif}td,th{padding:.3em .8em;text-align:right}td:first-child{text-align:left}"
        title = f"Recommenders on {html.escape(self.split)}"
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{style}</style>'
            f"<h1>{title}</h1><table><tr>{head}</tr>{body}</table>{self._inline_picture()}</html>"
        )

    def _inline_picture(self) -> str:
        try:
            figure = self._figure()
        except MissingExtraError:
            return ""
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg")
        return drawn.getvalue().partition("<svg")[1] + drawn.getvalue().partition("<svg")[2]

    def _figure(self) -> Any:
        from pairloom.plots.figure import new_figure

        figure = new_figure((7, 1.2 + 0.4 * len(self.entries)))
        axes = figure.add_subplot()
        names = [entry.name for entry in self.entries][::-1]
        means = np.array([entry.report.means()[self.metric] for entry in self.entries])[::-1]
        limits = np.array([entry.report.interval(self.metric) for entry in self.entries])[::-1]
        axes.barh(names, means, xerr=np.abs(limits.T - means), color="C0", ecolor="black", capsize=3)
        axes.set(
            title=f"{self.metric}@{self.entries[0].report.n} on {self.split}", xlabel="mean, 95 % interval"
        )
        return figure


def compare(
    recommenders: Mapping[str, Recommender],
    split: Split,
    *,
    n: int = 20,
    metric: str = "ndcg",
    users: Any = None,
    items: Any = None,
) -> Leaderboard:
    """Fit recommenders on the training part of a split and measure them on its test part.

    Parameters
    ----------
    recommenders : mapping of str to Recommender
        By the name in the table.
    split : Split
    n : int
        Length of the lists.
    metric : str
        What they are ordered by: recall, precision, ndcg, map, mrr or hit_rate.
    users, items : tables, optional
        As `Recommender.fit` takes them; the columns of ids are ``user`` and ``item``.
    """
    if metric not in PER_USER:
        raise UserError(f"compare: 'metric' must be one of {', '.join(PER_USER)}. Got {metric!r}.")
    if not recommenders:
        raise UserError("compare: must be given at least one recommender. Got none.")
    entries: list[Entry] = []
    for name, recommender in recommenders.items():
        began = time.perf_counter()
        recommender.fit(split.train, users=users, items=items)
        fitted = time.perf_counter()
        report = evaluate(recommender, split, n=n)
        spent = time.perf_counter() - fitted
        entries.append(Entry(name, report, fitted - began, spent, _retrieval(recommender)))
    entries.sort(key=lambda entry: -entry.report.means()[metric])
    return Leaderboard(split.name, metric, entries)


def _retrieval(recommender: Recommender) -> str:
    if not isinstance(recommender, EmbeddingRecommender):
        return ""
    index = recommender.index_
    return (
        index.name
        if index.recall is None
        else f"{index.name}, recall@{index.recall.n} {index.recall.value:.4f}"
    )
