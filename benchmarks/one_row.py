"""One row at a time: processor time of `Model.predict` for three dense models, beside scikit-learn.

The model's part of an endpoint's answer; parsing and writing are in `endpoint`.

    ./go bench one_row
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from sklearn.cluster import KMeans as PeerKMeans
from sklearn.decomposition import PCA as PeerPCA  # noqa: N811
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from pairloom.algorithms.kmeans import KMeans
from pairloom.algorithms.linear_learner import LinearLearner
from pairloom.algorithms.pca import PCA
from support.dense_sets import as_rows
from support.machine import describe

N_ROWS = 5000


def microseconds(call: Callable[[int], object], n_calls: int) -> tuple[float, float]:
    """Return the median and the 99th percentile of calls, in microseconds of processor time."""
    for number in range(min(50, n_calls)):
        call(number)
    spent = np.empty(n_calls)
    for number in range(n_calls):
        begin = time.process_time_ns()
        call(number)
        spent[number] = (time.process_time_ns() - begin) / 1e3
    return float(np.median(spent)), float(np.percentile(spent, 99))


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--small", action="store_true", help="a few calls")
    asked = parser.parse_args()
    n_calls = 20 if asked.small else asked.calls
    print(describe("numpy", "scikit-learn"))
    print("\n| model | microseconds, median / 99 % | scikit-learn's, median / 99 % |\n|---|---|---|")
    rng = np.random.default_rng(0)
    with threadpool_limits(1):
        for width in (30, 784):
            x = rng.normal(size=(N_ROWS, width)).astype(np.float32)
            y = (x[:, 0] + rng.normal(size=N_ROWS) > 0).astype(np.float32)
            rows, single = as_rows(x, y), [as_rows(x[i : i + 1], y[i : i + 1]) for i in range(100)]
            source = {"train": lambda rows=rows: iter([rows])}
            linear = LinearLearner({"predictor_type": "binary_classifier"}).fit(source)
            kmeans = KMeans({"k": "10", "feature_dim": str(width)}).fit(source)
            pca = PCA({"num_components": "10", "feature_dim": str(width), "mini_batch_size": "500"}).fit(
                source
            )
            for name, model, answer in (
                ("linear-learner", linear, LogisticRegression().fit(x, y).predict_proba),
                ("kmeans, k = 10", kmeans, PeerKMeans(10, n_init=1).fit(x).predict),
                ("pca, 10 components", pca, PeerPCA(10).fit(x).transform),
            ):
                ours = microseconds(
                    lambda i, model=model, single=single: model.predict(single[i % 100]), n_calls
                )
                peers = microseconds(lambda i, answer=answer, x=x: answer(x[i % 100 : i % 100 + 1]), n_calls)
                print(
                    f"| {name}, {width} columns | {ours[0]:.0f} / {ours[1]:.0f} | {peers[0]:.0f} / {peers[1]:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
