"""What it costs to encode ratings joined with users, items and both histories: time and memory at three sizes.

Every line comes from a process of its own, so that its peak of memory is its own.

./go bench encoding
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from pairloom import FactorizationMachineRegressor
from pairloom.encoding import FeatureEncoder, History, Multi, Related
from pairloom.kernels.row_assembly import joined_lengths
from support.machine import describe

N_ITEMS, RATINGS_PER_USER = 2000, 100


def ratings(n_rows: int) -> tuple[pd.DataFrame, FeatureEncoder]:
    """Draw ratings, users with two attributes, items with genres."""
    rng = np.random.default_rng(0)
    n_users = n_rows // RATINGS_PER_USER
    chances = 1 / (np.arange(N_ITEMS) + 20.0)
    rows = pd.DataFrame(
        {
            "user": rng.integers(0, n_users, n_rows),
            "item": rng.choice(N_ITEMS, n_rows, p=chances / chances.sum()),
            "stars": rng.integers(1, 6, n_rows).astype(np.float64),
        }
    )
    users = {
        "user": np.arange(n_users),
        "age": rng.integers(10, 80, n_users),
        "job": rng.integers(0, 20, n_users),
    }
    genres = ["|".join(str(g) for g in np.flatnonzero(held)) for held in rng.random((N_ITEMS, 18)) < 0.15]
    relations = [
        Related(users, on="user"),
        Related({"item": np.arange(N_ITEMS), "genres": genres}, on="item", columns={"genres": Multi()}),
    ]
    histories = [History("item", "user"), History("user", "item")]
    return rows, FeatureEncoder(["user", "item"], relations=relations, histories=histories)


def peak_mb() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Return CPU seconds and what came out."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def one(n_rows: int, what: str) -> None:
    """Print one line of the table."""
    rows, encoder = ratings(n_rows)
    encoder.fit(rows.head(RATINGS_PER_USER))  # what is imported at the first call
    before = peak_mb()
    if what == "joined":
        encoder.output = "matrix"
    fit_s, _ = timed(lambda: encoder.fit(rows))
    encode_s, found = timed(lambda: encoder.transform(rows))
    learned = "-"
    if what in ("als", "sgd"):
        model = FactorizationMachineRegressor(10, solver=what, epochs=3, random_state=0)
        learned = f"{timed(lambda: model.fit(found, rows['stars']))[0]:.2f}"
    n_nonzeros = found.nnz if what == "joined" else int(joined_lengths(found).sum())  # type: ignore[attr-defined]
    state = sum(array.nbytes for array in encoder.to_state()[1].values()) / 1e6
    print(
        f"| {n_rows:,} | {n_nonzeros / 1e6:.0f} | {what} | {fit_s:.2f} | {encode_s:.2f} | {learned} | "
        f"{peak_mb() - before:.0f} | {state:.1f} |",
        flush=True,
    )


def main() -> None:
    """Read the options, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--what", default="shared", help=argparse.SUPPRESS)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    if options.rows:
        one(options.rows, options.what)
        return
    print(describe())
    print(
        "\n| rows | joined non-zeros, million | rows as | fit, CPU s | encode, CPU s | 3 epochs, CPU s | "
        "memory grown by, MB | state, MB |\n|---:|---:|---|---:|---:|---:|---:|---:|",
        flush=True,
    )
    for n_rows in (2000,) if options.small else (50_000, 100_000, 200_000):
        for what in ("shared", "joined", "als", "sgd"):
            command = [sys.executable, __file__, "--rows", str(n_rows), "--what", what]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
