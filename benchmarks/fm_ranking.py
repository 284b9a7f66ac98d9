"""Factorization machines that rank: quality on MovieLens-100K beside their peers, and how time grows.

./go bench fm_ranking
./go bench fm_ranking --parts growth --threads 2
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from pairloom.fm.ranking import RankingSettings, train_ranking
from pairloom.kernels.fm_ranking import RankingEvents, Sides
from pairloom.recommenders import FactorizationMachineRecommender, Hybrid, Popularity
from pairloom.recommenders.evaluation import evaluate, split_by_user
from pairloom.recommenders.evaluation.ranking import interval
from pairloom.rows import RowBatch
from support.datasets import data_folder, has_data
from support.machine import describe

PARTS = ("quality", "cold", "growth")


def tables() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return events, films and viewers."""
    folder = data_folder() / "movielens-100k"
    rows = np.loadtxt(folder / "u.data.gz", dtype=np.int64)
    films: dict[str, Any] = {"item": [], "genres": [], "year": []}
    for line in (folder / "u.item").read_text(encoding="latin-1").splitlines():
        fields = line.split("|")
        films["item"].append(int(fields[0]))
        films["genres"].append("|".join(str(place) for place, one in enumerate(fields[5:]) if one == "1"))
        films["year"].append(float(fields[2][-4:]) if fields[2] else float("nan"))
    people = [line.split("|") for line in (folder / "u.user").read_text().splitlines()]
    viewers = {
        "user": [int(row[0]) for row in people], "age": [float(row[1]) for row in people],
        "gender": [row[2] for row in people], "occupation": [row[3] for row in people],
    }  # fmt: skip
    return {"user": rows[:, 0], "item": rows[:, 1]}, films, viewers


def quality() -> None:
    events, films, viewers = tables()
    split = split_by_user(events)
    made: dict[str, tuple[Any, bool]] = {
        "fm, softmax, attributes": (FactorizationMachineRecommender(), True),
        "fm, softmax, histories alone": (FactorizationMachineRecommender(), False),
        "fm, warp, histories alone": (FactorizationMachineRecommender(loss="warp"), False),
        "fm, bpr, histories alone": (FactorizationMachineRecommender(loss="bpr"), False),
        "hybrid of implicit-als and fm": (Hybrid(), True),
    }
    print(
        "| MovieLens-100K, a fifth of each user | NDCG@20, 95 % | recall@20 | fit, CPU s |\n|---|---|---|---|"
    )
    for name, (model, attributes) in made.items():
        began = time.process_time()
        model.fit(split.train, users=viewers if attributes else None, items=films if attributes else None)
        spent = time.process_time() - began
        report = evaluate(model, split)
        low, high = report.interval("ndcg")
        means = report.means()
        print(
            f"| {name} | {means['ndcg']:.4f} [{low:.4f}, {high:.4f}] | {means['recall']:.4f} | {spent:.1f} |",
            flush=True,
        )
        for part in getattr(model, "parts_", ()):
            alone = evaluate(part, split)
            difference = report.per_user["ndcg"] - alone.per_user["ndcg"]
            low, high = interval(difference)
            print(
                f"| &nbsp; above its part {part.name} ({alone.means()['ndcg']:.4f}) by | {difference.mean():.4f} "
                f"[{low:.4f}, {high:.4f}] | | |",
                flush=True,
            )


def cold() -> None:
    """Films that training never saw, for users who took some of them."""
    events, films, _ = tables()
    numbers = np.unique(events["item"])
    held = np.random.default_rng(0).permutation(numbers)[: len(numbers) // 5]
    is_cold = np.isin(events["item"], held)
    warm, asked = ({name: column[part] for name, column in events.items()} for part in (~is_cold, is_cold))
    users = np.unique(asked["user"])
    for name, model in (("fm", FactorizationMachineRecommender()), ("popularity", Popularity())):
        found = model.fit(warm, items=films).recommend(users, n=20, only=held.tolist())
        discounts, values = 1 / np.log2(np.arange(20) + 2), []
        for user in users.tolist():
            taken = set(asked["item"][asked["user"] == user].tolist())
            hits = np.array([item in taken for item in found.items[found.users == user].tolist()])
            values.append((hits * discounts).sum() / discounts[: len(taken)].sum())
        print(f"| films without an event, {name} | NDCG@20 among them {np.mean(values):.4f} |", flush=True)


def growth(threads: int, *, small: bool) -> None:
    """Seconds of one epoch, by events and by factors: items with an id and three of 20 categories."""
    print("| an epoch of softmax, 256 drawn | CPU s | events a CPU second |\n|---|---|---|")
    sizes = (5_000, 10_000) if small else (100_000, 200_000, 400_000)
    for n_events, k in [*((n, 32) for n in sizes), *((sizes[0], k) for k in (16, 64, 128))]:
        rng = np.random.default_rng(0)
        n_users, n_items = n_events // 50, 5000
        pairs = np.unique(
            rng.integers(0, n_users, n_events) * n_items + (n_items * rng.random(n_events) ** 2.5).astype(int)
        )
        users, items = (pairs // n_items).astype(np.int32), (pairs % n_items).astype(np.int32)
        width = 2 * n_items + 20
        rows = np.concatenate(
            (np.arange(n_items)[:, None], n_items + rng.integers(0, 20, (n_items, 3))), axis=1
        )
        rows[:, 1:] = n_items + (rows[:, 1:2] + np.arange(3) * 7) % 20
        offsets = np.concatenate(([0], np.cumsum(np.bincount(users, minlength=n_users))))
        batch = RowBatch(np.arange(0, rows.size + 1, 4), rows.ravel().astype(np.int32), None, width)
        sides = Sides(batch, offsets, items, first_history=n_items + 20)
        settings = RankingSettings(n_factors=k, epochs=1, l2=0.03, n_threads=threads)
        began = time.process_time()
        train_ranking(sides, RankingEvents(users, items), width, settings)
        spent = time.process_time() - began
        print(
            f"| {len(users):,} events, k = {k}, {threads} threads | {spent:.2f} | {len(users) / spent:,.0f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="a run of seconds that shows that it works")
    asked = parser.parse_args()
    print(describe())
    parts = asked.parts.split(",")
    if "quality" in parts and has_data() and not asked.small:
        quality()
    if "cold" in parts and has_data() and not asked.small:
        cold()
    if "growth" in parts:
        growth(asked.threads, small=asked.small)


if __name__ == "__main__":
    main()
