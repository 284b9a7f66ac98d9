"""Recommending by attributes: quality on films that many rated and on films that nobody did, and how time grows.

./go bench content
./go bench content --parts growth --items 200000 --events 1000000
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from pairloom.recommenders import ContentBased, ItemToItem, Popularity, TwoTower
from pairloom.recommenders.evaluation import evaluate, split_by_user
from support.datasets import data_folder, has_data
from support.machine import describe

PARTS = ("quality", "cold", "growth")
LIST = 20
Table = dict[str, Any]


def films(folder: Path) -> Table:
    genres = [line.split("|")[0] for line in (folder / "u.genre").read_text().splitlines() if "|" in line]
    rows = [line.split("|") for line in (folder / "u.item").read_text(encoding="latin-1").splitlines()]
    return {
        "item": [int(row[0]) for row in rows],
        "title": [row[1] for row in rows],
        "genres": [
            "|".join(g for g, is_one in zip(genres, row[5:], strict=True) if is_one == "1") for row in rows
        ],
        "year": [float(row[2][-4:]) if row[2] else float("nan") for row in rows],
    }


def viewers(folder: Path) -> Table:
    rows = [line.split("|") for line in (folder / "u.user").read_text().splitlines()]
    columns = zip(*rows, strict=True)
    user, age, gender, occupation, _ = (list(column) for column in columns)
    return {
        "user": [int(u) for u in user],
        "age": [float(a) for a in age],
        "gender": gender,
        "job": occupation,
    }


def events(folder: Path) -> Table:
    rows = np.loadtxt(folder / "u.data.gz", dtype=np.int64)
    return {"user": rows[:, 0], "item": rows[:, 1]}


def towers(**more: Any) -> dict[str, Any]:
    if not importlib.util.find_spec("torch"):
        print("two-tower is left out: it needs the extra torch")
        return {}
    return {"two-tower": TwoTower(**more), "two-tower, several labels": TwoTower(loss="multi-label", **more)}


def quality(folder: Path, threads: int) -> None:
    split, items = split_by_user(events(folder)), films(folder)
    models: dict[str, tuple[Any, Table | None]] = {
        "popularity": (Popularity(), None),
        "content, equal weights": (ContentBased(weights="equal"), None),
        "content": (ContentBased(), None),
        "item-to-item": (ItemToItem(), None),
        **{name: (model, None) for name, model in towers(n_jobs=threads).items()},
    }
    if len(models) > 4:
        towers_of_all = TwoTower(loss="multi-label", n_jobs=threads)
        models["two-tower, several labels, users table too"] = (towers_of_all, viewers(folder))
    print(
        "| MovieLens-100K, a fifth of each user | NDCG@20 | recall@20 | fit, CPU s | epochs |\n|---|---|---|---|---|"
    )
    for name, (model, users) in models.items():
        began = time.process_time()
        model.fit(split.train, users=users, items=items)
        spent = time.process_time() - began
        means = evaluate(model, split, n=LIST).means()
        epochs = len(model.epochs_) if isinstance(model, TwoTower) else ""
        print(
            f"| {name} | {means['ndcg']:.4f} | {means['recall']:.4f} | {spent:.1f} | {epochs} |", flush=True
        )


def cold(folder: Path, threads: int) -> None:
    """Rank the films of a fifth that training never sees, for those who took some of them."""
    table, items = events(folder), films(folder)
    numbers = np.unique(table["item"])
    held = np.isin(table["item"], np.random.default_rng(0).permutation(numbers)[: len(numbers) // 5])
    known, asked = ({name: column[part] for name, column in table.items()} for part in (~held, held))
    shuffled = {**items, "item": np.random.default_rng(1).permutation(items["item"])}
    models = {
        "by chance": (Popularity(), shuffled),
        "content, equal weights": (ContentBased(weights="equal"), items),
        "content": (ContentBased(), items),
        **{name: (model, items) for name, model in towers(id_dropout=0.5, n_jobs=threads).items()},
    }
    print("| films that nobody rated, lists of these alone | NDCG@20 | recall@20 |\n|---|---|---|")
    for name, (model, given) in models.items():
        model.fit(known, items=given)
        ndcg, recall = cold_metrics(model, asked)
        print(f"| {name} | {ndcg:.4f} | {recall:.4f} |", flush=True)


def cold_metrics(model: Any, asked: Table) -> tuple[float, float]:
    users = np.unique(asked["user"])
    found = model.recommend(users, n=LIST, only=np.unique(asked["item"]).tolist())
    discounts = 1 / np.log2(np.arange(LIST) + 2)
    values = []
    for user in users.tolist():
        taken = set(asked["item"][asked["user"] == user].tolist())
        hits = np.array([item in taken for item in found.items[found.users == user].tolist()], float)
        values.append(
            (
                (hits * discounts[: len(hits)]).sum() / discounts[: len(taken)].sum(),
                hits.sum() / min(LIST, len(taken)),
            )
        )
    ndcg, recall = np.mean(values, axis=0)
    return float(ndcg), float(recall)


def catalogue(n_users: int, n_items: int, n_events: int) -> tuple[Table, Table]:
    """Items of 40 kinds with titles of six words; most of what a user takes is of few kinds."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 40, n_items)
    words = (5000 * rng.random((n_items, 6)) ** 3).astype(int)
    items = {
        "item": np.arange(n_items),
        "title": [" ".join(f"word{w}" for w in row) for row in words.tolist()],
        "kinds": [f"k{kind}|k{(kind * 7) % 40}" for kind in kinds.tolist()],
        "price": rng.lognormal(3, 1, n_items),
    }
    users = (n_users * rng.random(n_events) ** 1.5).astype(np.int64)
    order = np.argsort(kinds, kind="stable")
    near = (users * 37 % 40) / 40 + rng.normal(0, 0.03, n_events)
    return {"user": users, "item": order[(near * n_items).astype(np.int64) % n_items]}, items


