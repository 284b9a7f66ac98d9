"""Channels as the library's matrices: in memory where they fit, otherwise as bins on the disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pairloom.algorithms.contract import RowSource
from pairloom.algorithms.xgboost.library import xgboost
from pairloom.algorithms.xgboost.rows import matrix_of, within
from pairloom.errors import UserError
from pairloom.formats.batching import concatenate
from pairloom.rows import RowBatch

__all__ = ["Channel", "MatrixSettings", "read_channel"]

CHUNK_BYTES = 64 << 20
TELL_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class MatrixSettings:
    """How matrices are made.

    Parameters
    ----------
    owner : str
        Who refuses.
    tree_method : str
        ``hist``, ``approx``, ``exact``; ``gblinear`` for linear functions.
    max_bin : int
    categories : list of int
        Columns that hold categories.
    bounds : bool
        Whether labels are lower and upper bounds too.
    n_threads : int
    memory_limit_bytes : int
    cache : Path
        Folder for what does not fit in memory.
    """

    owner: str
    tree_method: str
    max_bin: int
    categories: list[int]
    bounds: bool
    n_threads: int
    memory_limit_bytes: int
    cache: Path


@dataclass(slots=True)
class Channel:
    """One pass over a channel: its rows, if they fit in memory, and its size.

    Parameters
    ----------
    name : str
    source : callable
    held : list of RowBatch
        Empty when the rows do not fit.
    n_rows, n_features, size_bytes : int
    """

    name: str
    source: RowSource
    held: list[RowBatch] = field(default_factory=list[RowBatch])
    n_rows: int = 0
    n_features: int = 0
    size_bytes: int = 0

    def passes(self) -> Iterator[RowBatch]:
        """Open a pass over the rows, from memory if they are held."""
        return iter(self.held) if self.held else _chunks(self.source())

    def matrix(self, settings: MatrixSettings, n_features: int, reference: Any = None) -> Any:
        """Make the library's matrix.

        Parameters
        ----------
        settings : MatrixSettings
        n_features : int
            Width of the matrix; columns of the rows beyond it are left out.
        reference : DMatrix, optional
            That of the training rows, whose bins are to be used.
        """
        library = xgboost()
        in_memory = bool(self.held)
        if settings.tree_method in ("exact", "gblinear"):
            if not in_memory:
                raise UserError(
                    f"{settings.owner}: channel '{self.name}' must fit into 'pairloom_memory_limit_mb' "
                    f"({settings.memory_limit_bytes >> 20}) for '{settings.tree_method}'. Raise it, or use hist."
                )
            return self._single(settings, n_features)
        batches = _batches(self, settings, n_features)
        prefix = None if in_memory else str(settings.cache / f"{self.name}-cache")
        passes = _iterator(library, batches, prefix)
        categorical = bool(settings.categories)
        if settings.tree_method == "approx":
            if in_memory:
                return self._single(settings, n_features)
            return library.DMatrix(passes, nthread=settings.n_threads, enable_categorical=categorical)
        kind = library.QuantileDMatrix if in_memory else library.ExtMemQuantileDMatrix
        return kind(
            passes,
            nthread=settings.n_threads,
            max_bin=settings.max_bin,
            ref=reference,
            enable_categorical=categorical,
        )

    def _single(self, settings: MatrixSettings, n_features: int) -> Any:
        rows = concatenate(self.held)
        arguments = _arguments(rows, settings, n_features)
        bounds = {
            name: arguments.pop(name)
            for name in ("label_lower_bound", "label_upper_bound")
            if name in arguments
        }
        matrix = xgboost().DMatrix(
            **arguments, nthread=settings.n_threads, enable_categorical=bool(settings.categories)
        )
        if bounds:
            matrix.set_info(**bounds)
        return matrix


def read_channel(
    name: str, source: RowSource, memory_limit_bytes: int, tell: Callable[[int], bool]
) -> Channel:
    """Read a channel once.

    Parameters
    ----------
    name : str
    source : callable
    memory_limit_bytes : int
        Rows beyond this size are counted and not kept.
    tell : callable
        Called with the number of batches every few seconds; true ends the reading.
    """
    found = Channel(name, source)
    keep, told = True, time.monotonic()
    for n_batches, batch in enumerate(_chunks(source()), 1):
        found.n_rows += batch.n_rows
        found.n_features = max(found.n_features, _width(batch))
        found.size_bytes += _size(batch)
        keep = keep and found.size_bytes <= memory_limit_bytes
        if keep:
            found.held.append(batch)
        else:
            found.held.clear()
        if time.monotonic() - told > TELL_EVERY_S:
            told = time.monotonic()
            if tell(n_batches) and keep:
                break
    return found


def _chunks(batches: Iterator[RowBatch]) -> Iterator[RowBatch]:
    """Join batches to chunks worth a call of the library."""
    waiting, size = list[RowBatch](), 0
    for batch in batches:
        waiting.append(batch)
        size += _size(batch)
        if size >= CHUNK_BYTES:
            yield concatenate(waiting)
            waiting, size = [], 0
    if waiting:
        yield concatenate(waiting)


def _width(batch: RowBatch) -> int:
    widest = int(batch.indices.max()) + 1 if len(batch.indices) else 0
    return max(batch.n_features, widest)


def _size(batch: RowBatch) -> int:
    arrays = (batch.indptr, batch.indices, batch.values, batch.labels, batch.weights, batch.groups)
    return sum(array.nbytes for array in arrays if array is not None)


def _batches(
    channel: Channel, settings: MatrixSettings, n_features: int
) -> Callable[[], Iterator[dict[str, Any]]]:
    return lambda: (_arguments(rows, settings, n_features) for rows in channel.passes())


def _arguments(rows: RowBatch, settings: MatrixSettings, n_features: int) -> dict[str, Any]:
    if rows.n_features > n_features:
        rows = within(rows, n_features)
    found: dict[str, Any] = {"data": matrix_of(rows, n_features), "label": rows.labels}
    if rows.weights is not None:
        found["weight"] = rows.weights
    if rows.groups is not None:
        found["qid"] = rows.groups
    if settings.bounds:
        found["label_lower_bound"] = found["label_upper_bound"] = rows.labels
    if settings.categories:
        kinds = np.full(n_features, "q", object)
        kinds[[column for column in settings.categories if column < n_features]] = "c"
        found["feature_types"] = kinds.tolist()
    return found


def _iterator(library: Any, open_pass: Callable[[], Iterator[dict[str, Any]]], prefix: str | None) -> Any:
    """Hand passes to the library in its own protocol; one is opened when its first batch is asked for."""

    class Passes(library.DataIter):
        def __init__(self) -> None:
            self.current: Iterator[dict[str, Any]] | None = None
            super().__init__(cache_prefix=prefix, release_data=True)

        def next(self, input_data: Callable[..., Any]) -> bool:
            if self.current is None:
                self.current = open_pass()
            arguments = next(self.current, None)
            if arguments is None:
                return False
            input_data(**arguments)
            return True

        def reset(self) -> None:
            self.current = None

    return Passes()
