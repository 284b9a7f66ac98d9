"""MovieLens-100K for two benchmarks: users and films with shared parts, ratings with their time."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from pairloom.rows import Relation, RelationalRows, RowBatch
from support.datasets import data_folder

N_USERS, N_ITEMS, N_GENRES = 943, 1682, 19
DAY_S = 86_400
USER_GAP_S = 10**10
"""More seconds than any two ratings lie apart: times of users side by side on one line."""


class Ratings(NamedTuple):
    """Users and films, counted from 0, stars, and times in seconds."""

    users: np.ndarray
    films: np.ndarray
    stars: np.ndarray
    times: np.ndarray

    def part(self, rows: np.ndarray) -> Ratings:
        """Return some of the ratings."""
        return Ratings(*(column[rows] for column in self))

    @property
    def moments(self) -> np.ndarray:
        """Times with every user far from the next."""
        return self.users * USER_GAP_S + self.times


class OwnField(NamedTuple):
    """A field that every rating has for itself: the column of each, and the number of columns."""

    columns: np.ndarray
    n_columns: int


def ratings(name: str) -> Ratings:
    """Read a part such as "u1.base"."""
    with gzip.open(data_folder() / "movielens-100k" / f"{name}.gz", "rt") as lines:
        table = np.array([[int(x) for x in line.split()] for line in lines])
    return Ratings(table[:, 0] - 1, table[:, 1] - 1, table[:, 2].astype(np.float64), table[:, 3])


def one_hot(values: list[str]) -> sparse.csr_array:
    """Return a column for every different value."""
    places = np.unique(values, return_inverse=True)[1]
    n = len(values)
    return sparse.csr_array((np.ones(n), (np.arange(n), places)), shape=(n, int(places.max()) + 1))


def attributes() -> tuple[list[sparse.csr_array], list[sparse.csr_array]]:
    """Return age, sex, occupation and region of users; year and genres of films."""
    folder = data_folder() / "movielens-100k"
    with (folder / "u.user").open(encoding="latin-1") as lines:
        users = list(csv.reader(lines, delimiter="|"))
    with (folder / "u.item").open(encoding="latin-1") as lines:
        films = list(csv.reader(lines, delimiter="|", quoting=csv.QUOTE_NONE))
    ages = [str(min(int(user[1]) // 10, 7)) for user in users]
    of_users = [one_hot(ages), *(one_hot([user[i] for user in users]) for i in (2, 3))]
    of_users.append(one_hot([user[4][:1] for user in users]))
    genres = sparse.csr_array(np.array([[float(x) for x in film[5 : 5 + N_GENRES]] for film in films]))
    return of_users, [one_hot([film[2][-4:] for film in films]), genres]


def normalised(matrix: sparse.csr_array) -> sparse.csr_array:
    """Divide rows of ones by the root of their length."""
    lengths = np.maximum(matrix.sum(axis=1), 1)
    return sparse.csr_array(sparse.diags_array(1 / np.sqrt(lengths)) @ matrix)


def parts(train: Ratings, *, with_attributes: bool, with_histories: bool) -> list[list[sparse.csr_array]]:
    """Return the matrices side by side of users and of films; histories are of the training ratings alone."""
    sides: list[list[sparse.csr_array]] = [
        [sparse.csr_array(sparse.eye_array(N_USERS))],
        [sparse.csr_array(sparse.eye_array(N_ITEMS))],
    ]
    if with_attributes:
        for side, more in zip(sides, attributes(), strict=True):
            side.extend(more)
    if with_histories:
        ones = np.ones(len(train.users))
        rated = sparse.csr_array((ones, (train.users, train.films)), shape=(N_USERS, N_ITEMS))
        sides[0].append(normalised(rated))
        sides[1].append(normalised(sparse.csr_array(rated.T)))
    return sides


def of_keys(keys: np.ndarray, known: np.ndarray) -> OwnField:
    """Return a column for every key that training ratings have; the last column is of all others."""
    known = np.unique(known)
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return OwnField(np.where(known[places] == keys, places, len(known)), len(known) + 1)


def days(train: Ratings, rated: Ratings) -> OwnField:
    """Return the day of each rating."""
    return of_keys(rated.times // DAY_S, train.times // DAY_S)


def user_days(train: Ratings, rated: Ratings) -> OwnField:
    """Return the user and day of each rating."""
    return of_keys(rated.moments // DAY_S, train.moments // DAY_S)


def sessions(train: Ratings, rated: Ratings, gap_s: int) -> OwnField:
    """Return the session of each rating: training ratings of its user with no longer gap than `gap_s` between them.

    The first column is of ratings that lie further than the gap from all of these.
    """
    line = np.sort(train.moments)
    number = np.cumsum(np.concatenate(([1], np.diff(line) > gap_s)))
    after = np.searchsorted(line, rated.moments)
    before, after = np.maximum(after - 1, 0), np.minimum(after, len(line) - 1)
    distances = np.abs(line[before] - rated.moments), np.abs(line[after] - rated.moments)
    nearest = np.where(distances[1] <= distances[0], after, before)
    return OwnField(np.where(np.minimum(*distances) <= gap_s, number[nearest], 0), int(number[-1]) + 1)


def paces(train: Ratings, rated: Ratings, *, within_s: int = 30, most: int = 20) -> OwnField:
    """Return how many other training ratings of the user lie within some seconds of each rating."""
    line = np.sort(train.moments)
    n = np.searchsorted(line, rated.moments + within_s, "right") - np.searchsorted(
        line, rated.moments - within_s
    )
    n -= rated is train  # itself
    return OwnField(np.minimum(n, most), most + 1)


def pauses(train: Ratings, rated: Ratings, *, forward: bool, longest_s: int = 1_000_000) -> OwnField:
    """Return the seconds between each rating and the user's training rating before it, or after; as their logarithm."""
    line = np.sort(train.moments)
    if forward:
        places = np.searchsorted(line, rated.moments, "right")
        seconds = line[np.minimum(places, len(line) - 1)] - rated.moments
        missing = places == len(line)
    else:
        places = np.searchsorted(line, rated.moments) - 1
        seconds = rated.moments - line[np.maximum(places, 0)]
        missing = places < 0
    seconds = np.where(missing | (seconds > longest_s), longest_s, seconds)
    columns = np.floor(1.5 * np.log2(1 + seconds)).astype(np.int64)
    return OwnField(columns, int(1.5 * np.log2(1 + longest_s)) + 1)


