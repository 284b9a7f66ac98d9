"""What the adapter costs beside plain xgboost: 20,000 rows of 192 numbers, by turns.

Both start from the same arrays in memory and measure the training rows in every round, as SageMaker's container does.
Figures are CPU seconds of the best of several turns; predictions must be equal bit for bit.

    ./go bench xgboost_overhead
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import xgboost
from scipy.sparse import csr_matrix

from pairloom.algorithms.xgboost import XGBoost
from pairloom.rows import RowBatch
from pairloom.testing.cases import batched
from support.machine import describe

BATCH_ROWS = 10_000


def made_up(n_rows: int, n_columns: int) -> RowBatch:
    """Return dense rows whose label depends on a few of their columns."""
    random = np.random.default_rng(0)
    x = random.normal(size=(n_rows, n_columns)).astype(np.float32)
    labels = (x[:, 0] * x[:, 1] + x[:, 2] + random.normal(size=n_rows) > 0).astype(np.float32)
    indices = np.tile(np.arange(n_columns, dtype=np.int32), n_rows)
    return RowBatch(np.arange(0, n_rows * n_columns + 1, n_columns), indices, x.ravel(), n_columns, labels)


def plain(rows: RowBatch, n_rounds: int, n_threads: int) -> np.ndarray:
    """Train and score with the library alone."""
    matrix = csr_matrix((rows.values, rows.indices, rows.indptr), (rows.n_rows, rows.n_features))
    data = xgboost.QuantileDMatrix(matrix, rows.labels, nthread=n_threads)
    parameters = {"objective": "binary:logistic", "nthread": n_threads}
    booster = xgboost.train(parameters, data, n_rounds, evals=[(data, "train")], verbose_eval=False)
    return booster.inplace_predict(matrix)


def adapted(rows: RowBatch, n_rounds: int, n_threads: int) -> np.ndarray:
    """Train and score with the algorithm."""
    asked = XGBoost({"num_round": str(n_rounds), "objective": "binary:logistic"})
    model = asked.fit({"train": batched(rows, BATCH_ROWS)}, n_threads=n_threads)
    return model.predict(rows, n_threads=n_threads)["score"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="a size that takes seconds")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    n_rows, n_rounds = (1000, 3) if arguments.small else (20_000, 50)
    turns = 1 if arguments.small else arguments.turns
    rows = made_up(n_rows, 192)
    seconds: dict[str, list[float]] = {"plain xgboost": [], "pairloom": []}
    for _ in range(turns):
        scores = []
        for name, run in (("plain xgboost", plain), ("pairloom", adapted)):
            started = time.process_time()
            scores.append(run(rows, n_rounds, arguments.threads))
            seconds[name].append(time.process_time() - started)
        assert np.array_equal(*scores), "predictions differ"
    print(describe())
    best = {name: min(values) for name, values in seconds.items()}
    overhead = 100 * (best["pairloom"] / best["plain xgboost"] - 1)
    print("| rows x columns | rounds | threads | plain CPU s | pairloom CPU s | overhead % |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {n_rows:,} x 192 | {n_rounds} | {arguments.threads} | {best['plain xgboost']:.2f} "
        f"| {best['pairloom']:.2f} | {overhead:.1f} |"
    )


if __name__ == "__main__":
    main()
