"""The ratings of the quickstart: made up, or MovieLens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pairloom.formats import write_tables
from pairloom.movielens import read_movielens
from pairloom.synthetic import planted_ratings
from pairloom.tables import Table

__all__ = ["Ratings", "movielens_ratings", "synthetic_ratings"]

TEST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings to learn from and to test on.

    Parameters
    ----------
    name : str
    train, test : Table
        Columns ``user``, ``item`` and ``rating``.
    titles : mapping of int to str
        By item.
    best_rmse : float, optional
        What the best possible predictor reaches on the test part, where it is known.
    files : tuple of Path
        Where train and test were written; empty if they were not.
    """

    name: str
    train: Table
    test: Table
    titles: Mapping[int, str]
    best_rmse: float | None = None
    files: tuple[Path, ...] = ()

    def title(self, item: int) -> str:
        """Name an item."""
        return self.titles.get(item, f"item {item}")


def synthetic_ratings(folder: Path, random_state: int) -> Ratings:
    """Make ratings shaped like MovieLens-100K and write them to ``train.csv`` and ``test.csv``."""
    planted = planted_ratings(random_state=random_state)
    held_out = np.random.default_rng(random_state).random(len(planted.ratings)) < TEST_SHARE
    errors = (planted.ratings - planted.expected)[held_out].astype(np.float64)
    best_rmse = float(np.sqrt(np.mean(errors**2)))
    parts: list[Table] = []
    for chosen in (~held_out, held_out):
        columns = {
            "user": planted.users[chosen].astype(np.int64) + 1,
            "item": planted.items[chosen].astype(np.int64) + 1,
            "rating": planted.ratings[chosen].astype(np.float64),
        }
        parts.append(Table(columns, int(chosen.sum())))
    files = folder / "train.csv", folder / "test.csv"
    for part, file in zip(parts, files, strict=True):
        write_tables([part], file)
    name = f"Made-up ratings of {planted.n_items:,} films by {planted.n_users:,} users"
    return Ratings(name, *parts, titles={}, best_rmse=best_rmse, files=files)


def movielens_ratings(folder: Path, n_threads: int) -> Ratings:
    """Read MovieLens files."""
    found = read_movielens(folder, n_threads=n_threads)
    return Ratings(found.name, found.train, found.test, found.titles)
