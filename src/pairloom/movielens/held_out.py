"""Ratings of a MovieLens folder, split for a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.movielens.films_and_users import read_titles
from pairloom.movielens.folder import TABBED, find, layout_of, places, read_ratings
from pairloom.tables import Table

__all__ = ["MovieLens", "read_movielens"]

TEST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class MovieLens:
    """Ratings of one data set, split for a test.

    Parameters
    ----------
    name : str
        What it is, and how it was split.
    train, test : Table
        Columns ``user``, ``item`` (int64) and ``rating`` (float64).
    titles : mapping of int to str
        By item; empty if the folder has none.
    """

    name: str
    train: Table
    test: Table
    titles: Mapping[int, str]


def read_movielens(folder: str | Path, *, n_threads: int = 1, random_state: int = 0) -> MovieLens:
    """Read a folder of MovieLens files, whichever layout it has.

    100K is split as its official split ``ua`` says (ten ratings of every user are the test); the others have
    a random tenth of their ratings as the test.

    Parameters
    ----------
    folder : path
    n_threads : int
        Parsing threads.
    random_state : int
        Seed of the random split.

    Raises
    ------
    DataError
        If the folder holds no ratings in a known layout, or a file cannot be read.
    """
    for place in places(folder):
        if (base := find(place, "ua.base")) and (held_out := find(place, "ua.test")):
            train, test = (read_ratings(path, TABBED, n_threads) for path in (base, held_out))
            return MovieLens("MovieLens 100K, official split ua", train, test, read_titles(place))
        if found := layout_of(place):
            ratings = read_ratings(*found, n_threads)
            name = f"MovieLens ({found[1].name} layout), a random tenth held out"
            return MovieLens(name, *_split(ratings, random_state), read_titles(place))
    raise DataError(
        "u.data, ua.base with ua.test, ratings.dat or ratings.csv (or one of these with .gz)",
        got="none of them",
        action="Unpack the data set there, or name the folder that holds it",
        source=str(folder),
    )


def _split(ratings: Table, random_state: int) -> tuple[Table, Table]:
    held_out = np.random.default_rng(random_state).random(ratings.n_rows) < TEST_SHARE
    return _where(ratings, ~held_out), _where(ratings, held_out)


def _where(table: Table, chosen: npt.NDArray[np.bool_]) -> Table:
    columns = {name: cast(npt.NDArray[Any], column)[chosen] for name, column in table.columns.items()}
    return Table(columns, int(chosen.sum()))
