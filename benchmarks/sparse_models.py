"""What L1 leaves of a model of clicks: how many weights, how large a file, and what it costs in quality.

FTRL with its default rates and L2 penalties on the first 30,000 training rows of Criteo, measured on the last eighth of
them; the same L1 penalty on linear weights and factors. No test row is looked at.

    ./go bench sparse_models
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from pairloom import FactorizationMachineClassifier
from pairloom.metrics import auc
from support.datasets import Split, criteo, has_data, hold_out
from support.machine import describe
from support.training import log_loss

PENALTIES = (0.0, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0)


def measure(split: Split, l1: float, epochs: int) -> str:
    """Train with one penalty and return its row of the table."""
    model = FactorizationMachineClassifier(
        8, solver="ftrl", epochs=epochs, linear_l1=l1, factors_l1=l1, random_state=0
    ).fit(split.train, split.train_labels)
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        size_bytes = sum(file.stat().st_size for file in Path(folder).iterdir())
    p = model.predict_proba(split.test)[:, 1]
    y = split.test_labels
    return (
        f"| {l1:g} | {100 * np.mean(model.coef_ != 0):.1f} % | {100 * np.mean(model.factors_ != 0):.1f} % "
        f"| {size_bytes / 1e3:.0f} | {auc(y, p):.4f} | {log_loss(y, p):.4f} |"
    )


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="3,000 rows, one epoch, two penalties")
    arguments = parser.parse_args()
    if not has_data():
        return
    print(describe("numpy"))
    split = hold_out(criteo().head(3000 if arguments.small else 30_000), share=0.125, last=True)
    print("| L1 | linear weights not 0 | factors not 0 | kB of model | AUC | log loss |")
    print("|---|---|---|---|---|---|")
    for l1 in PENALTIES[:2] if arguments.small else PENALTIES:
        print(measure(split, l1, 1 if arguments.small else arguments.epochs), flush=True)


if __name__ == "__main__":
    main()
