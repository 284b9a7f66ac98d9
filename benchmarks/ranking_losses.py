"""BPR, WARP and SLIM beside LightFM, implicit and scikit-learn: quality, samples a second, growth, memory.

./go bench ranking_losses
./go bench ranking_losses --parts growth --events 200000,2000000 --factors 32,64,128
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from pairloom.recommenders import BPR, SLIM, WARP, Columns
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.evaluation import Split, leave_last_out, split_by_time, split_by_user
from pairloom.recommenders.recommender import Recommender
from support.datasets import data_folder, has_data
from support.machine import describe

N_USERS, N_ITEMS, N = 944, 1683, 20
LARGEST_SLIM = 10_000


def splits() -> list[Split]:
    rows = np.loadtxt(data_folder() / "movielens-100k" / "u.data.gz", dtype=np.int64)
    table = {"user": rows[:, 0], "item": rows[:, 1], "time": rows[:, 3]}
    columns = Columns(time="time")
    return [
        split_by_user({"user": rows[:, 0], "item": rows[:, 1]}),
        split_by_time(table, columns=columns),
        leave_last_out(table, columns=columns),
    ]


def taken(table: Any) -> np.ndarray:
    found = np.zeros((N_USERS, N_ITEMS), np.float32)
    found[table["user"], table["item"]] = 1
    return found


def ndcg(scores: np.ndarray, split: Split) -> float:
    """Of the first 20 of all items that a user does not have, over all users who are asked about."""
    truth = taken(split.test)
    users = truth.any(axis=1)
    best = np.argsort(-np.where(taken(split.train) > 0, -np.inf, scores), axis=1)[:, :N]
    discounts = 1 / np.log2(np.arange(2, N + 2))
    ideal = np.cumsum(discounts)[truth.sum(axis=1).astype(int).clip(1, N) - 1]
    return float((np.take_along_axis(truth, best, 1) @ discounts / ideal)[users].mean())


def scores_of(model: Recommender) -> np.ndarray:
    users = np.arange(model.histories_.n_users, dtype=np.int32)
    found = model._scores(Askers(model.histories_, users))  # pyright: ignore[reportPrivateUsage]
    popular = model._popular()  # pyright: ignore[reportPrivateUsage]
    found[np.diff(model.histories_.offsets) == 0] = popular
    placed = np.full((N_USERS, N_ITEMS), -1e30, np.float32)
    of_users = model.users_.values(users).astype(int)
    of_items = model.items_.values(np.arange(len(model.items_))).astype(int)
    placed[np.ix_(of_users, of_items)] = found
    absent = np.setdiff1d(np.arange(N_USERS), of_users)
    placed[np.ix_(absent, of_items)] = popular
    return placed


def spent(work: Callable[[], Any]) -> float:
    """Return seconds of the processor."""
    began = time.process_time()
    work()
    return time.process_time() - began


def row(split: Split, name: str, score: float, seconds: float, epochs: int) -> None:
    speed = f"{len(split.train['user']) * epochs / seconds / 1e6:.2f} M" if epochs else "-"
    print(f"| {split.name} | {name} | {score:.4f} | {seconds:.2f} | {speed} |", flush=True)


def lightfm(split: Split, loss: str, epochs: int, rate: float) -> None:
    from lightfm import LightFM
    from scipy.sparse import csr_matrix

    rival = LightFM(no_components=64, loss=loss, learning_rate=rate, random_state=0)
    matrix = csr_matrix(taken(split.train))
    seconds = spent(lambda: rival.fit(matrix, epochs=epochs, num_threads=1))
    biases, vectors = rival.get_item_representations()
    score = ndcg(rival.get_user_representations()[1] @ vectors.T + biases, split)
    row(split, f"LightFM {loss}, {epochs} epochs, rate {rate}", score, seconds, epochs)


def implicit_bpr(split: Split) -> None:
    from implicit.bpr import BayesianPersonalizedRanking
    from scipy.sparse import csr_matrix

    rival = BayesianPersonalizedRanking(
        factors=64, learning_rate=0.01, regularization=0.01, iterations=100, num_threads=1, random_state=0
    )
    matrix = csr_matrix(taken(split.train))
    seconds = spent(lambda: rival.fit(matrix, show_progress=False))
    row(
        split,
        "implicit BPR, 100 epochs",
        ndcg(rival.user_factors @ rival.item_factors.T, split),
        seconds,
        100,
    )


def quality(small: bool) -> None:
    epochs = 2 if small else 60
    print("| split | model, k = 64, one thread | NDCG@20 | CPU s | samples/s |\n|---|---|---|---|---|")
    for split in splits()[: 1 if small else 3]:
        columns = Columns(time="time" if "time" in split.train else None)
        for model in (
            BPR(epochs=epochs, columns=columns),
            WARP(epochs=epochs, columns=columns),
            SLIM(columns=columns),
        ):
            seconds = spent(lambda model=model, split=split: model.fit(split.train))
            row(
                split,
                model.name,
                ndcg(scores_of(model), split),
                seconds,
                0 if model.name == "slim" else epochs,
            )
        if importlib.util.find_spec("lightfm"):
            lightfm(split, "warp", epochs, 0.02)
            lightfm(split, "bpr", 1 if small else 30, 0.02)
        if importlib.util.find_spec("implicit") and not small:
            implicit_bpr(split)


def growth(sizes: list[int], factors: list[int]) -> None:
    rng = np.random.default_rng(0)
    print("| model | events | k | CPU s an epoch | peak MB |\n|---|---|---|---|---|")
    for n_events in sizes:
        shape = n_events // 145, 2000 + n_events // 800
        users = (shape[0] * rng.random(n_events) ** 1.8).astype(np.int64)
        table = {"user": users, "item": (shape[1] * rng.random(n_events) ** 2.5).astype(np.int64)}
        for kind in (BPR, WARP):
            for k in factors:
                seconds = [fit_seconds(kind(n_factors=k, epochs=epochs), table) for epochs in (1, 3)]
                epoch = (seconds[1] - seconds[0]) / 2
                print(f"| {kind.name} | {n_events:,} | {k} | {epoch:.2f} | {peak_mb():,.0f} |", flush=True)
        if shape[1] <= LARGEST_SLIM:
            seconds = [fit_seconds(SLIM(n_neighbours=200), table)]
            name = f"slim, 200 neighbours of {shape[1]:,} items, whole fit"
            print(f"| {name} | {n_events:,} | - | {seconds[0]:.2f} | {peak_mb():,.0f} |", flush=True)


def fit_seconds(model: Recommender, table: Any) -> float:
    return spent(lambda: model.fit(table))


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="quality,growth")
    parser.add_argument("--events", default="100000,1000000")
    parser.add_argument("--factors", default="32,64,128")
    parser.add_argument("--small", action="store_true", help="a run of seconds that shows that it works")
    asked = parser.parse_args()
    if asked.small:
        asked.events, asked.factors = "3000", "16"
    print(describe())
    if "quality" in asked.parts.split(",") and has_data():
        quality(asked.small)
    if "growth" in asked.parts.split(","):
        growth([int(n) for n in asked.events.split(",")], [int(k) for k in asked.factors.split(",")])


if __name__ == "__main__":
    main()
