"""MovieLens-100K as the tables that a recommender takes."""

import numpy as np


def events(folder):
    rows = np.loadtxt(folder / "movielens-100k" / "u.data.gz", dtype=np.int64)
    return {"user": rows[:, 0], "item": rows[:, 1]}


def films(folder):
    base = folder / "movielens-100k"
    genres = [line.split("|")[0] for line in (base / "u.genre").read_text().splitlines() if "|" in line]
    found = {"item": [], "title": [], "genres": [], "year": []}
    for line in (base / "u.item").read_text(encoding="latin-1").splitlines():
        fields = line.split("|")
        found["item"].append(int(fields[0]))
        found["title"].append(fields[1])
        found["genres"].append(
            "|".join(g for g, is_one in zip(genres, fields[5:], strict=True) if is_one == "1")
        )
        found["year"].append(float(fields[2][-4:]) if fields[2] else float("nan"))
    return found


def viewers(folder):
    rows = [line.split("|") for line in (folder / "movielens-100k" / "u.user").read_text().splitlines()]
    return {
        "user": [int(row[0]) for row in rows],
        "age": [float(row[1]) for row in rows],
        "gender": [row[2] for row in rows],
        "occupation": [row[3] for row in rows],
    }


def without_a_fifth_of_the_films(table):
    """Return events of four fifths of the films, and those of the others, which training never sees."""
    numbers = np.unique(table["item"])
    cold = np.random.default_rng(0).permutation(numbers)[: len(numbers) // 5]
    is_cold = np.isin(table["item"], cold)
    return tuple({name: column[part] for name, column in table.items()} for part in (~is_cold, is_cold))


def cold_ndcg(recommender, cold, n=20):
    """NDCG of the lists of films that training never saw, for every fourth user who took some of them."""
    users = np.unique(cold["user"])[::4]
    found = recommender.recommend(users, n=n, only=np.unique(cold["item"]).tolist())
    discounts = 1 / np.log2(np.arange(n) + 2)
    values = []
    for user in users.tolist():
        taken = set(cold["item"][cold["user"] == user].tolist())
        hits = np.array([item in taken for item in found.items[found.users == user].tolist()], float)
        values.append((hits * discounts[: len(hits)]).sum() / discounts[: len(taken)].sum())
    return float(np.mean(values))
