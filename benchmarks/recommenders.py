"""Recommenders beside `implicit`: quality on MovieLens-100K, and the time of each part at growing sizes.

./go bench recommenders
./go bench recommenders --parts table --users 138493 --items 27278 --events 20000000
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from pairloom.recommenders import EASE, ImplicitALS, ItemToItem, Popularity
from pairloom.recommenders.evaluation import compare, split_by_user
from support.datasets import data_folder, has_data
from support.machine import describe

PARTS = ("quality", "table", "als", "latency")


def interactions(n_users: int, n_items: int, n_events: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Users and items of very different activity, as in MovieLens: both fall off as a power of their rank."""
    rng = np.random.default_rng(seed)
    users = (n_users * rng.random(n_events) ** 1.8).astype(np.int64)
    items = (n_items * rng.random(n_events) ** 2.5).astype(np.int64)
    return {"user": users, "item": items}


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return seconds of wall clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def quality() -> None:

    rows = np.loadtxt(data_folder() / "movielens-100k" / "u.data.gz", dtype=np.int64)
    split = split_by_user({"user": rows[:, 0], "item": rows[:, 1]})
    models = {
        "popularity": Popularity(),
        "item-to-item": ItemToItem(),
        "ease": EASE(),
        "implicit-als": ImplicitALS(),
    }
    print("| MovieLens-100K, a fifth of each user | NDCG@20 | recall@20 | fit, s |\n|---|---|---|---|")
    for entry in compare(models, split).entries:
        means = entry.report.means()
        print(f"| {entry.name} | {means['ndcg']:.4f} | {means['recall']:.4f} | {entry.fit_s:.2f} |")


def rival_matrix(table: dict[str, np.ndarray], shape: tuple[int, int]) -> Any:
    from scipy.sparse import csr_matrix

    pairs = np.unique(table["user"] * shape[1] + table["item"])
    return csr_matrix((np.ones(len(pairs), np.float32), (pairs // shape[1], pairs % shape[1])), shape)


def related_table(shape: tuple[int, int], n_events: int, n_threads: int) -> None:
    table = interactions(*shape, n_events)
    model = ItemToItem(n_related=20, n_jobs=n_threads)
    whole = timed(lambda: model.fit(table))
    alone = timed(model._learn)  # pyright: ignore[reportPrivateUsage]
    line = f"| related items, {n_events:,} events, {shape[0]:,} x {shape[1]:,}, {n_threads} threads "
    line += f"| fit {whole[0]:.1f} s, of it the table {alone[0]:.1f} s ({alone[1]:.1f} CPU s) "
    if importlib.util.find_spec("implicit"):
        from implicit.nearest_neighbours import CosineRecommender

        matrix = rival_matrix(table, shape)
        rival = CosineRecommender(K=20, num_threads=n_threads)
        theirs = timed(lambda: rival.fit(matrix, show_progress=False))
        line += f"| implicit {theirs[0]:.1f} s ({theirs[1]:.1f} CPU s) "
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{line}| peak {peak:,.0f} MB |", flush=True)


def als_epoch(shape: tuple[int, int], n_events: int, n_factors: int, n_threads: int) -> None:
    table = interactions(*shape, n_events)
    spent: dict[int, tuple[float, float]] = {}
    for epochs in (1, 3):
        model = ImplicitALS(n_factors=n_factors, epochs=epochs, n_jobs=n_threads).fit(table)
        spent[epochs] = timed(model._learn)  # pyright: ignore[reportPrivateUsage]
    ours = [(spent[3][i] - spent[1][i]) / 2 for i in (0, 1)]
    line = f"| iALS epoch, k = {n_factors}, {n_events:,} events | {ours[0]:.2f} s ({ours[1]:.2f} CPU s) "
    if importlib.util.find_spec("implicit"):
        from implicit.als import AlternatingLeastSquares

        matrix = rival_matrix(table, shape)
        theirs: dict[int, tuple[float, float]] = {}
        for epochs in (1, 3):
            rival = AlternatingLeastSquares(
                n_factors, iterations=epochs, num_threads=n_threads, use_gpu=False
            )
            theirs[epochs] = timed(lambda rival=rival: rival.fit(matrix, show_progress=False))
        epoch = [(theirs[3][i] - theirs[1][i]) / 2 for i in (0, 1)]
        line += f"| implicit {epoch[0]:.2f} s ({epoch[1]:.2f} CPU s) "
    print(line + "|", flush=True)


def latency() -> None:
    table = interactions(943, 1682, 100_000)
    for model in (ItemToItem(), EASE(), ImplicitALS()):
        model.fit(table)
        users = np.unique(table["user"])[:500]
        asked = {
            "known user": [{"users": int(user)} for user in users],
            "history of 50": [{"history": range(int(user) % 100, 50 + int(user) % 100)} for user in users],
        }
        for label, requests in asked.items():
            spent: list[float] = []
            for request in requests:
                began = time.perf_counter()
                model.recommend(**request, n=10)
                spent.append(time.perf_counter() - began)
            spent.sort()
            middle, late = 1e3 * spent[len(spent) // 2], 1e3 * spent[int(0.99 * len(spent))]
            print(
                f"| recommend, {model.name}, {label} | median {middle:.3f} ms, p99 {late:.3f} ms |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--users", type=int, default=138_493)
    parser.add_argument("--items", type=int, default=27_278)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="a run of seconds that shows that it works")
    asked = parser.parse_args()
    if asked.small:
        asked.users, asked.items, asked.events = 300, 200, 5000
    shape = asked.users, asked.items
    print(describe())
    parts = asked.parts.split(",")
    if "quality" in parts and has_data():
        quality()
    if "table" in parts:
        related_table(shape, asked.events, asked.threads)
    if "als" in parts:
        als_epoch(shape, asked.events, 64, asked.threads)
    if "latency" in parts:
        latency()


if __name__ == "__main__":
    main()
