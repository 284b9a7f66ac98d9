"""Gibbs sampling on MovieLens-100K beside myFM, rows with shared parts, and growth with non-zeros and factors.

./go bench bayesian
./go bench bayesian --features all --split ua --likelihood ordinal
./go bench bayesian --features user-days --likelihood ordinal
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
from typing import NamedTuple

import numpy as np
from scipy import sparse

from pairloom import FactorizationMachineRegressor
from pairloom.rows import Relation, RelationalRows, RowBatch
from support.datasets import data_folder
from support.machine import describe

N_USERS, N_ITEMS, N_GENRES = 943, 1682, 19
DAY_S = 86_400
FEATURES = ("ids", "attributes", "histories", "all", "days", "user-days")


class Ratings(NamedTuple):
    """Users and films, counted from 0, stars, and times in seconds."""

    users: np.ndarray
    films: np.ndarray
    stars: np.ndarray
    times: np.ndarray


def ratings(name: str) -> Ratings:
    """Read a part of MovieLens-100K."""
    with gzip.open(data_folder() / "movielens-100k" / f"{name}.gz", "rt") as lines:
        table = np.array([[int(x) for x in line.split()] for line in lines])
    return Ratings(table[:, 0] - 1, table[:, 1] - 1, table[:, 2].astype(np.float64), table[:, 3])


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
    if features not in ("ids", "histories"):
        for side, more in zip(sides, attributes(), strict=True):
            side.extend(more)
    if features not in ("ids", "attributes"):
        rated = sparse.csr_array((np.ones(len(users)), (users, films)), shape=(N_USERS, N_ITEMS))
        sides[0].append(normalised(rated))
        sides[1].append(normalised(sparse.csr_array(rated.T)))
    return sides


def moments(features: str, train: Ratings, test: Ratings) -> tuple[list[np.ndarray], int]:
    """Return a column for the day of every rating, or for its user and day, of train and test; and how many there are.

    Days that no training row has share the last column.
    """
    if features not in ("days", "user-days"):
        return [], 0
    keys = [part.times // DAY_S for part in (train, test)]
    if features == "user-days":
        keys = [part.users * 100_000 + days for part, days in zip((train, test), keys, strict=True)]
    known = np.unique(keys[0])
    places = [np.minimum(np.searchsorted(known, key), len(known) - 1) for key in keys]
    return [np.where(known[p] == key, p, len(known)) for p, key in zip(places, keys, strict=True)], len(
        known
    ) + 1


def relational(
    sides: list[list[sparse.csr_array]],
    keys: tuple[np.ndarray, np.ndarray],
    moment: np.ndarray | None = None,
    n_moments: int = 0,
) -> RelationalRows:
    """Join users and films to rows, every matrix a field with a prior of its own; `moment` is one more field."""
    wholes = [sparse.csr_array(sparse.hstack(side)) for side in sides]
    width, offset, n = n_moments + sum(whole.shape[1] for whole in wholes), n_moments, len(keys[0])
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
    columns = np.zeros(0, np.int32) if moment is None else moment.astype(np.int32)
    own = RowBatch(np.arange(n + 1) * (moment is not None), columns, None, width)
    return RelationalRows(own, tuple(relations))


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
    sides = parts(features, base.users, base.films)
    moment, n_moments = moments(features, base, held_out)
    train, test = (
        relational(sides, (part.users, part.films), moment[i] if moment else None, n_moments)
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
    shapes = [n_moments] * bool(moment) + [matrix.shape[1] for side in sides for matrix in side]
    own = [sparse.csr_matrix(sparse.eye_array(n_moments, format="csr")[columns]) for columns in moment] or [
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
