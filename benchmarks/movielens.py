"""MovieLens-100K, split ua, k = 64: training speed, the second thread's worth, accuracy, the whole process.

./go bench movielens
./go bench movielens --skip tuning
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pairloom import FactorizationMachineClassifier, FactorizationMachineRegressor
from pairloom.metrics import accuracy, f_beta
from support.datasets import Split, has_data, hold_out, movielens_100k
from support.machine import describe, second_core
from support.training import log_loss, repeated, rmse, time_fit

PARTS = ("speed", "threads", "defaults", "tuning", "likes", "process")
GRID: dict[str, list[Any]] = {
    "factors_decay": [0.05, 0.07, 0.09, 0.11, 0.14],
    "learning_rate": [0.01, 0.015, 0.02, 0.03, 0.04],
    "linear_decay": [0.0, 0.005, 0.01, 0.02, 0.04],
    "factors_init_scale": [0.01, 0.03, 0.05, 0.1],
    "final_learning_rate": [0.0, 0.02, 0.1],
}


def regressor(n_factors: int, epochs: int, **more: Any) -> FactorizationMachineRegressor:
    return FactorizationMachineRegressor(n_factors, solver="sgd", epochs=epochs, **more)


def test_rmse(split: Split, seeds: range, **parameters: Any) -> list[float]:
    """Return the RMSE on the split's test rows for several seeds."""
    return [
        rmse(split.test_labels, regressor(random_state=seed, **parameters).fit(split.train, split.train_labels)
             .predict(split.test))
        for seed in seeds
    ]  # fmt: skip


def speed(split: Split, shape: dict[str, int], n_times: int) -> None:
    wall, cpu = repeated(
        lambda: time_fit(regressor(random_state=0, **shape), split.train, split.train_labels), n_times
    )
    print(f"speed, 1 thread, best of {n_times}: {wall.samples_per_s / 1e6:.1f} M samples/s of wall clock, "
          f"{cpu.samples_per_cpu_s / 1e6:.1f} M samples/s of processor time (target 80)")  # fmt: skip


def threads(split: Split, shape: dict[str, int], n_pairs: int) -> None:
    print(f"two spinning processes get {second_core():.2f} x the work of one done (2.0: both cores are free)")
    gains = []
    for _ in range(n_pairs):
        one, two = (
            time_fit(regressor(random_state=0, n_jobs=n, **shape), split.train, split.train_labels)
            for n in (1, 2)
        )
        gains.append(one.wall_s / two.wall_s)
    quality = [np.mean(test_rmse(split, range(3), n_jobs=n, **shape)) for n in (1, 2)]
    print(f"2 threads over 1, {n_pairs} paired runs: best {max(gains):.2f} x, median {statistics.median(gains):.2f} x "
          f"(target 1.6); test RMSE {quality[0]:.4f} with 1, {quality[1]:.4f} with 2")  # fmt: skip


def with_defaults(split: Split, shape: dict[str, int], n_seeds: int) -> None:
    losses = test_rmse(split, range(n_seeds), **shape)
    print(f"test RMSE with defaults, {n_seeds} seeds: mean {np.mean(losses):.4f}, {min(losses):.4f} to "
          f"{max(losses):.4f} (target 0.935)")  # fmt: skip


def tuning(split: Split, shape: dict[str, int], n_seeds: int) -> None:
    """Choose on a random tenth of the training rows, one parameter after the other, twice over; then refit."""
    begin = time.perf_counter()
    held = hold_out(split)
    chosen: dict[str, Any] = {"clip_predictions": True}
    lowest, n_trials = np.inf, 0
    for name, _ in itertools.product(GRID, range(1)):
        for value in GRID[name]:
            loss = float(np.mean(test_rmse(held, range(2), **shape, **{**chosen, name: value})))
            n_trials += 1
            if loss < lowest:
                lowest, best = loss, {**chosen, name: value}
        chosen = best
    losses = test_rmse(split, range(n_seeds), **shape, **chosen)
    print(f"tuned on a tenth of ua.base ({n_trials} trials, {time.perf_counter() - begin:.0f} s): {chosen}, validation "
          f"{lowest:.4f}")  # fmt: skip
    print(f"test RMSE tuned, {n_seeds} seeds: mean {np.mean(losses):.4f}, {min(losses):.4f} to {max(losses):.4f} "
          "(target 0.926)")  # fmt: skip


