"""Criteo 80k clicks: AUC and log loss of every solver beside the peers that are installed, on one encoding.

The first 64,000 rows train, the rest is the test. Numbers are bucketed by logarithm, categories that occur ten times or
more are one-hot. Everybody chooses settings on the last eighth of the training rows, then trains on all of them.

    ./go bench criteo
    ./go bench criteo --peers-python PATH     an interpreter that has torch, myfm, vowpalwabbit or scikit-learn
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pairloom import FactorizationMachineClassifier
from pairloom.metrics import auc
from support.datasets import Split, criteo, has_data, hold_out
from support.machine import describe
from support.peers import MISSING, PEERS
from support.training import log_loss

SHARE = 0.125
ONE_BLAS_THREAD = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # small products
GRIDS: dict[str, dict[str, list[float]]] = {
    "sgd": {
        "n_factors": [8],
        "learning_rate": [0.01, 0.02, 0.04],
        "factors_decay": [0.01, 0.03, 0.1],
        "linear_decay": [1e-4, 1e-3],
    },
    "adagrad": {
        "n_factors": [8, 32],
        "learning_rate": [0.03, 0.05, 0.08],
        "factors_decay": [0.01, 0.03, 0.06],
        "linear_decay": [0.01],
    },
    "ftrl": {
        "n_factors": [8],
        "learning_rate": [0.05, 0.1],
        "factors_decay": [100.0, 200.0, 400.0],
        "linear_decay": [30.0, 60.0, 120.0],
    },
    "adam": {
        "n_factors": [8],
        "learning_rate": [0.001, 0.003],
        "factors_decay": [1e-3, 1e-2, 3e-2],
        "linear_decay": [1e-5, 1e-4],
    },
}


def estimator(solver: str, epochs: int, setting: dict[str, Any]) -> FactorizationMachineClassifier:
    return FactorizationMachineClassifier(
        solver=solver, epochs=epochs, learning_rate_schedule="constant", factors_init_scale=0.01, random_state=0,
        **setting,
    )  # fmt: skip


def tuned(solver: str, split: Split, *, small: bool) -> tuple[np.ndarray, dict[str, Any]]:
    """Return probabilities of the test rows, and the settings with the lowest validation loss."""
    held = hold_out(split, share=SHARE, last=True)
    names, values = zip(*GRIDS[solver].items(), strict=True)
    best: tuple[float, dict[str, Any], int] = (np.inf, {}, 0)
    for point in itertools.islice(itertools.product(*values), 1 if small else None):
        setting = dict(zip(names, point, strict=True))
        model = estimator(solver, 1 if small else 12, setting)
        model.set_params(early_stopping=True, n_iter_no_change=2)
        model.fit(held.train, held.train_labels, validation_data=(held.test, held.test_labels))
        losses = [report.validation_loss for report in model.history_]
        if min(losses) < best[0]:
            best = (min(losses), setting, int(np.argmin(losses)) + 1)
    _, setting, epochs = best
    model = estimator(solver, epochs, setting).fit(split.train, split.train_labels)
    return model.predict_proba(split.test)[:, 1], {**setting, "epochs": epochs}


def show(name: str, split: Split, p: np.ndarray, seconds: float, settings: dict[str, Any]) -> None:
    y = split.test_labels
    print(f"{name:34} {auc(y, p):7.4f} {log_loss(y, p):9.4f} {seconds:8.1f}  {settings}", flush=True)


def run_peers(split: Split, python: str, names: list[str], *, small: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        n_rows = split.train.shape[0]
        columns = [matrix.indices.reshape(matrix.shape[0], -1) for matrix in (split.train, split.test)]
        np.savez(
            path, train=columns[0], test=columns[1], labels=split.train_labels, n_features=split.train.shape[1],
            n_kept=n_rows - round(n_rows * SHARE), small=small,
        )  # fmt: skip
        for name in names:
            script = str(Path(__file__).parent / "support" / "peers.py")
            done = subprocess.run(
                [python, script, name, str(path)], capture_output=True, text=True, check=False
            )
            if done.returncode == MISSING:
                print(f"{name:34} not installed: {done.stdout.strip()}")
            elif done.returncode:
                print(f"{name:34} failed: {done.stderr.strip().splitlines()[-1:]}")
            else:
                result = json.loads(done.stdout.splitlines()[-1])
                scores = np.load(path.parent / f"{name}.npy")
                show(name, split, scores, result["seconds"], result["settings"])


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--solvers", nargs="*", choices=list(GRIDS), default=list(GRIDS))
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--peers-python", default=sys.executable)
    parser.add_argument(
        "--small", action="store_true", help="2,000 rows, one setting, scikit-learn the only peer"
    )
    arguments = parser.parse_args()
    if not has_data():
        return
    print(describe("numpy", "scipy"))
    if arguments.small:
        arguments.peers = ["scikit-learn-logistic-regression"]
    split = criteo(n_rows=2500) if arguments.small else criteo()
    print(f"data: {split.name}, {split.train.shape[0]:,} / {split.test.shape[0]:,} rows x {split.train.shape[1]:,}; "
          "1 thread; defaults with k = 8")  # fmt: skip
    print(f"{'system':34} {'AUC':>7} {'log loss':>9} {'seconds':>8}  settings (chosen on validation rows)")
    for solver in arguments.solvers:
        begin = time.perf_counter()
        defaults = FactorizationMachineClassifier(8, solver=solver, random_state=0)
        p = defaults.fit(split.train, split.train_labels).predict_proba(split.test)[:, 1]
        show(f"pairloom {solver}, defaults", split, p, time.perf_counter() - begin, {})
        begin = time.perf_counter()
        p, setting = tuned(solver, split, small=arguments.small)
        show(f"pairloom {solver}, tuned", split, p, time.perf_counter() - begin, setting)
    run_peers(split, arguments.peers_python, arguments.peers, small=arguments.small)


if __name__ == "__main__":
    main()