def growth(n_items: int, n_events: int, threads: int) -> None:
    print(
        "| items, events | content: fit, CPU s | a list, ms | two-tower: an epoch, CPU s | a list, ms | peak, MB |"
    )
    print("|---|---|---|---|---|---|")
    for share in (16, 4, 1):
        n, e = max(50, n_items // share), max(500, n_events // share)
        table, items = catalogue(max(20, e // 20), n, e)
        began = time.process_time()
        content = ContentBased().fit(table, items=items)
        line = f"| {n:,}, {e:,} | {time.process_time() - began:.1f} | {answer_ms(content, table):.2f} "
        for model in list(towers(epochs=1, validation_share=0.0, n_jobs=threads).values())[:1]:
            began = time.process_time()
            model.fit(table, items=items)
            line += f"| {time.process_time() - began:.1f} | {answer_ms(model, table):.2f} "
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{line}| {peak:,.0f} |", flush=True)


def answer_ms(model: Any, table: Table) -> float:
    """Return the median milliseconds of processor time of a list of ten for one known user."""
    spent = []
    for user in np.unique(table["user"])[:50].tolist():
        began = time.process_time()
        model.recommend(user, n=10)
        spent.append(time.process_time() - began)
    return 1e3 * float(np.median(spent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--items", type=int, default=40_000)
    parser.add_argument("--events", type=int, default=160_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="a run of seconds that shows that it works")
    asked = parser.parse_args()
    print(describe())
    if asked.small:
        growth(400, 2000, 1)
        return
    parts, folder = asked.parts.split(","), data_folder() / "movielens-100k"
    if {"quality", "cold"} & set(parts) and has_data():
        if "quality" in parts:
            quality(folder, asked.threads)
        if "cold" in parts:
            cold(folder, asked.threads)
    if "growth" in parts:
        growth(asked.items, asked.events, asked.threads)


if __name__ == "__main__":
    main()
