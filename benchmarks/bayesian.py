"""Gibbs sampling on MovieLens-100K beside myFM, rows with shared parts, and growth with non-zeros and factors.

./go bench bayesian
./go bench bayesian --features all --split ua --likelihood ordinal
./go bench bayesian --features user-days --likelihood ordinal
./go bench bayesian growth
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from collections.abc import Callable

import numpy as np
from scipy import sparse

from pairloom import FactorizationMachineRegressor
from support.machine import describe
from support.movielens import days, normalised, parts, ratings, relational, user_days

FEATURES = ("ids", "attributes", "histories", "all", "days", "user-days")


def timed(name: str, labels: np.ndarray, run: Callable[[], np.ndarray]) -> float:
    """Print one row of the table: RMSE with predictions cut to 1 to 5, CPU and wall seconds of fit and prediction."""
    cpu, wall = time.process_time(), time.perf_counter()
    predictions = np.clip(run(), 1, 5)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    error = float(np.sqrt(np.mean((predictions - labels) ** 2)))
    print(f"| {name} | {error:.4f} | {cpu:.1f} | {wall:.1f} |", flush=True)
    return cpu


def accuracy(split: str, features: str, likelihood: str, epochs: int, *, with_peer: bool) -> None:
    """Compare one setting with myFM, where that is installed."""
    base, held_out = ratings(f"{split}.base"), ratings(f"{split}.test")
    sides = parts(
        base,
        with_attributes=features not in ("ids", "histories"),
        with_histories=features not in ("ids", "attributes"),
    )
    field = {"days": days, "user-days": user_days}.get(features)
    moments = [] if field is None else [field(base, part) for part in (base, held_out)]
    train, test = (
        relational(sides, (part.users, part.films), moments[i : i + 1])
        for i, part in enumerate((base, held_out))
    )
    title = f"{split}, {features}, {likelihood}, {epochs} sweeps"

    def pairloom() -> np.ndarray:
        model = FactorizationMachineRegressor(
            10,
            solver="mcmc",
            epochs=epochs,
            burn_in=5,
            n_samples=epochs - 5,
            likelihood=likelihood,
            random_state=1,
        )
        return model.fit(train, base.stars).predict(test)

    ours = timed(f"Pairloom: {title}", held_out.stars, pairloom)
    if not with_peer:
        return
    try:
        import myfm
    except ImportError:
        print("| myFM: not installed | | | |")
        return
    wholes = [sparse.csr_matrix(sparse.hstack(side)) for side in sides]
    shapes = [moment.n_columns for moment in moments[:1]] + [m.shape[1] for side in sides for m in side]
    own = [sparse.csr_matrix(sparse.eye_array(n, format="csr")[columns]) for columns, n in moments] or [
        None,
        None,
    ]

    def peer() -> np.ndarray:
        kind = myfm.MyFMRegressor if likelihood == "normal" else myfm.MyFMOrderedProbit
        model = kind(10, random_seed=1)

        def blocks(*keys: np.ndarray) -> list[object]:
            return [myfm.RelationBlock(key, whole) for key, whole in zip(keys, wholes, strict=True)]

        labels = base.stars if likelihood == "normal" else (base.stars - 1).astype(np.int64)
        model.fit(
            own[0],
            labels,
            X_rel=blocks(base.users, base.films),
            n_iter=epochs,
            n_kept_samples=epochs - 5,
            group_shapes=shapes,
        )
        if likelihood == "normal":
            return model.predict(own[1], blocks(held_out.users, held_out.films))
        return model.predict_proba(own[1], blocks(held_out.users, held_out.films)) @ np.arange(1, 6)

    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        theirs = timed(f"myFM: {title}", held_out.stars, peer)
    print(f"\nCPU time over myFM's: {ours / theirs:.2f}\n")


def growth(n_rows: int) -> None:
    """Time a sweep at three numbers of rows and of factors: two fields of ids, and a block with a history."""
    rng = np.random.default_rng(0)
    print("| rows | non-zeros of shared parts | factors | CPU milliseconds a sweep |\n|---:|---:|---:|---:|")
    for rows, factors in ((n_rows, 16), (2 * n_rows, 16), (4 * n_rows, 16), (n_rows, 32), (n_rows, 64)):
        n_users = rows // 100
        history = sparse.random_array((n_users, 2000), density=0.05, rng=rng, dtype=np.float64)
        history.data[:] = 1
        sides = [[sparse.eye_array(n_users), normalised(sparse.csr_array(history))], [sparse.eye_array(2000)]]
        keys = (np.sort(rng.integers(0, n_users, rows)), rng.integers(0, 2000, rows))
        data, labels = relational(sides, keys), rng.normal(size=rows)
        seconds: list[float] = []
        for epochs in (2, 12):
            began = time.process_time()
            FactorizationMachineRegressor(factors, solver="als", epochs=epochs).fit(data, labels)
            seconds.append(time.process_time() - began)
        n_shared = data.relations[0].rows.indptr[-1]
        print(f"| {rows:,} | {n_shared:,} | {factors} | {100 * (seconds[1] - seconds[0]):.1f} |", flush=True)


def main() -> None:
    """Read the options, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=("accuracy", "growth"), default="accuracy")
    parser.add_argument("--features", choices=FEATURES, default="ids")
    parser.add_argument("--split", default="u1")
    parser.add_argument("--likelihood", choices=("normal", "ordinal"), default="normal")
    parser.add_argument("--epochs", type=int, default=512)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    print(describe())
    if options.small:
        growth(2000)
    elif options.what == "growth":
        growth(100_000)
    if options.what == "accuracy":
        print("| what | RMSE | CPU s | wall s |\n|---|---:|---:|---:|")
        epochs = 20 if options.small else options.epochs
        peer = not (options.no_peer or options.small)
        accuracy(options.split, options.features, options.likelihood, epochs, with_peer=peer)


if __name__ == "__main__":
    main()
