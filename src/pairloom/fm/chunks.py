"""Training data in memory, in chunks that are laid out for the kernels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.fm.tiles import PairGroups, tile_order
from pairloom.kernels import _native
from pairloom.kernels.native_rows import find_repeated, gather_fields, native_rows, sum_repeated
from pairloom.rows import RowBatch

__all__ = ["Chunk", "LabelScale", "chunk_rows", "chunks_of"]

LARGEST_CHUNK_ROWS = 1 << 20
SMALLEST_CHUNK_ROWS = 1 << 14
CHUNK_NONZEROS = 1 << 23
PACKED_FROM_ROWS = 1 << 19


@dataclass(frozen=True, slots=True)
class LabelScale:
    """Labels as trained on are ``(label - mean) / scale``."""

    mean: float = 0.0
    scale: float = 1.0

    def apply(self, labels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Centre and scale labels."""
        if self == LabelScale():
            return labels
        return ((labels - np.float32(self.mean)) / np.float32(self.scale)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class PackedPairs:
    """Rows of two ones in little memory: narrow offsets into each column, labels by number.

    Parameters
    ----------
    columns : two ndarrays of shape (n_rows,), uint8, uint16 or int32
    first_index : the smallest index of each column
    labels : ndarray of shape (n_rows,), uint8 or float32
        Positions in `label_values`; or the labels themselves, when they take more than 256 values.
    label_values : ndarray of float32, or None
    """

    columns: tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]
    first_index: tuple[int, int]
    labels: npt.NDArray[np.uint8 | np.float32]
    label_values: npt.NDArray[np.float32] | None
    weights: npt.NDArray[np.float32] | None
    n_features: int

    @classmethod
    def pack(cls, rows: RowBatch) -> PackedPairs:
        """Pack rows of two ones."""
        pairs = rows.indices.reshape(-1, 2)
        columns: list[npt.NDArray[np.integer]] = []
        first_index: list[int] = []
        for column in (pairs[:, 0], pairs[:, 1]):
            low, high = int(column.min()), int(column.max())
            width = next(t for t in (np.uint8, np.uint16, np.int32) if high - low <= np.iinfo(t).max)
            columns.append((column - low).astype(width))
            first_index.append(low)
        labels = rows.labels if rows.labels is not None else np.zeros(rows.n_rows, np.float32)
        values = np.unique(labels[: 1 << 16])
        numbers = np.searchsorted(values, labels).clip(0, len(values) - 1)
        few = len(values) <= 256 and bool((values[numbers] == labels).all())
        return cls(
            (columns[0], columns[1]),
            (first_index[0], first_index[1]),
            numbers.astype(np.uint8) if few else labels,
            values if few else None,
            rows.weights,
            rows.n_features,
        )

    def unpack(self) -> RowBatch:
        """Return the rows as a batch."""
        n_rows = len(self.columns[0])
        indices = np.empty((n_rows, 2), np.int32)
        for j in range(2):
            np.add(self.columns[j], self.first_index[j], out=indices[:, j], casting="unsafe", dtype=np.int32)
        labels = (
            self.labels.astype(np.float32)
            if self.label_values is None
            else self.label_values.take(self.labels.astype(np.intp))
        )
        indptr = np.arange(0, 2 * n_rows + 1, 2, dtype=np.int64)
        return RowBatch(indptr, indices.ravel(), None, self.n_features, labels, self.weights)

    @property
    def size_bytes(self) -> int:
        """Memory that the arrays take."""
        arrays = [*self.columns, self.labels, self.weights]
        return sum(array.nbytes for array in arrays if array is not None)