def likes(split: Split, shape: dict[str, int]) -> None:
    classes = split.as_classes(4, "likes")
    shape = {**shape, "epochs": 2 * shape["epochs"]}
    estimator = FactorizationMachineClassifier(**shape, solver="sgd", random_state=0)
    p = estimator.fit(classes.train, classes.train_labels).predict_proba(classes.test)[:, 1]
    y = classes.test_labels
    print(f"likes, {shape['epochs']} epochs, defaults: log loss {log_loss(y, p):.4f} (target 0.56), "
          f"accuracy {accuracy(y, p):.4f} (0.71), F1 {f_beta(y, p):.4f} (0.75)")  # fmt: skip


def process(split: Split, shape: dict[str, int], n_times: int) -> None:
    """Start, read two CSV files, train, test and save, as a user's shell would."""
    with tempfile.TemporaryDirectory() as folder:
        for name, rows, labels in (
            ("train", split.train, split.train_labels), ("test", split.test, split.test_labels)
        ):  # fmt: skip
            columns = np.column_stack([rows.indices.reshape(-1, 2), labels])
            np.savetxt(
                Path(folder) / f"{name}.csv", columns, "%d", ",", header="user,item,rating", comments=""
            )
        command = [
            sys.executable, "-P", "-m", "pairloom", "train", "factorization-machines", "--train", "train.csv",
            "--test", "test.csv", "--predictor-type", "regressor", "--num-factors", str(shape["n_factors"]),
            "--epochs", str(shape["epochs"]), "--solver", "sgd", "--learning-rate-schedule", "linear",
            "--linear-lr", "0.02", "--factors-lr", "0.02", "--bias-lr", "0.002", "--linear-wd", "0.04",
            "--factors-wd", "0.07", "--factors-init-sigma", "0.05",
        ]  # fmt: skip
        source = str(Path(__file__).resolve().parents[1] / "src")
        environment = {**os.environ, "PYTHONPATH": (os.environ.get("PYTHONPATH") and source) or ""}
        seconds, said = [], ""
        for _ in range(n_times):
            begin = time.perf_counter()
            said = subprocess.run(
                command, cwd=folder, env=environment, check=True, capture_output=True, text=True
            ).stdout
            seconds.append(time.perf_counter() - begin)
    scores = " ".join(line.strip() for line in said.splitlines() if "rmse" in line.lower())
    print(f"whole `pairloom train` process (start, read, {shape['epochs']} epochs, test, save), {n_times} runs: best "
          f"{min(seconds):.2f} s, median {statistics.median(seconds):.2f} s (target 1.0) {scores}")  # fmt: skip


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--skip", nargs="+", choices=PARTS, default=[])
    parser.add_argument(
        "--small", action="store_true", help="3,000 ratings, k = 4, 2 epochs, one trial of each"
    )
    arguments = parser.parse_args()
    if not has_data():
        return
    print(describe("numpy"))
    split = movielens_100k()
    shape = {"n_factors": 64, "epochs": 50}
    if arguments.small:
        split, shape = split.head(3000), {"n_factors": 4, "epochs": 2}
        for name in GRID:
            GRID[name] = GRID[name][:1]
    print(f"data: {split.name}, {split.train.shape[0]:,} / {split.test.shape[0]:,} rows x {split.train.shape[1]:,}, "
          f"solver sgd, {shape}")  # fmt: skip
    run = {
        "speed": lambda: speed(split, shape, 1 if arguments.small else 10),
        "threads": lambda: threads(split, shape, 1 if arguments.small else 10),
        "defaults": lambda: with_defaults(split, shape, 1 if arguments.small else 5),
        "tuning": lambda: tuning(split, shape, 1 if arguments.small else 5),
        "likes": lambda: likes(split, shape),
        "process": lambda: process(split, shape, 1 if arguments.small else 5),
    }
    for part in PARTS:
        if part in arguments.only and part not in arguments.skip:
            run[part]()
            sys.stdout.flush()


if __name__ == "__main__":
    main()
