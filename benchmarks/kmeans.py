"""K-means in one pass: loss and processor time beside scikit-learn's Lloyd and MiniBatchKMeans, and how cost grows.

Losses are over that of full Lloyd's of the same seed. Settings were chosen on patches of 8 x 8 pixels and on the digits
with k = 10 and 50; the other lines were not looked at for that.

    ./go bench kmeans
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.cluster import KMeans as FullKMeans
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

from pairloom.algorithms.kmeans import KMeans
from pairloom.algorithms.kmeans.nearest import Nearest
from support.datasets import has_data
from support.machine import describe
from support.matrices import digits, generated, patches, source_of


def timed(work):
    """Return what `work` returns and the processor seconds of all threads."""
    begin = time.process_time()
    found = work()
    return found, time.process_time() - begin


def loss(centers: np.ndarray, rows: np.ndarray) -> float:
    return float(Nearest(centers).assign(rows)[1].mean())


def compare(name: str, rows: np.ndarray, k: int, n_seeds: int) -> None:
    results = []
    for seed in range(n_seeds):
        full, full_s = timed(lambda seed=seed: FullKMeans(k, n_init=1, random_state=seed).fit(rows))
        mini, mini_s = timed(
            lambda seed=seed: MiniBatchKMeans(k, n_init=1, max_iter=5, random_state=seed).fit(rows)
        )
        asked = {"k": str(k), "feature_dim": str(rows.shape[1]), "pairloom_random_state": str(seed)}
        own, own_s = timed(lambda asked=asked: KMeans(asked).fit({"train": source_of(rows)}))
        best = full.inertia_ / len(rows)
        results.append(
            (loss(own.centers, rows) / best, loss(mini.cluster_centers_, rows) / best, full_s, own_s, mini_s)
        )
    own_loss, mini_loss, full_s, own_s, mini_s = np.mean(results, axis=0)
    worst = max(result[0] for result in results)
    print(
        f"| {name}, {len(rows):,} x {rows.shape[1]}, k = {k} | {own_loss:.4f} (worst {worst:.4f}) | {own_s:.2f} | "
        f"{full_s / own_s:.1f} | {mini_loss:.4f} | {mini_s:.2f} |",
        flush=True,
    )


def growth(shapes: list[tuple[int, int, int]]) -> None:
    print("\n| rows | features | k | cpu s | ns / (row x feature x k) |\n|---|---|---|---|---|")
    for n_rows, n_features, k in shapes:
        rows = generated(n_rows, n_features)
        asked = {"k": str(k), "feature_dim": str(n_features)}
        _, seconds = timed(lambda asked=asked, rows=rows: KMeans(asked).fit({"train": source_of(rows)}))
        print(
            f"| {n_rows:,} | {n_features} | {k} | {seconds:.2f} | {1e9 * seconds / (n_rows * n_features * k):.2f} |"
        )


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="generated rows alone, a few thousand")
    arguments = parser.parse_args()
    print(describe("numpy", "scikit-learn"))
    print(
        "\n| data | loss / full Lloyd's | cpu s | times less than Lloyd's | MiniBatchKMeans loss | its cpu s |"
    )
    print("|---|---|---|---|---|---|")
    with threadpool_limits(1):
        if arguments.small:
            compare("generated", generated(3000, 8), 5, 1)
            growth([(1000, 8, 4)])
            return
        if has_data():
            compare("digits", digits(), 10, arguments.seeds)
            compare("digits", digits(), 100, arguments.seeds)
            small = patches(6, 3)
            compare("patches", small[:50_000], 100, arguments.seeds)
            compare("patches", small[:260_000], 10, arguments.seeds)
        compare("generated", generated(260_000, 32), 50, arguments.seeds)
        growth([(50_000, 64, 50), (200_000, 64, 50), (50_000, 256, 50), (50_000, 64, 200)])


if __name__ == "__main__":
    main()
