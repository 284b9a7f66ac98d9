"""Exposure: how often intervals hold the truth on simulated users, and what logging costs a request.

./go bench exposure
./go bench exposure --parts coverage --runs 500
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pairloom.exposure import (
    Estimate,
    Examination,
    ExposureLog,
    Impressions,
    LoggedActions,
    PlackettLuce,
    RandomSwaps,
    evaluate_lists,
    evaluate_policy,
    expected_examination,
    fit_position_bias,
    fit_swaps,
    read_exposures,
)
from pairloom.synthetic import BrowsingUsers
from support.machine import describe

PARTS = ("coverage", "logging")
HEAD = """
| events | list, median / p99 | list, CPU with writing Parquet | click, CPU | 4 threads, events/s \
| power: list, 4 threads | on disk a row | reading | grew by |"""
N_USERS, N_ITEMS, N_POSITIONS = 40, 20, 6
WORLD = BrowsingUsers(N_USERS, N_ITEMS, N_POSITIONS, like_rate=0.3, random_state=3)
LIKED = WORLD.relevance.mean(axis=0)
SCORES = -3 * LIKED
"""What the logging policy goes by whose lists are re-made: on top is what is liked least, as if to clear the stock."""
SORTED = 8 * LIKED
"""What the policy goes by from whose clicks examination is learned: on top is what is liked most."""
BEST = np.argsort(-WORLD.relevance, axis=1)[:, :N_POSITIONS]
PLACES = np.full((N_USERS, N_ITEMS), -1)
np.put_along_axis(PLACES, BEST, np.arange(N_POSITIONS), axis=1)
TRUTH = float(WORLD.expected_clicks(np.arange(N_USERS), BEST).mean())


class Covered:
    """Counts how often an interval holds the truth, and how far off the middle is."""

    def __init__(self) -> None:
        self.hits: dict[str, list[float]] = {}
        self.errors: dict[str, list[float]] = {}
        self.widths: dict[str, list[float]] = {}

    def add(self, name: str, low: float, value: float, high: float, truth: float) -> None:
        self.hits.setdefault(name, []).append(low <= truth <= high)
        self.errors.setdefault(name, []).append(value - truth)
        self.widths.setdefault(name, []).append(high - low)

    def estimate(self, name: str, found: Estimate, truth: float) -> None:
        self.add(name, found.low, found.value, found.high, truth)

    def show(self, what: str, n_runs: int) -> None:
        print(f"\n| {what} | bias | standard deviation | width of the interval | holds the truth |")
        print("|---|---|---|---|---|")
        for name, hits in self.hits.items():
            errors = np.array(self.errors[name])
            print(
                f"| {name} | {errors.mean():+.4f} | {errors.std():.4f} | {np.mean(self.widths[name]):.4f} | "
                f"{np.mean(hits):.1%} |"
            )
        print(f"\n{n_runs} runs")


def session(users: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Show each user a list by Plackett-Luce, and return the lists and their clicks."""
    shown = np.argsort(-(scores + rng.gumbel(size=(len(users), N_ITEMS))), axis=1)[:, :N_POSITIONS]
    return shown, WORLD.clicks(users, shown, rng).astype(float)


def coverage(n_runs: int, n_requests: int) -> None:
    """Estimate examination and the value of other lists, again and again on new logs."""
    bias, lists_of = Covered(), Covered()
    policy, swaps = PlackettLuce(), RandomSwaps(N_POSITIONS)
    chances = policy.probabilities(SCORES, N_POSITIONS)
    positions, requests = (
        np.tile(np.arange(1, N_POSITIONS + 1), n_requests),
        np.repeat(np.arange(n_requests), N_POSITIONS),
    )
    last, deep = WORLD.examination[-1], N_POSITIONS - 1
    for run in range(n_runs):
        rng = np.random.default_rng(run)
        users = np.arange(n_requests) % N_USERS
        shown, clicks = session(users, SORTED, rng)
        rate = clicks.mean(axis=0)
        error = 1.96 * np.sqrt(rate[-1] * (1 - rate[-1]) / n_requests) / rate[0]
        bias.add(
            "naive: click rates",
            rate[-1] / rate[0] - error,
            rate[-1] / rate[0],
            rate[-1] / rate[0] + error,
            last,
        )
        pairs = users[:, None] * N_ITEMS + shown
        for name, groups, method in (
            ("proportional, by item", shown, "proportional"),
            ("em, by item", shown, "em"),
            ("proportional, by user and item", pairs, "proportional"),
            ("em, by user and item", pairs, "em"),
        ):
            found = fit_position_bias(
                groups.ravel(),
                positions,
                clicks.ravel(),
                requests=requests,
                method=method,
                n_bootstrap=25 if method == "em" else 50,
            )
            bias.add(name, found.low[deep], found.probabilities[deep], found.high[deep], last)
        swapped, places = zip(*(swaps.apply(BEST[user].tolist()) for user in users), strict=True)
        places = np.array([context["swap"] for context in places])
        on_pair = np.take_along_axis(WORLD.clicks(users, np.array(swapped), rng), places - 1, axis=1)
        found = fit_swaps(*places.T, *on_pair.T, n_bootstrap=50)
        bias.add("randomised swaps", found.low[deep], found.probabilities[deep], found.high[deep], last)

        shown, clicks = session(users, SCORES, rng)
        same_log = fit_position_bias(
            shown.ravel(), positions, clicks.ravel(), requests=requests, n_bootstrap=0
        )
        place = PLACES[users[:, None], shown]
        stood = chances[shown, np.arange(N_POSITIONS)]
        for name, examination in (
            ("position-based, examination known", Examination.given(WORLD.examination)),
            ("position-based, learned from the same log", same_log),
        ):
            after = np.where(place >= 0, examination.probabilities[place], 0.0)
            before = expected_examination(chances, examination)[shown]
            columns = requests, clicks.ravel(), before.ravel(), after.ravel()
            lists_of.estimate(name, evaluate_lists(*columns), TRUTH)
            if examination.method == "given":
                drawn = evaluate_lists(*columns, interval="bootstrap", n_bootstrap=200)
                lists_of.estimate(f"{name}, bootstrap", drawn, TRUTH)
        same = (place == np.arange(N_POSITIONS)).astype(float)
        columns = requests, clicks.ravel(), stood.ravel(), same.ravel()
        lists_of.estimate("item and position", evaluate_lists(*columns), TRUTH)
        agree = clicks[place >= 0]
        middle, error = N_POSITIONS * agree.mean(), 1.96 * N_POSITIONS * agree.std() / np.sqrt(len(agree))
        lists_of.add("naive: clicks on the same items", middle - error, middle, middle + error, TRUTH)
    bias.show(f"examination of position {N_POSITIONS} ({last:.3f})", n_runs)
    lists_of.show(f"clicks a request of the best lists ({TRUTH:.3f})", n_runs)
    actions(n_runs, n_requests)


