"""Ratings in the shape of MovieLens 20M (138,493 x 27,278, 20 million): memory held, seconds an epoch.

The ratings are drawn in pieces while they are read, so that only what training keeps is in memory.

    ./go bench memory
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pairloom.fm.data import TrainingData
from pairloom.fm.settings import FMSettings
from pairloom.fm.training import FMTrainer
from pairloom.rows import RowBatch
from support.machine import describe

N_USERS, N_ITEMS, N_RATINGS = 138_493, 27_278, 20_000_000
PIECE = 250_000


def ratings(n_ratings: int) -> Iterator[RowBatch]:
    """Draw ratings: items by popularity, half stars."""
    chances = np.cumsum(1.0 / (np.arange(N_ITEMS) + 50.0))
    chances /= chances[-1]
    for seed, start in enumerate(range(0, n_ratings, PIECE)):
        rng = np.random.default_rng(seed)
        n = min(PIECE, n_ratings - start)
        indices = np.empty((n, 2), np.int32)
        indices[:, 0] = rng.integers(0, N_USERS, n)
        indices[:, 1] = N_USERS + np.searchsorted(chances, rng.random(n)).clip(0, N_ITEMS - 1)
        labels = (np.clip(rng.normal(7, 2, n).round(), 1, 10) / 2).astype(np.float32)
        yield RowBatch(
            np.arange(0, 2 * n + 1, 2, dtype=np.int64), indices.ravel(), None, N_USERS + N_ITEMS, labels
        )


def resident_bytes() -> int:
    """Return the memory that the process has in RAM, after a collection of garbage (Linux; else 0)."""
    gc.collect()
    path = Path("/proc/self/statm")
    return int(path.read_text().split()[1]) * 4096 if path.is_file() else 0


def held(n_ratings: int) -> None:
    before = resident_bytes()
    begin = time.perf_counter()
    data = TrainingData(lambda: ratings(n_ratings), FMSettings())
    data.load()
    seconds = time.perf_counter() - begin
    arrays = sum(chunk.size_bytes for chunk in data.kept)
    grown = resident_bytes() - before
    print(f"holding {data.n_rows:,} ratings in {len(data.kept)} chunks: {arrays / 1e6:.0f} MB of arrays, resident "
          f"memory grew by {grown / 1e6:.0f} MB (target 180), loaded in {seconds:.1f} s")  # fmt: skip


def epochs(n_ratings: int, n_factors: int, n_threads: int) -> None:
    settings = FMSettings(solver="sgd", n_factors=n_factors, epochs=2, linear_rate=0.02, factors_rate=0.02,
                          factors_decay=0.05, n_threads=n_threads)  # fmt: skip
    trainer = FMTrainer(settings)
    trainer.fit(lambda: ratings(n_ratings))
    seconds = min(report.seconds for report in trainer.history)
    table = (N_USERS + N_ITEMS) * n_factors * 4
    print(f"{n_factors:4} factors, {n_threads} threads: {seconds:6.3f} s an epoch, "
          f"{n_ratings / seconds / 1e6:6.1f} M samples/s, {table / 1e6:.0f} MB of factors", flush=True)  # fmt: skip


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--factors", nargs="+", type=int, default=[16, 64])
    parser.add_argument("--small", action="store_true", help="20,000 ratings, k = 4")
    arguments = parser.parse_args()
    n_ratings, factors = (20_000, [4]) if arguments.small else (N_RATINGS, arguments.factors)
    print(describe("numpy"))
    held(n_ratings)
    sys.stdout.flush()
    for n_factors in factors:
        for n_threads in (1, 2):
            epochs(n_ratings, n_factors, n_threads)


if __name__ == "__main__":
    main()