def relational(
    sides: list[list[sparse.csr_array]],
    keys: tuple[np.ndarray, np.ndarray],
    own: Sequence[OwnField] = (),
) -> RelationalRows:
    """Join users and films to rows, every matrix a field with a prior of its own, after the rows' own fields."""
    wholes = [sparse.csr_array(sparse.hstack(side)) for side in sides]
    offset, n = sum(field.n_columns for field in own), len(keys[0])
    width = offset + sum(whole.shape[1] for whole in wholes)
    starts = np.cumsum([0, *(field.n_columns for field in own)])[: len(own)]
    columns = np.array([field.columns + start for field, start in zip(own, starts, strict=True)], np.int32)
    main = RowBatch(np.arange(n + 1) * len(own), columns.T.ravel(), None, width)
    relations: list[Relation] = []
    for side, whole, key in zip(sides, wholes, keys, strict=True):
        whole.sort_indices()
        field_of = np.repeat(np.arange(len(side)), [matrix.shape[1] for matrix in side]).astype(np.int32)
        rows = RowBatch(
            whole.indptr.astype(np.int64),
            (whole.indices + offset).astype(np.int32),
            whole.data.astype(np.float32),
            width,
            fields=field_of[whole.indices],
        )
        relations.append(Relation(key.astype(np.int32), rows))
        offset += whole.shape[1]
    return RelationalRows(main, tuple(relations))
