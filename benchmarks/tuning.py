"""What `tune` finds within 30 fits, beside the defaults: MovieLens-100K, split ua, k = 32.

./go bench tuning
"""

from __future__ import annotations

import argparse
import time

from pairloom import FactorizationMachineRegressor
from support.datasets import movielens_100k
from support.machine import describe
from support.training import rmse


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="two fits, one seed: shows that it works")
    asked = parser.parse_args()
    if asked.small:
        asked.fits, asked.seeds = 2, 1
    print(describe())
    split = movielens_100k()
    print("| solver | seed | RMSE, defaults | RMSE, tuned | CPU s of the search |\n|---|---|---|---|---|")
    for solver in ("sgd", "adagrad", "adam"):
        for seed in range(asked.seeds):
            model = FactorizationMachineRegressor(32, solver=solver, random_state=seed)
            model.fit(split.train, split.train_labels)
            before = rmse(split.test_labels, model.predict(split.test))
            began = time.process_time()
            model.tune(split.train, split.train_labels, n_fits=asked.fits)
            spent = time.process_time() - began
            after = rmse(split.test_labels, model.predict(split.test))
            print(f"| `{solver}` | {seed} | {before:.4f} | {after:.4f} | {spent:.1f} |", flush=True)


if __name__ == "__main__":
    main()