def actions(n_runs: int, n_rows: int) -> None:
    """Evaluate a policy of single actions, with a reward model that is wrong."""
    rng = np.random.default_rng(0)
    reward = rng.uniform(0.05, 0.6, (6, 4))
    model = np.clip(reward + rng.normal(0.1, 0.15, reward.shape), 0, 1)
    logging, target = (np.exp(s * reward) / np.exp(s * reward).sum(axis=1, keepdims=True) for s in (-3, 4))
    truth, covered = float((target * reward).sum(axis=1).mean()), Covered()
    for run in range(n_runs):
        rng = np.random.default_rng(run)
        x = rng.integers(6, size=n_rows)
        a = (rng.random(n_rows)[:, None] > logging.cumsum(axis=1)[x]).sum(axis=1)
        clicked = (rng.random(n_rows) < reward[x, a]).astype(float)
        logged = LoggedActions(
            clicked,
            logging[x, a],
            target[x, a],
            predicted=model[x, a],
            predicted_target=(target * model).sum(axis=1)[x],
        )
        for name, found in evaluate_policy(logged).items():
            covered.estimate(name, found, truth)
    covered.show(f"reward of another policy ({truth:.3f})", n_runs)


def logging(sizes: list[int]) -> None:
    """Log lists of ten and a click each, then read them back, each size in a process of its own."""
    print(HEAD)
    print("|---|---|---|---|---|---|---|---|---|")
    for n_requests in sizes:
        process = multiprocessing.get_context("spawn").Process(target=logged_size, args=(n_requests,))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(process.exitcode)


def logged_size(n_requests: int) -> None:
    """Print one row."""
    items, chances = list(range(10)), [0.1] * 10
    context = {"page": "home", "device": "phone"}

    def shown(i: int) -> Impressions:
        return Impressions(f"request-{i}", items, i % 5000, chances, 1e-10, "model-1", context=context)

    with tempfile.TemporaryDirectory() as folder, ExposureLog(Path(folder) / "a") as log:
        log.log(shown(-1))
        log.flush()
        base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        took, cpu = np.empty(n_requests), time.process_time()
        for i in range(n_requests):
            begin = time.perf_counter()
            log.log(shown(i))
            took[i] = time.perf_counter() - begin
        log.flush()
        cpu = (time.process_time() - cpu) / n_requests
        begin = time.process_time()
        for i in range(n_requests):
            log.feedback(f"request-{i}", i % 10)
        click = (time.process_time() - begin) / n_requests
        log.flush()
        grew = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base
        begin = time.process_time()
        joined = read_exposures(Path(folder) / "a")
        read = time.process_time() - begin
        assert joined.n_requests == n_requests + 1
        assert joined.clicked.sum() == n_requests
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet")) / len(joined)
        rate = in_threads(log.log, shown, n_requests // 4)
        with ExposureLog(Path(folder) / "b", durable="power") as safe:
            power = 4 / in_threads(safe.log, shown, min(500, n_requests // 8))
    median, p99 = np.quantile(took, [0.5, 0.99]) * 1e6
    print(
        f"| {2 * n_requests:,} | {median:.1f} / {p99:.1f} us | {cpu * 1e6:.1f} us | {click * 1e6:.1f} us "
        f"| {rate:,.0f} | {power * 1e3:.2f} ms | {size:.1f} bytes "
        f"| {read:.1f} CPU s for {len(joined):,} rows | {grew / 1024:.0f} MB |",
        flush=True,
    )


def in_threads(log: Callable[[Impressions], None], shown: Callable[[int], Impressions], n_each: int) -> float:
    """Return events a second of four threads."""

    def work(begin: int) -> None:
        for i in range(begin, begin + n_each):
            log(shown(i))

    threads = [threading.Thread(target=work, args=(10**8 * (t + 1),)) for t in range(4)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 4 * n_each / (time.perf_counter() - begin)


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--requests", type=int, default=1500, help="in each log of the coverage")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 50_000, 200_000])
    parser.add_argument("--small", action="store_true")
    asked = parser.parse_args()
    if asked.small:
        asked.runs, asked.requests, asked.sizes = 4, 400, [2000]
    print(describe("numpy", "pyarrow"))
    if "coverage" in asked.parts:
        coverage(asked.runs, asked.requests)
    if "logging" in asked.parts:
        logging(asked.sizes)


if __name__ == "__main__":
    main()
