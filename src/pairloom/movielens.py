"""MovieLens ratings in every layout that GroupLens has published them in.

================  ====================  ==========================================
data set          ratings               layout
================  ====================  ==========================================
100K              ``u.data``            tab-separated, with five official splits
1M, 10M           ``ratings.dat``       ``user::item::rating::time``
latest, 20M-32M   ``ratings.csv``       with a header
================  ====================  ==========================================

Every file may be compressed (``.gz``), and the folder may hold the data set's folder.

References
----------
Harper and Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 2015.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.formats import read_tables
from pairloom.formats.sources import list_inputs
from pairloom.tables import Column, StringColumn, Table

__all__ = ["MovieLens", "read_movielens"]

NAMES = ("user", "item", "rating", "time")
HEADER = ("userId", "movieId", "rating", "timestamp")
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
    root = Path(folder)
    if not root.is_dir():
        raise DataError("a folder of MovieLens files", got="none by that name", source=str(folder))
    for place in (root, *sorted(path for path in root.iterdir() if path.is_dir())):
        if (base := _find(place, "ua.base")) and (held_out := _find(place, "ua.test")):
            train, test = _tabbed(base, n_threads), _tabbed(held_out, n_threads)
            return MovieLens("MovieLens 100K, official split ua", train, test, _titles(place))
        if found := _find(place, "u.data"):
            ratings, layout = _tabbed(found, n_threads), "100K"
        elif found := _find(place, "ratings.dat"):
            ratings, layout = _ratings(found, "::", NAMES, n_threads), "1M or 10M"
        elif found := _find(place, "ratings.csv"):
            ratings, layout = _ratings(found, ",", None, n_threads), "latest, 20M, 25M or 32M"
        else:
            continue
        name = f"MovieLens ({layout} layout), a random tenth held out"
        return MovieLens(name, *_split(ratings, random_state), _titles(place))
    raise DataError(
        "u.data, ua.base with ua.test, ratings.dat or ratings.csv (or one of these with .gz)",
        got="none of them",
        action="Unpack the data set there, or name the folder that holds it",
        source=str(folder),
    )


def _find(folder: Path, name: str) -> Path | None:
    candidates = (folder / name, folder / f"{name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def _tabbed(path: Path, n_threads: int) -> Table:
    return _ratings(path, "\t", NAMES, n_threads)


def _ratings(path: Path, delimiter: str, names: tuple[str, ...] | None, n_threads: int) -> Table:
    """Read the first three columns; `names` are those of a file without a header."""
    columns = (names or HEADER)[:3]
    tables = read_tables(
        path,
        content_type="csv",
        n_threads=n_threads,
        columns=columns,
        kinds={columns[2]: "number"},
        delimiter=delimiter,
        header=names is None,
        names=names,
    )
    parts = [_checked(table.columns, columns, path) for table in tables]
    users, items, ratings = (np.concatenate([part[name] for part in parts]) for name in columns)
    return Table({"user": users, "item": items, "rating": ratings}, len(ratings))


def _checked(
    columns: Mapping[str, Column], names: tuple[str, ...], path: Path
) -> dict[str, npt.NDArray[Any]]:
    checked: dict[str, npt.NDArray[Any]] = {}
    for name in names:
        column = columns[name]
        if isinstance(column, StringColumn):
            raise DataError("integers", got="text", source=str(path), field=name)
        checked[name] = column
    return checked


def _split(ratings: Table, random_state: int) -> tuple[Table, Table]:
    held_out = np.random.default_rng(random_state).random(ratings.n_rows) < TEST_SHARE
    return _where(ratings, ~held_out), _where(ratings, held_out)


def _where(table: Table, chosen: npt.NDArray[np.bool_]) -> Table:
    columns = {name: cast(npt.NDArray[Any], column)[chosen] for name, column in table.columns.items()}
    return Table(columns, int(chosen.sum()))


def _titles(folder: Path) -> dict[int, str]:
    if found := _find(folder, "movies.csv"):
        with _text(found, "utf-8") as lines:
            rows = csv.reader(lines)
            next(rows, None)
            return {int(row[0]): row[1] for row in rows}
    for name, separator in (("u.item", "|"), ("movies.dat", "::")):
        if found := _find(folder, name):
            with _text(found, "latin-1") as lines:
                rows = (line.rstrip("\n").split(separator) for line in lines if line.strip())
                return {int(row[0]): row[1] for row in rows}
    return {}


@contextmanager
def _text(path: Path, encoding: str) -> Generator[Iterable[str]]:
    (one,) = list_inputs(path)
    with one.opened() as stream:
        yield io.TextIOWrapper(io.BufferedReader(cast(Any, stream)), encoding=encoding, newline="")
