"""Sparse clicks, 5,000,000 rows of 39 one-hot fields hashed to 1,000,000 features: speed, log loss, reading, memory.

The rows are generated once (less than a minute) and kept under build/benchmarks, 2.6 GB.

    ./go bench clicks
    ./go bench clicks --rows 1000000 --solvers adagrad --only training
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pairloom.fm.settings import FMSettings
from pairloom.fm.training import FMTrainer
from pairloom.formats import read_rows
from support.clicks import N_FEATURES, Clicks, as_rows, make_clicks
from support.machine import describe, second_core
from support.training import Speed, log_loss

PARTS = ("training", "reading", "memory")
FOLDER = Path(__file__).resolve().parents[1] / "build" / "benchmarks"
RATES = {"sgd": 0.05, "adagrad": 0.1}
READING = """
import json, resource, sys, time
from pairloom.formats import read_rows
begin = time.perf_counter()
n_rows = sum(batch.n_rows for batch in read_rows(sys.argv[1], content_type="libsvm", n_threads=int(sys.argv[2])))
print(json.dumps([n_rows, time.perf_counter() - begin]))
"""


def settings_of(solver: str, arguments: argparse.Namespace, n_threads: int, epochs: int) -> FMSettings:
    rate = arguments.rate or RATES[solver]
    return FMSettings(
        task="classification", n_factors=arguments.factors, solver=solver, epochs=epochs,  # pyright: ignore
        bias_rate=rate / 10, linear_rate=rate, factors_rate=rate, factors_decay=arguments.decay, n_threads=n_threads,
    )  # fmt: skip


def train(data: Clicks, settings: FMSettings) -> tuple[Speed, list[float]]:
    """Return the best epoch's speed, and the held-out log loss after every epoch."""
    trainer = FMTrainer(settings)
    columns, labels = (np.array(part) for part in data.train)
    held, held_labels = as_rows(np.array(data.held_out[0])), np.array(data.held_out[1])
    speeds: list[Speed] = []
    losses: list[float] = []
    clock = [time.process_time()]

    def on_epoch(report: Any) -> None:
        cpu = time.process_time() - clock[0]
        if len(speeds) == 0:  # the first one's processor time has the layout of the data in it
            cpu = report.seconds * settings.n_threads
        speeds.append(Speed(report.seconds, cpu, report.n_rows))
        losses.append(log_loss(held_labels, trainer.model().predict(held)))
        clock[0] = time.process_time()

    trainer.fit(lambda: [as_rows(columns, labels)], on_epoch=on_epoch, n_features=N_FEATURES)
    return min(speeds, key=lambda speed: speed.wall_s), losses


def training(data: Clicks, arguments: argparse.Namespace) -> None:
    gain = second_core()
    print(f"two spinning processes get {gain:.2f} x the work of one done (2.0: both cores are free)")
    print(f"{'solver':8} {'k':>3} {'threads':>7} {'s/epoch':>8} {'M samples/s wall':>17} {'M samples/CPU s':>16}  "
          "held-out log loss by epoch (targets: 5 M/s with one thread, 1.7 x with two)")  # fmt: skip
    for solver in arguments.solvers:
        for n_threads in (1, 2):
            speed, losses = train(data, settings_of(solver, arguments, n_threads, arguments.epochs))
            print(f"{solver:8} {arguments.factors:3} {n_threads:7} {speed.wall_s:8.3f} "
                  f"{speed.samples_per_s / 1e6:17.2f} {speed.samples_per_cpu_s / 1e6:16.2f}  "
                  f"{' '.join(f'{loss:.4f}' for loss in losses)}", flush=True)  # fmt: skip
    print(f"log loss of the planted probabilities: {data.best_log_loss:.4f}")


def reading(data: Clicks, n_times: int) -> None:
    size = data.text.stat().st_size
    for n_threads in (1, 2):
        seconds = [
            json.loads(
                subprocess.check_output([sys.executable, "-c", READING, str(data.text), str(n_threads)])
            )[1]
            for _ in range(n_times)
        ]
        print(f"reading {size / 1e9:.2f} GB of libsvm text, {n_threads} threads, {n_times} runs: best "
              f"{min(seconds):.2f} s ({size / min(seconds) / 1e6:.0f} MB/s), median {statistics.median(seconds):.2f} s "
              "(target 2.2 s with two)", flush=True)  # fmt: skip


def memory(data: Clicks, arguments: argparse.Namespace) -> None:
    command = [
        sys.executable, __file__, "--read-and-train", str(data.text), "--factors", str(arguments.factors),
        "--solvers", arguments.solvers[0],
    ]  # fmt: skip
    peak, seconds = json.loads(subprocess.check_output(command))
    print(f"reading that text and one epoch of {arguments.solvers[0]}, 2 threads: {seconds:.1f} s, peak resident "
          f"memory {peak / 1e9:.2f} GB (target 1.5)")  # fmt: skip


def read_and_train(text: str, arguments: argparse.Namespace) -> None:
    begin = time.perf_counter()
    settings = settings_of(arguments.solvers[0], arguments, 2, 1)
    FMTrainer(settings).fit(
        lambda: read_rows(text, content_type="libsvm", n_threads=2), n_features=N_FEATURES
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps([peak, time.perf_counter() - begin]))


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--factors", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--solvers", nargs="+", choices=list(RATES), default=["adagrad", "sgd"])
    parser.add_argument("--rate", type=float, help="default: 0.05 for sgd, 0.1 for adagrad")
    parser.add_argument("--decay", type=float, default=0.0)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--small", action="store_true", help="2,000 rows, k = 4, 1 epoch, nothing kept")
    parser.add_argument("--read-and-train", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read_and_train:
        read_and_train(arguments.read_and_train, arguments)
        return
    with tempfile.TemporaryDirectory() as temporary:
        n_held = 300_000
        if arguments.small:
            arguments.rows, n_held, arguments.factors, arguments.epochs = 2000, 500, 4, 1
            arguments.folder = Path(temporary)
        print(describe("numpy"))
        begin = time.perf_counter()
        data = make_clicks(arguments.folder, arguments.rows, n_held)
        print(f"data: {arguments.rows:,} x 39 one-hot fields, {N_FEATURES:,} features, {n_held:,} rows held out, ready "
              f"after {time.perf_counter() - begin:.0f} s", flush=True)  # fmt: skip
        if "training" in arguments.only:
            training(data, arguments)
        if "reading" in arguments.only:
            reading(data, 1 if arguments.small else 5)
        if "memory" in arguments.only:
            memory(data, arguments)


if __name__ == "__main__":
    main()