@dataclass(slots=True)
class Chunk:
    """Rows in the order in which they train.

    Parameters
    ----------
    data : RowBatch or PackedPairs
    row_length : int, optional
        Non-zeros of every row, when all rows hold as many; the offsets are then not kept.
    n_rows, n_features : int
    tile_starts : ndarray of shape (n_groups * n_groups + 1,), int64, optional
        Where the tiles of rows of two ones begin.
    """

    data: RowBatch | PackedPairs
    row_length: int | None
    n_rows: int
    n_features: int
    tile_starts: npt.NDArray[np.int64] | None = None
    cached: _native.Rows | None = None

    @property
    def is_pairs(self) -> bool:
        """Whether every row is two ones."""
        return self.row_length == 2 and self.values is None

    def renumber(self, number: npt.NDArray[np.int32]) -> None:
        """Give features new numbers; those beyond the end of `number` keep theirs."""
        rows = self.data.unpack() if isinstance(self.data, PackedPairs) else self.data
        if rows.n_features <= len(number):
            _native.relabel(rows.indices, number)
        else:
            inside = rows.indices < len(number)
            rows.indices[inside] = number[rows.indices[inside]]
        if isinstance(self.data, PackedPairs):
            self.data = PackedPairs.pack(rows)

    def scale_features(self, scale: npt.NDArray[np.float32] | None) -> None:
        """Divide values by their feature's scale; features beyond the end of `scale` keep theirs."""
        if scale is None:
            return
        data = self.data.unpack() if isinstance(self.data, PackedPairs) else self.data
        inside = np.minimum(data.indices, len(scale) - 1)
        divisors = np.where(data.indices < len(scale), scale[inside], np.float32(1))
        if data.values is not None:
            data.values[:] /= divisors
        elif (divisors != 1).any():
            self.data = replace(data, values=(1 / divisors).astype(np.float32))

    def tile(self, groups: PairGroups, rng: np.random.Generator, *, shuffle: bool) -> None:
        """Order rows of two ones by tile."""
        rows = self.data.unpack() if isinstance(self.data, PackedPairs) else self.data
        order, self.tile_starts = tile_order(rows.indices.reshape(-1, 2), groups, rng, shuffle=shuffle)
        rows = _gather(rows, order, self.row_length)
        self.data = PackedPairs.pack(rows) if isinstance(self.data, PackedPairs) else rows

    @property
    def n_nonzeros(self) -> int:
        """Number of non-zeros."""
        return 2 * self.n_rows if isinstance(self.data, PackedPairs) else len(self.data.indices)

    @property
    def indices(self) -> npt.NDArray[np.int32]:
        """Columns of the non-zeros; of packed rows, a copy."""
        return (self.data.unpack() if isinstance(self.data, PackedPairs) else self.data).indices

    @property
    def values(self) -> npt.NDArray[np.float32] | None:
        """Values of the non-zeros; None when all are one."""
        return None if isinstance(self.data, PackedPairs) else self.data.values

    @property
    def fields(self) -> npt.NDArray[np.int32] | None:
        """Fields of the non-zeros, for machines that ask for them."""
        return None if isinstance(self.data, PackedPairs) else self.data.fields

    @property
    def label_range(self) -> tuple[float, float]:
        """Smallest and largest label."""
        labels = (self.data.unpack() if isinstance(self.data, PackedPairs) else self.data).labels
        return (float(labels.min()), float(labels.max())) if labels is not None else (np.inf, -np.inf)

    @property
    def size_bytes(self) -> int:
        """Memory that the arrays take."""
        if isinstance(self.data, PackedPairs):
            return self.data.size_bytes
        offsets = None if self.row_length is not None else self.data.indptr
        data = self.data
        arrays = (offsets, data.indices, data.values, data.labels, data.weights, data.fields)
        return sum(array.nbytes for array in arrays if array is not None)

    def native(self, label_scale: LabelScale) -> _native.Rows:
        """Return the rows for a kernel, labels centred and scaled; rows that are not packed are kept so."""
        if self.cached is not None:
            return self.cached
        rows = self.data.unpack() if isinstance(self.data, PackedPairs) else self.data
        if rows.labels is None:
            raise DataError("a label in every row", action="Give labels to the training data")
        labels = label_scale.apply(rows.labels)
        scaled = RowBatch(rows.indptr, rows.indices, rows.values, rows.n_features, labels, rows.weights)
        native = native_rows(scaled, row_length=self.row_length)
        if not isinstance(self.data, PackedPairs):
            self.cached = native
        return native


def chunk_rows(n_rows: int, n_nonzeros: int) -> int:
    """Return how many rows make a chunk, for rows as long as these."""
    row_length = max(1.0, n_nonzeros / max(1, n_rows))
    return int(np.clip(CHUNK_NONZEROS / row_length, SMALLEST_CHUNK_ROWS, LARGEST_CHUNK_ROWS))


def _fixed_length(rows: RowBatch) -> int | None:
    lengths = np.diff(rows.indptr)
    return int(lengths[0]) if len(lengths) and lengths[0] > 0 and (lengths == lengths[0]).all() else None


