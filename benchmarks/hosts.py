"""Factorization machines on 1, 2 and 4 processes: samples a second, bytes sent by a host, test RMSE.

./go bench hosts
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import time

import numpy as np

from pairloom.collective import ALONE, connect, together
from pairloom.fm.settings import FMSettings
from pairloom.fm.training import FMTrainer
from pairloom.rows import RowBatch
from support.datasets import Split, has_data, movielens_100k
from support.machine import describe
from support.training import rmse

SHARED = {"n_factors": 64, "schedule": "linear"}
SOLVERS = {
    "sgd": FMSettings(
        solver="sgd", epochs=50, linear_rate=0.025, factors_rate=0.025, bias_rate=0.0025, linear_decay=0.01,
        factors_decay=0.07, **SHARED,
    ),
    "adagrad": FMSettings(
        solver="adagrad", epochs=30, linear_rate=0.5, factors_rate=0.5, bias_rate=0.05, linear_decay=3e-4,
        factors_decay=0.09, **SHARED,
    ),
    "adam": FMSettings(
        solver="adam", epochs=5, n_factors=64, linear_rate=0.012, factors_rate=0.012, bias_rate=0.0012,
        linear_decay=3e-4, factors_decay=3e-4,
    ),
}  # fmt: skip


def batch_of(rows, labels) -> RowBatch:
    return RowBatch(
        rows.indptr.astype(np.int64),
        rows.indices.astype(np.int32),
        None,
        rows.shape[1],
        labels.astype(np.float32),
    )


def train(collective, settings, shards, answers):
    """Train on this host's shard; the first host answers with the model, seconds of the epochs and bytes sent."""
    trainer = FMTrainer(settings).fit(lambda: iter([shards[collective.rank]]), collective=collective)
    if collective.rank == 0:
        seconds = sum(epoch.seconds for epoch in trainer.history)
        answers.put((trainer.model(), seconds, getattr(collective, "sent_bytes", 0)))


def host(name, addresses, settings, shards, answers):
    token = "a secret of the benchmark"
    with together(
        connect([*addresses], name, port=1, token=token, addresses=addresses, lost_after_s=60)
    ) as joined:
        train(joined, settings, shards, answers)


def measure(split: Split, solver: str, n_hosts: int, epochs: int | None) -> None:
    settings = (
        SOLVERS[solver]
        if epochs is None
        else FMSettings(solver=solver, epochs=epochs, n_factors=4, exchanges=4)
    )
    order = np.random.default_rng(1).permutation(split.train.shape[0])
    shards = [
        batch_of(split.train[part], split.train_labels[part]) for part in np.array_split(order, n_hosts)
    ]
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    if n_hosts == 1:
        train(ALONE, settings, shards, answers)
        processes = []
    else:
        first = random.SystemRandom().randrange(10_000, 29_000)
        addresses = {f"algo-{i + 1}": ("127.0.0.1", first + i) for i in range(n_hosts)}
        processes = [
            spawn.Process(target=host, args=(name, addresses, settings, shards, answers))
            for name in addresses
        ]
    for process in processes:
        process.start()
    model, seconds, sent_bytes = answers.get()
    for process in processes:
        process.join()
    loss = rmse(split.test_labels, model.predict(batch_of(split.test, split.test_labels)))
    rate = split.train.shape[0] * settings.epochs / seconds
    print(
        f"| {solver} | {n_hosts} | {rate / 1e6:.3f} M | {sent_bytes / settings.epochs / 1e6:.2f} MB | {loss:.4f} |"
    )
    sys.stdout.flush()


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=[*SOLVERS])
    parser.add_argument(
        "--small", action="store_true", help="3,000 ratings, k = 4, 2 epochs, 1 and 2 processes"
    )
    arguments = parser.parse_args()
    if not has_data():
        return
    begin = time.perf_counter()
    print(describe("numpy"))
    split = movielens_100k().head(3000) if arguments.small else movielens_100k()
    print(
        "| solver | processes | samples/s | sent by a host in an epoch | test RMSE |\n|---|---|---|---|---|"
    )
    for solver in arguments.solvers:
        for n_hosts in (1, 2) if arguments.small else (1, 2, 4):
            measure(split, solver, n_hosts, 2 if arguments.small else None)
    print(f"took {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
