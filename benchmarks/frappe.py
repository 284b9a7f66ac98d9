"""Frappe: which app is used in which context, a factorization machine of 64 factors chosen on the validation file.

./go bench frappe
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import time

import numpy as np
from scipy import sparse

from pairloom import FactorizationMachineClassifier
from support.datasets import data_folder
from support.machine import describe

N_FEATURES = 5382
RATES, DECAYS, SCALES = (0.05, 0.1), (0.002, 0.005), (0.05, 0.1)


def rows(name: str) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return one-hot rows, and labels +1 (used) or -1."""
    labels: list[float] = []
    indices: list[list[int]] = []
    with gzip.open(data_folder() / "frappe" / f"frappe.{name}.libfm.gz", "rt") as lines:
        for line in lines:
            label, *pairs = line.split()
            labels.append(float(label))
            indices.append([int(pair.partition(":")[0]) for pair in pairs])
    columns = np.array(indices)
    starts = np.arange(len(labels) + 1) * columns.shape[1]
    ones = np.ones(columns.size, np.float32)
    return sparse.csr_matrix((ones, columns.ravel(), starts), shape=(len(labels), N_FEATURES)), np.array(
        labels
    )


def error(model: FactorizationMachineClassifier, part: tuple[sparse.csr_matrix, np.ndarray]) -> float:
    """Return the RMSE of the expected label, between -1 and 1."""
    expected = 2 * model.predict_proba(part[0])[:, 1] - 1
    return float(np.sqrt(np.mean((expected - part[1]) ** 2)))


def fitted(
    train: tuple[sparse.csr_matrix, np.ndarray], setting: tuple[float, float, float], epochs: int, seed: int
) -> FactorizationMachineClassifier:
    """Train by stochastic gradient descent."""
    rate, decay, scale = setting
    model = FactorizationMachineClassifier(
        64,
        solver="sgd",
        epochs=epochs,
        learning_rate=rate,
        factors_decay=decay,
        factors_init_scale=scale,
        random_state=seed,
    )
    return model.fit(train[0], (train[1] > 0).astype(np.int64))


def main() -> None:
    """Read the options, print validation errors of the grid and the test error of the best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    print(describe())
    train, validation, test = (rows(name) for name in ("train.regenerated", "validation", "test"))
    grid = list(itertools.product(RATES, DECAYS, SCALES))[: 1 if options.small else None]
    epochs = 2 if options.small else options.epochs
    began = time.process_time()
    errors: dict[tuple[float, float, float], float] = {}
    print("| learning rate | decay of factors | scale of factors | RMSE, validation |\n|---:|---:|---:|---:|")
    for setting in grid:
        errors[setting] = error(fitted(train, setting, epochs, 0), validation)
        print("|", " | ".join(map(str, setting)), f"| {errors[setting]:.4f} |", flush=True)
    best = min(errors, key=errors.__getitem__)
    print(f"\nCPU seconds of the search: {time.process_time() - began:.0f}")
    began = time.process_time()
    seeds = range(1 if options.small else 3)
    found = [error(fitted(train, best, epochs, seed), test) for seed in seeds]
    seconds = (time.process_time() - began) / len(seeds)
    said = ", ".join(f"{value:.4f}" for value in found)
    print(
        f"\nchosen: {best}; RMSE on the test file, {len(seeds)} seeds: {said}; {seconds:.1f} CPU seconds a fit"
    )


if __name__ == "__main__":
    main()