def _gather(rows: RowBatch, order: npt.NDArray[np.int64], row_length: int | None) -> RowBatch:
    n_nonzeros = len(order) * row_length if row_length is not None else int(np.diff(rows.indptr)[order].sum())
    indices = np.empty(n_nonzeros, np.int32)
    values = None if rows.values is None else np.empty(n_nonzeros, np.float32)
    indptr = np.empty(1 if row_length is not None else len(order) + 1, np.int64)
    native = native_rows(rows, row_length=row_length)
    _native.gather_rows(native, order, indptr, indices, values)
    return RowBatch(
        np.broadcast_to(np.int64(0), len(order) + 1) if row_length is not None else indptr,
        indices,
        values,
        rows.n_features,
        None if rows.labels is None else rows.labels[order],
        None if rows.weights is None else rows.weights[order],
        None if rows.fields is None else gather_fields(native, rows.fields, order, n_nonzeros),
    )


def make_chunks(batches: list[RowBatch], rng: np.random.Generator, *, shuffle: bool) -> Iterator[Chunk]:
    """Lay out batches as chunks: checked, shuffled, and many pairs packed.

    Rows that hold an index more than once get a chunk of their own: summed, they have values, and the other rows
    of ones should not lose their short cut for a collision of hashes.
    """
    rows = _concatenate(batches) if len(batches) > 1 else batches[0]
    repeated = find_repeated(rows, n_features=rows.n_features)
    if repeated is not None and not repeated.all():
        order = np.flatnonzero(repeated)
        yield _lay_out(sum_repeated(_gather(rows, order, None), by_field=True), rng, shuffle=shuffle)
        rows = _gather(rows, np.flatnonzero(~repeated), None)
    elif repeated is not None:
        rows = sum_repeated(rows, by_field=True)
    yield _lay_out(rows, rng, shuffle=shuffle)


def _lay_out(rows: RowBatch, rng: np.random.Generator, *, shuffle: bool) -> Chunk:
    if rows.values is not None and (rows.values == 1.0).all():
        rows = replace(rows, values=None)
    row_length = _fixed_length(rows)
    order = rng.permutation(rows.n_rows) if shuffle else np.arange(rows.n_rows)
    rows = _gather(rows, order, row_length)
    packed = (
        row_length == 2 and rows.values is None and rows.fields is None and rows.n_rows >= PACKED_FROM_ROWS
    )
    return Chunk(PackedPairs.pack(rows) if packed else rows, row_length, rows.n_rows, rows.n_features)


def _concatenate(batches: list[RowBatch]) -> RowBatch:
    starts = np.cumsum([0] + [len(batch.indices) for batch in batches])
    indptr = np.concatenate(
        [batch.indptr[:-1] + start for batch, start in zip(batches, starts, strict=False)] + [starts[-1:]]
    )
    with_values = any(batch.values is not None for batch in batches)
    with_weights = any(batch.weights is not None for batch in batches)
    ones = [
        np.ones(len(batch.indices), np.float32) if batch.values is None else batch.values for batch in batches
    ]
    weights = [
        np.ones(batch.n_rows, np.float32) if batch.weights is None else batch.weights for batch in batches
    ]
    labels = [batch.labels for batch in batches if batch.labels is not None]
    fields = [batch.fields for batch in batches if batch.fields is not None]
    for given, what in ((labels, "label in every row"), (fields, "field for every value")):
        if given and len(given) != len(batches):
            raise DataError(f"a {what}, or in none", action="Give them to all batches")
    return RowBatch(
        indptr.astype(np.int64),
        np.concatenate([batch.indices for batch in batches]),
        np.concatenate(ones) if with_values else None,
        max(batch.n_features for batch in batches),
        np.concatenate(labels) if labels else None,
        np.concatenate(weights) if with_weights else None,
        np.concatenate(fields) if fields else None,
    )


def chunks_of(batches: Iterable[RowBatch], rng: np.random.Generator, *, shuffle: bool) -> Iterator[Chunk]:
    """Gather batches of any size into chunks."""
    waiting: list[RowBatch] = []
    n_waiting = 0
    for batch in batches:
        limit = chunk_rows(batch.n_rows, len(batch.indices))
        start = 0
        while start < batch.n_rows:
            stop = min(batch.n_rows, start + limit - n_waiting)
            if stop > start:
                waiting.append(batch if (start, stop) == (0, batch.n_rows) else batch.part(start, stop))
                n_waiting += stop - start
                start = stop
            if n_waiting >= limit:
                yield from make_chunks(waiting, rng, shuffle=shuffle)
                waiting, n_waiting = [], 0
    if waiting:
        yield from make_chunks(waiting, rng, shuffle=shuffle)
