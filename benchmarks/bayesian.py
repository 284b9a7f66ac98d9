"""Gibbs sampling on MovieLens-100K beside myFM, rows with shared parts, and growth with non-zeros and factors.

./go bench bayesian
./go bench bayesian --features all --split ua --likelihood ordinal
./go bench bayesian growth
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gzip
import io
import time
from collections.abc import Callable

import numpy as np
from scipy import sparse

from pairloom import FactorizationMachineRegressor
from pairloom.rows import Relation, RelationalRows, RowBatch
from support.datasets import data_folder
from support.machine import describe

N_USERS, N_ITEMS, N_GENRES = 943, 1682, 19
FEATURES = ("ids", "attributes", "histories", "all")


def ratings(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return users and films, counted from 0, and stars."""
    with gzip.open(data_folder() / "movielens-100k" / f"{name}.gz", "rt") as lines:
        table = np.array([[int(x) for x in line.split()] for line in lines])
    return table[:, 0] - 1, table[:, 1] - 1, table[:, 2].astype(np.float64)


def one_hot(values: list[str]) -> sparse.csr_array:
    """Return a column for every different value."""
    places = np.unique(values, return_inverse=True)[1]
    n = len(values)
    return sparse.csr_array((np.ones(n), (np.arange(n), places)), shape=(n, int(places.max()) + 1))


def attributes() -> tuple[list[sparse.csr_array], list[sparse.csr_array]]:
    """Return age, sex, occupation and region of users; year and genres of films."""
    folder = data_folder() / "movielens-100k"
    with (folder / "u.user").open(encoding="latin-1") as lines:
        users = list(csv.reader(lines, delimiter="|"))
    with (folder / "u.item").open(encoding="latin-1") as lines:
        films = list(csv.reader(lines, delimiter="|", quoting=csv.QUOTE_NONE))
    ages = [str(min(int(user[1]) // 10, 7)) for user in users]
    of_users = [one_hot(ages), *(one_hot([user[i] for user in users]) for i in (2, 3))]
    of_users.append(one_hot([user[4][:1] for user in users]))
    genres = sparse.csr_array(np.array([[float(x) for x in film[5 : 5 + N_GENRES]] for film in films]))
    return of_users, [one_hot([film[2][-4:] for film in films]), genres]


def normalised(matrix: sparse.csr_array) -> sparse.csr_array:
    """Divide rows of ones by the root of their length."""
    lengths = np.maximum(matrix.sum(axis=1), 1)
    return sparse.csr_array(sparse.diags_array(1 / np.sqrt(lengths)) @ matrix)


def parts(features: str, users: np.ndarray, films: np.ndarray) -> list[list[sparse.csr_array]]:
    """Return the matrices side by side of users and of films."""
    sides: list[list[sparse.csr_array]] = [[sparse.eye_array(N_USERS)], [sparse.eye_array(N_ITEMS)]]
    if features in ("attributes", "all"):
        for side, more in zip(sides, attributes(), strict=True):
            side.extend(more)
    if features in ("histories", "all"):
        rated = sparse.csr_array((np.ones(len(users)), (users, films)), shape=(N_USERS, N_ITEMS))
        sides[0].append(normalised(rated))
        sides[1].append(normalised(sparse.csr_array(rated.T)))
    return sides


def relational(sides: list[list[sparse.csr_array]], keys: tuple[np.ndarray, np.ndarray]) -> RelationalRows:
    """Join users and films to rows, every matrix a field with a prior of its own."""
    wholes = [sparse.csr_array(sparse.hstack(side)) for side in sides]
    width, offset, n = sum(whole.shape[1] for whole in wholes), 0, len(keys[0])
    relations: list[Relation] = []
    for side, whole, key in zip(sides, wholes, keys, strict=True):
        whole.sort_indices()
        field_of = np.repeat(np.arange(len(side)), [matrix.shape[1] for matrix in side]).astype(np.int32)
        columns = (whole.indices + offset).astype(np.int32)
        rows = RowBatch(
            whole.indptr.astype(np.int64),
            columns,
            whole.data.astype(np.float32),
            width,
            fields=field_of[whole.indices],
        )
        relations.append(Relation(key.astype(np.int32), rows))
        offset += whole.shape[1]
    nothing = RowBatch(np.zeros(n + 1, np.int64), np.zeros(0, np.int32), None, width)
    return RelationalRows(nothing, tuple(relations))


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
    users, films, stars = ratings(f"{split}.base")
    test_users, test_films, test_stars = ratings(f"{split}.test")
    sides = parts(features, users, films)
    train, test = relational(sides, (users, films)), relational(sides, (test_users, test_films))
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
        return model.fit(train, stars).predict(test)

    ours = timed(f"Pairloom: {title}", test_stars, pairloom)
    if not with_peer:
        return
    try:
        import myfm
    except ImportError:
        print("| myFM: not installed | | | |")
        return
    wholes = [sparse.csr_matrix(sparse.hstack(side)) for side in sides]
    shapes = [matrix.shape[1] for side in sides for matrix in side]

    def peer() -> np.ndarray:
        kind = myfm.MyFMRegressor if likelihood == "normal" else myfm.MyFMOrderedProbit
        model = kind(10, random_seed=1)

        def blocks(*keys: np.ndarray) -> list[object]:
            return [myfm.RelationBlock(key, whole) for key, whole in zip(keys, wholes, strict=True)]

        labels = stars if likelihood == "normal" else (stars - 1).astype(np.int64)
        model.fit(
            None,
            labels,
            X_rel=blocks(users, films),
            n_iter=epochs,
            n_kept_samples=epochs - 5,
            group_shapes=shapes,
        )
        if likelihood == "normal":
            return model.predict(None, blocks(test_users, test_films))
        return model.predict_proba(None, blocks(test_users, test_films)) @ np.arange(1, 6)

    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        theirs = timed(f"myFM: {title}", test_stars, peer)
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
