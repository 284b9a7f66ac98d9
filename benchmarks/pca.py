"""Principal components: variance kept and processor time beside scikit-learn's solvers, and how cost grows.

The shape of the randomized mode's columns was chosen on images shifted as here; digits and generated rows were not
looked at for that.

    ./go bench pca
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.decomposition import PCA as RivalPCA  # noqa: N811
from threadpoolctl import threadpool_limits

from pairloom.algorithms.pca import PCA
from support.datasets import has_data
from support.machine import describe
from support.matrices import digits, generated, shifted_images, source_of


def timed(work):
    """Return what `work` returns and the processor seconds of all threads."""
    begin = time.process_time()
    found = work()
    return found, time.process_time() - begin


def kept(vectors: np.ndarray, rows: np.ndarray) -> float:
    """Share of the squares about the mean that lie in the span of the vectors."""
    mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    inside = total = 0.0
    for start in range(0, len(rows), 4096):
        moved = rows[start : start + 4096] - mean
        inside += float(np.square(moved @ vectors.astype(np.float32), dtype=np.float64).sum())
        total += float(np.square(moved, dtype=np.float64).sum())
    return inside / total


def compare(name: str, rows: np.ndarray, n_components: int, n_seeds: int) -> None:
    best = None
    for mode, solver in (("regular", "covariance_eigh"), ("randomized", "randomized")):
        results = []
        for seed in range(n_seeds if mode == "randomized" else 1):
            asked = {
                "num_components": str(n_components), "feature_dim": str(rows.shape[1]), "algorithm_mode": mode,
                "pairloom_random_state": str(seed),
            }  # fmt: skip
            own, own_s = timed(lambda asked=asked: PCA(asked).fit({"train": source_of(rows)}))
            rival, rival_s = timed(
                lambda seed=seed, solver=solver: RivalPCA(
                    n_components, svd_solver=solver, random_state=seed
                ).fit(rows)
            )
            results.append((kept(own.v, rows), kept(rival.components_.T, rows), own_s, rival_s))
        share, rival_share, own_s, rival_s = np.mean(results, axis=0)
        best = best or rival_share
        print(
            f"| {name}, {len(rows):,} x {rows.shape[1]}, {n_components} components | {mode} | {share:.5f} "
            f"({share / best:.2%} of the best) | {own_s:.2f} | {solver}: {rival_share:.5f} | {rival_s:.2f} | "
            f"{rival_s / own_s:.1f} |",
            flush=True,
        )


def growth(shapes: list[tuple[int, int, int]]) -> None:
    print("\n| rows | features | components | regular cpu s | randomized cpu s |\n|---|---|---|---|---|")
    for n_rows, n_features, n_components in shapes:
        rows = generated(n_rows, n_features)
        seconds = []
        for mode in ("regular", "randomized"):
            asked = {
                "num_components": str(n_components),
                "feature_dim": str(n_features),
                "algorithm_mode": mode,
            }
            seconds.append(
                timed(lambda asked=asked, rows=rows: PCA(asked).fit({"train": source_of(rows)}))[1]
            )
        print(
            f"| {n_rows:,} | {n_features} | {n_components} | {seconds[0]:.2f} | {seconds[1]:.2f} |",
            flush=True,
        )


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="generated rows alone, a few thousand")
    arguments = parser.parse_args()
    print(describe("numpy", "scikit-learn"))
    print(
        "\n| data | mode | variance kept | cpu s | rival | its cpu s | times less |\n|---|---|---|---|---|---|---|"
    )
    with threadpool_limits(1):
        if arguments.small:
            compare("generated", generated(2000, 30), 4, 1)
            growth([(1000, 20, 3)])
            return
        if has_data():
            compare("digits", digits(), 50, arguments.seeds)
            compare("images", shifted_images(4), 50, arguments.seeds)
        compare("generated", generated(100_000, 500), 20, arguments.seeds)
        growth([(20_000, 512, 20), (80_000, 512, 20), (20_000, 2048, 20), (20_000, 512, 80)])


if __name__ == "__main__":
    main()
