"""Choose the estimators' defaults: each solver on validation parts of several data sets, beside a grid.

For every solver and task the search starts from today's defaults, tries step sizes against factor decays, then linear
decays, then the spread of the first factors, and keeps what is best over all data sets: the mean, over data sets, of
the validation loss over the lowest one that any trial of that task reached. No test row is looked at.

    ./go bench defaults
    ./go bench defaults --solvers ftrl --tasks regression --start 1.0 0.1 1.0
    ./go bench defaults --solvers ftrl --no-search     only where the search would start
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pairloom import FactorizationMachineClassifier, FactorizationMachineRegressor
from pairloom.errors import DivergenceError
from pairloom.fm.defaults import defaults_for
from support.datasets import DATASETS, Split, has_data, hold_out
from support.machine import describe


@dataclass(frozen=True)
class Case:
    """A data set and how it is trained on."""

    dataset: str
    n_factors: int = 16
    epochs: int = 30
    rows: int = 1 << 30


CASES = {
    "regression": [
        Case("movielens-100k"),
        Case("movielens-100k", 64, 50),
        Case("movielens-latest-small"),
        Case("frappe", rows=60_000),
        Case("abalone"),
    ],
    "classification": [
        Case("movielens-likes"),
        Case("frappe-used", rows=60_000),
        Case("criteo", rows=30_000),
        Case("a9a"),
    ],
}
SOLVERS = ("sgd", "adagrad", "adam", "ftrl")
RATE_STEPS = (0.25, 0.5, 1.0, 2.0, 4.0)
DECAY_STEPS = (0.1, 0.33, 1.0, 3.0)
INIT_SCALES = (0.02, 0.05, 0.1)


@dataclass(frozen=True)
class Setting:
    """One point of the search."""

    learning_rate: float
    linear_decay: float
    factors_decay: float
    factors_init_scale: float = 0.05


def today(solver: str, task: str) -> Setting:
    """Return the defaults as they are."""
    default = defaults_for(solver, task)  # pyright: ignore[reportArgumentType]
    return Setting(default.learning_rate, default.linear_decay, default.factors_decay)


@dataclass
class Search:
    """Trials of one solver and task."""

    solver: str
    task: str
    cases: list[tuple[Case, Split]]
    start: Setting
    losses: dict[Setting, list[float]] = field(default_factory=dict)

    def measure(self, setting: Setting) -> list[float]:
        """Return the validation loss of every case: RMSE, or log loss; infinity where training diverged."""
        if setting not in self.losses:
            self.losses[setting] = [self._loss(case, split, setting) for case, split in self.cases]
        return self.losses[setting]

    def _loss(self, case: Case, split: Split, setting: Setting) -> float:
        kind = FactorizationMachineRegressor if self.task == "regression" else FactorizationMachineClassifier
        estimator = kind(
            case.n_factors,
            solver=self.solver,
            epochs=case.epochs,
            random_state=0,
            learning_rate=setting.learning_rate,
            linear_decay=setting.linear_decay,
            factors_decay=setting.factors_decay,
            factors_init_scale=setting.factors_init_scale,
        )
        try:
            estimator.fit(split.train, split.train_labels)
        except DivergenceError:
            return float("inf")
        if self.task == "regression":
            return float(np.sqrt(np.mean((estimator.predict(split.test) - split.test_labels) ** 2)))
        scores = estimator.decision_function(split.test).astype(np.float64)  # pyright: ignore
        return float(np.logaddexp(0, np.where(split.test_labels > 0.5, -scores, scores)).mean())

    def run(self) -> None:
        """Search one parameter after the other."""
        start = self.start
        self.measure(start)
        for rate in RATE_STEPS:
            for decay in DECAY_STEPS:
                self.measure(
                    replace(
                        start,
                        learning_rate=rate * start.learning_rate,
                        factors_decay=decay * start.factors_decay,
                    )
                )
        for name, values in (
            ("linear_decay", [step * (start.linear_decay or 1e-3) for step in (0.03, 0.1, 0.3, 3.0)]),
            ("factors_init_scale", list(INIT_SCALES)),
            ("learning_rate", [step * self.best().learning_rate for step in (0.7, 1.4)]),
        ):
            best = self.best()
            for value in values:
                self.measure(replace(best, **{name: value}))

    def best(self, lowest: list[float] | None = None) -> Setting:
        """Return the setting with the lowest mean excess over the lowest losses."""
        floor = lowest or [min(column) for column in zip(*self.losses.values(), strict=True)]
        return min(self.losses, key=lambda setting: excess(self.losses[setting], floor))


def excess(losses: list[float], lowest: list[float]) -> float:
    """Return how much a setting's losses exceed the lowest ones, on average over data sets."""
    return float(np.mean([loss / low for loss, low in zip(losses, lowest, strict=True)])) - 1.0


def report(task: str, searches: list[Search]) -> None:
    """Print where the search started and the best five settings of every solver."""
    lowest = [
        min(column) for column in zip(*(row for s in searches for row in s.losses.values()), strict=True)
    ]
    names = [f"{case.dataset}/{case.n_factors}" for case, _ in searches[0].cases]
    print(f"\n{task}: {'RMSE' if task == 'regression' else 'log loss'} on validation rows")
    print(
        f"{'solver':8} {'':6} {'rate':>8} {'linear':>8} {'factors':>8} {'init':>5} {'excess':>7}  {' '.join(names)}"
    )
    for search in searches:
        ranked = sorted(search.losses, key=lambda setting: excess(search.losses[setting], lowest))
        chosen: list[tuple[str, Setting]] = [("start", search.start)] + [("best", s) for s in ranked[:5]]
        for label, s in chosen:
            row: list[Any] = [
                f"{loss:.4f}".rjust(len(n)) for loss, n in zip(search.losses[s], names, strict=True)
            ]
            print(
                f"{search.solver:8} {label:6} {s.learning_rate:8.4g} {s.linear_decay:8.2g} {s.factors_decay:8.2g} "
                f"{s.factors_init_scale:5.2g} {100 * excess(search.losses[s], lowest):6.2f}%  {' '.join(row)}",
                flush=True,
            )


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=list(SOLVERS))
    parser.add_argument("--tasks", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument(
        "--start",
        nargs=3,
        type=float,
        metavar=("RATE", "LINEAR_DECAY", "FACTORS_DECAY"),
        help="not today's defaults",
    )
    parser.add_argument("--no-search", action="store_true", help="only where the search would start")
    parser.add_argument("--small", action="store_true", help="today's defaults alone, on 3,000 rows")
    arguments = parser.parse_args()
    if not has_data():
        return
    print(describe("numpy", "scipy"))
    for task in arguments.tasks:
        cases = [
            (replace(case, epochs=2) if arguments.small else case,
             hold_out(DATASETS[case.dataset]().head(3000 if arguments.small else case.rows)))
            for case in (CASES[task][:1] if arguments.small else CASES[task])
        ]  # fmt: skip
        searches = [
            Search(solver, task, cases, Setting(*arguments.start) if arguments.start else today(solver, task))
            for solver in arguments.solvers
        ]
        for search in searches:
            start = time.perf_counter()
            if arguments.small or arguments.no_search:
                search.measure(search.start)
            else:
                search.run()
            print(
                f"({search.solver}, {task}: {len(search.losses)} trials, {time.perf_counter() - start:.0f} s)",
                flush=True,
            )
        report(task, searches)


if __name__ == "__main__":
    main()
