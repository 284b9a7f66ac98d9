"""Files of a MovieLens folder, whichever layout it has."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable, Iterator, Mapping
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

__all__ = ["Layout", "find", "layout_of", "opened_text", "places", "read_ratings"]

NAMES = ("user", "item", "rating", "time")
HEADER = ("userId", "movieId", "rating", "timestamp")


@dataclass(frozen=True, slots=True)
class Layout:
    """How ratings are laid out.

    Parameters
    ----------
    name : str
    delimiter : str
    names : tuple of str, optional
        Of the columns of a file without a header.
    """

    name: str
    delimiter: str
    names: tuple[str, ...] | None = NAMES


TABBED = Layout("100K", "\t")
LAYOUTS = {
    "u.data": TABBED,
    "ratings.dat": Layout("1M or 10M", "::"),
    "ratings.csv": Layout("latest, 20M, 25M or 32M", ",", None),
}


def places(folder: str | Path) -> Iterator[Path]:
    """Yield the folder and those in it; DataError if there is none."""
    root = Path(folder)
    if not root.is_dir():
        raise DataError("a folder of MovieLens files", got="none by that name", source=str(folder))
    yield root
    yield from sorted(path for path in root.iterdir() if path.is_dir())


def layout_of(place: Path) -> tuple[Path, Layout] | None:
    """Return the file of all ratings in a folder, and its layout."""
    for name, layout in LAYOUTS.items():
        if found := find(place, name):
            return found, layout
    return None


def find(folder: Path, name: str) -> Path | None:
    """Return a file, packed or not."""
    candidates = (folder / name, folder / f"{name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def read_ratings(path: Path, layout: Layout, n_threads: int, *, with_times: bool = False) -> Table:
    """Read users, items, ratings and, where asked for, times (seconds since 1970)."""
    names = layout.names
    columns = (names or HEADER)[: 4 if with_times else 3]
    tables = read_tables(
        path,
        content_type="csv",
        n_threads=n_threads,
        columns=columns,
        kinds={columns[2]: "number"},
        delimiter=layout.delimiter,
        header=names is None,
        names=names,
    )
    parts = [_checked(table.columns, columns, path) for table in tables]
    found: dict[str, Column] = {
        known: np.concatenate([part[name] for part in parts])
        for known, name in zip(NAMES, columns, strict=False)
    }
    return Table(found, sum(len(part[columns[0]]) for part in parts))


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


@contextmanager
def opened_text(path: Path, encoding: str) -> Generator[Iterable[str]]:
    """Open a file, packed or not, as lines."""
    (one,) = list_inputs(path)
    with one.opened() as stream:
        yield io.TextIOWrapper(io.BufferedReader(cast(Any, stream)), encoding=encoding, newline="")
