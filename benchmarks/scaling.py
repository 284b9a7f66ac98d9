"""How time and memory grow with rows, features and factors: three sizes of each, all else equal.

Every measurement is a process of its own: rows of ten one-hot fields, ids by a power law, logistic loss.

    ./go bench scaling
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from typing import Any

import numpy as np

from pairloom.fm.settings import FMSettings
from pairloom.fm.training import FMTrainer
from pairloom.rows import RowBatch
from support.machine import describe

N_FIELDS = 10
BASE = {"rows": 500_000, "features": 100_000, "factors": 16}
SIZES = {
    "rows": (250_000, 500_000, 1_000_000),
    "features": (10_000, 100_000, 1_000_000),
    "factors": (8, 32, 128),
}


def make_rows(n_rows: int, n_features: int) -> RowBatch:
    """Draw rows of ten ids, each of its own tenth of the features, small ids more often."""
    rng = np.random.default_rng(0)
    width = n_features // N_FIELDS
    indices = np.empty((n_rows, N_FIELDS), np.int32)
    for field in range(N_FIELDS):
        indices[:, field] = field * width + (width * rng.random(n_rows, np.float32) ** 4).astype(
            np.int32
        ).clip(0, width - 1)
    labels = (rng.random(n_rows) < 0.3).astype(np.float32)
    indptr = np.arange(0, n_rows * N_FIELDS + 1, N_FIELDS, dtype=np.int64)
    return RowBatch(indptr, indices.ravel(), None, n_features, labels)


def measure(rows: int, features: int, factors: int, solver: str) -> dict[str, float]:
    """Train three epochs; return the best one's seconds, the peak memory, and what it was before training."""
    batch = make_rows(rows, features)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    trainer = FMTrainer(
        FMSettings(task="classification", n_factors=factors, solver=solver, epochs=3, linear_rate=0.05,
                   factors_rate=0.05)  # pyright: ignore
    )  # fmt: skip
    trainer.fit(lambda: [batch], n_features=features)
    seconds = min(report.seconds for report in trainer.history)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "before_mib": before, "peak_mib": peak}


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--solvers", nargs="+", default=["sgd", "adagrad", "adam", "ftrl"])
    parser.add_argument("--small", action="store_true", help="a thousandth of the rows, sgd alone")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(**json.loads(arguments.measure))))
        return
    print(describe("numpy"))
    print(
        f"1 thread; all else is {BASE}; {N_FIELDS} ones a row; 'added' is peak memory above the generated rows"
    )
    print(
        f"{'solver':8} {'varied':9} {'size':>10} {'s/epoch':>8} {'ns/(one x factor)':>18} {'added MiB':>10}"
    )
    for solver in ["sgd"] if arguments.small else arguments.solvers:
        for name, sizes in SIZES.items():
            for size in sizes:
                shape: dict[str, Any] = {**BASE, name: size}
                if arguments.small:
                    shape["rows"] = max(100, shape["rows"] // 1000)
                command = [sys.executable, __file__, "--measure", json.dumps({**shape, "solver": solver})]
                result = json.loads(subprocess.check_output(command))
                unit = 1e9 * result["seconds"] / (shape["rows"] * N_FIELDS * shape["factors"])
                print(f"{solver:8} {name:9} {size:10,} {result['seconds']:8.3f} {unit:18.3f} "
                      f"{result['peak_mib'] - result['before_mib']:10.0f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
