"""Finding items: one request over growing catalogues, recommendations in process, and the lists of all users.

./go bench retrieval
./go bench retrieval --parts lists
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pairloom.kernels.retrieval import Vectors, encode_vectors
from pairloom.recommenders import EASE, ImplicitALS, ItemToItem
from pairloom.recommenders.retrieval import build_index
from recommenders import interactions
from support.machine import describe

PARTS = ("scan", "many", "graph", "latency")
N = 100


def milliseconds(requests: Iterable[Callable[[], Any]]) -> tuple[float, float, float]:
    """Return the least and the median of the wall clock, and the least of the processor's time."""
    walls: list[float] = []
    spent: list[float] = []
    for request in requests:
        wall, cpu = time.perf_counter(), time.process_time()
        request()
        walls.append(1e3 * (time.perf_counter() - wall))
        spent.append(1e3 * (time.process_time() - cpu))
    return min(walls), sorted(walls)[len(walls) // 2], min(spent)


def drawn(n_items: int, n_factors: int, n_queries: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((n_items, n_factors), np.float32)
    vectors *= rng.lognormal(0, 0.3, (n_items, 1)).astype(np.float32)
    return vectors, rng.standard_normal((n_queries, n_factors), np.float32)


def scan(sizes: list[tuple[int, int]]) -> None:
    print(
        f"| top {N} of | float32, ms | 8-bit codes, ms | the same answer | coding, s |\n|---|---|---|---|---|"
    )
    for n_items, n_factors in sizes:
        matrix, queries = drawn(n_items, n_factors, 15)
        vectors = Vectors(matrix)
        began = time.process_time()
        codes = encode_vectors(vectors)
        coding = time.process_time() - began
        cells: list[str] = []
        found: list[np.ndarray] = []
        for given in (None, codes):
            least, middle, cpu = milliseconds(
                [
                    lambda q=q, given=given, on=vectors, of=queries: on.best(of[q : q + 1], N, codes=given)
                    for q in range(len(queries))
                ]
            )
            cells.append(f"{least:.2f} (median {middle:.2f}, CPU {cpu:.2f})")
            found.append(vectors.best(queries, N, codes=given)[0])
        same = "yes" if (found[0] == found[1]).all() else "NO"
        print(f"| {n_items:,} x {n_factors} | {cells[0]} | {cells[1]} | {same} | {coding:.2f} |", flush=True)


def many(n_items: int, n_queries: int) -> None:
    matrix, queries = drawn(n_items, 64, n_queries)
    vectors = Vectors(matrix)
    for name, codes in (("float32", None), ("8-bit codes", encode_vectors(vectors))):
        _, _, cpu = milliseconds([lambda codes=codes: vectors.best(queries, N, codes=codes)] * 3)
        rate = 1e3 * n_queries / cpu
        print(
            f"| {n_queries:,} queries at once of {n_items:,} x 64, {name} | {rate:,.0f} a CPU second |",
            flush=True,
        )


def graph(n_items: int) -> None:
    if importlib.util.find_spec("faiss") is None:
        return
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((300, 64), np.float32)
    matrix, queries = drawn(n_items, 64, 200)
    matrix = 0.5 * matrix + centres[rng.integers(0, 300, n_items)]
    queries = 0.5 * queries + centres[rng.integers(0, 300, 200)]
    began = time.process_time()
    index = build_index("ann", matrix, queries)
    built = time.process_time() - began
    least, middle, _ = milliseconds([lambda q=q: index.find(queries[q : q + 1], N) for q in range(100)])
    print(f"| {index!r} | built in {built:.1f} CPU s | {least:.2f} ms, median {middle:.2f} |", flush=True)


def latency(shape: tuple[int, int], n_events: int) -> None:
    table = interactions(*shape, n_events)
    users = np.unique(table["user"])[:500].tolist()
    for model in (ItemToItem(), ImplicitALS(), ImplicitALS(retrieval="int8"), EASE()):
        model.fit(table)
        asked = {
            "known user": [{"users": user} for user in users],
            "history of 50": [{"history": range(user % 100, 50 + user % 100)} for user in users],
        }
        name = model.name + (" int8" if getattr(model, "retrieval", "") == "int8" else "")
        for label, requests in asked.items():
            least, middle, _ = milliseconds(
                [lambda r=r, model=model: model.recommend(**r, n=10) for r in requests]
            )
            print(
                f"| recommend, {name}, {label} | median {middle:.3f} ms, least {least:.3f} ms |", flush=True
            )


def lists(shape: tuple[int, int], n_events: int, n_threads: int) -> None:
    table = interactions(*shape, n_events)
    for model in (ImplicitALS(epochs=2, n_jobs=n_threads), ItemToItem(n_jobs=n_threads)):
        model.fit(table)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        with tempfile.TemporaryDirectory() as folder:
            wall, cpu = time.perf_counter(), time.process_time()
            made = model.recommend_all(folder, n=N)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"| {model.name}: top {N} of {shape[1]:,} items for {made.n_users:,} users, {n_threads} threads "
            f"| {wall:.1f} s ({cpu:.1f} CPU s) | peak {peak:,.0f} MB, {before:,.0f} after fitting |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS), help="of scan, many, graph, latency, lists")
    parser.add_argument("--users", type=int, default=138_493)
    parser.add_argument("--items", type=int, default=27_278)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="a run of seconds that shows that it works")
    asked = parser.parse_args()
    sizes = [(100_000, 64), (300_000, 64), (1_000_000, 32), (1_000_000, 64), (500_000, 128)]
    n_queries, n_graph, ratings = 2048, 50_000, ((943, 1682), 100_000)
    if asked.small:
        sizes, n_queries, n_graph, ratings = [(3000, 8)], 50, 1000, ((200, 300), 5000)
        asked.users, asked.items, asked.events = 300, 200, 5000
        asked.parts = ",".join((*PARTS, "lists"))
    print(describe())
    parts = asked.parts.split(",")
    if "scan" in parts:
        scan(sizes)
    if "many" in parts:
        many(asked.items, n_queries)
    if "graph" in parts:
        graph(n_graph)
    if "latency" in parts:
        latency(*ratings)
    if "lists" in parts:
        lists((asked.users, asked.items), asked.events, asked.threads)


if __name__ == "__main__":
    main()
