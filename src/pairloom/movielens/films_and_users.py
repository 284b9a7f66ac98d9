"""All tables of a MovieLens folder: who saw what and when, the films, and the users where they are told."""

from __future__ import annotations

import csv
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pairloom.errors import DataError
from pairloom.movielens.folder import find, layout_of, opened_text, places, read_ratings
from pairloom.tables import Column, StringColumn, Table

__all__ = ["MovieLensTables", "read_movielens_tables", "read_titles"]

YEAR = re.compile(r"\((\d{4})\)\s*$")
NO_GENRES = ("(no genres listed)", "unknown")
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
"""Of the flags in ``u.item``, which ``u.genre`` lists in this order."""
USER_COLUMNS = {
    "u.user": ("|", ("user", "age", "gender", "occupation", "zip_code")),
    "users.dat": ("::", ("user", "gender", "age", "occupation", "zip_code")),
}


@dataclass(frozen=True, slots=True)
class MovieLensTables:
    """Tables of one data set, as `Recommender.fit` takes them.

    Parameters
    ----------
    ratings : Table
        Columns ``user``, ``item`` (int64), ``rating`` (float64) and ``time`` (int64, seconds since 1970).
    films : Table
        Columns ``item``, ``title``, ``genres`` (``Comedy|Drama``) and ``year`` (float64, NaN if unknown).
    users : Table, optional
        Columns ``user``, ``age``, ``gender``, ``occupation`` and ``zip_code``, where the data set has them.
    """

    ratings: Table
    films: Table
    users: Table | None


def read_movielens_tables(folder: str | Path, *, n_threads: int = 1) -> MovieLensTables:
    """Read a folder of MovieLens files, whichever layout it has.

    Parameters
    ----------
    folder : path
    n_threads : int
        Parsing threads.

    Raises
    ------
    DataError
        If the folder holds no ratings or films in a known layout, or a file cannot be read.
    """
    for place in places(folder):
        if (found := layout_of(place)) and (films := _films(place)):
            return MovieLensTables(read_ratings(*found, n_threads, with_times=True), films, _users(place))
    raise DataError(
        "u.data with u.item, ratings.dat with movies.dat or ratings.csv with movies.csv (or these with .gz)",
        got="none of them",
        action="Unpack the data set there, or name the folder that holds it",
        source=str(folder),
    )


def read_titles(folder: Path) -> dict[int, str]:
    """Return the titles of films by item; empty if the folder has none."""
    with _film_rows(folder) as rows:
        return {int(row[0]): row[1] for row in rows}


@contextmanager
def _film_rows(folder: Path) -> Generator[Iterable[Sequence[str]]]:
    if found := find(folder, "movies.csv"):
        with opened_text(found, "utf-8") as lines:
            rows = csv.reader(lines)
            next(rows, None)
            yield rows
        return
    for name, separator in (("u.item", "|"), ("movies.dat", "::")):
        if found := find(folder, name):
            with opened_text(found, "latin-1") as lines:
                yield (line.rstrip("\r\n").split(separator) for line in lines if line.strip())
            return
    yield ()


def _films(folder: Path) -> Table | None:
    items: list[int] = []
    titles: list[str] = []
    genres: list[str] = []
    years: list[float] = []
    with _film_rows(folder) as rows:
        for row in rows:
            year = YEAR.search(row[1])
            items.append(int(row[0]))
            titles.append(row[1])
            genres.append("|".join(genre for genre in _genres(row) if genre not in NO_GENRES))
            years.append(float(year[1]) if year else np.nan)
    if not items:
        return None
    return Table(
        {
            "item": np.array(items, np.int64),
            "title": StringColumn.from_strings(titles),
            "genres": StringColumn.from_strings(genres),
            "year": np.array(years),
        },
        len(items),
    )


def _genres(row: Sequence[str]) -> list[str]:
    flags = row[5:]
    if len(flags) == len(GENRES):
        return [genre for genre, flag in zip(GENRES, flags, strict=True) if flag == "1"]
    return row[2].split("|") if len(row) > 2 else []


def _users(folder: Path) -> Table | None:
    for name, (separator, columns) in USER_COLUMNS.items():
        if found := find(folder, name):
            with opened_text(found, "latin-1") as lines:
                rows = [line.rstrip("\r\n").split(separator) for line in lines if line.strip()]
            read: dict[str, Column] = {}
            for place, column in enumerate(columns):
                words = [row[place] for row in rows]
                is_number = column in ("user", "age")
                read[column] = (
                    np.array([int(word) for word in words], np.int64)
                    if is_number
                    else StringColumn.from_strings(words)
                )
            return Table(read, len(rows))
    return None
