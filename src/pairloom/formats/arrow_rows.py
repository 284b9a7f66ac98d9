"""Arrow record batches as sparse rows and back, in two layouts.

Sparse: columns ``indices`` (list of int32) and ``values`` (list of float32), and where there are any ``fields``
(list of int32), ``label`` and ``weight`` (float32); ``pairloom.n_features`` in the schema's metadata is the
width. Dense: every column but label and weight is a feature.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.formats.arrow_columns import pyarrow
from pairloom.formats.dense import dense_blocks
from pairloom.formats.float32 import as_float32
from pairloom.formats.matrices import present_rows_of_dense, rows_of_csr, rows_of_dense
from pairloom.formats.written_rows import check_indices, with_width
from pairloom.rows import RowBatch

__all__ = ["RowReader", "record_batches"]

_WIDTH_KEY = b"pairloom.n_features"
_BLOCK_ROWS = 1 << 16


class RowReader:
    """Turns the record batches of one input into rows.

    Parameters
    ----------
    schema : pyarrow.Schema
    source : str
        What errors call the input.
    n_features : int, optional
        Width that the rows must have.
    label_column, weight_column : str, optional
        Columns that must be there. By default the label is a column ``label`` if there is one, and the weight a
        column ``weight`` beside sparse rows.
    absent_is_missing : bool
        Whether dense rows keep their zeros, and leave out nulls and NaN instead.
    """

    def __init__(
        self,
        schema: Any,
        *,
        source: str,
        n_features: int | None,
        label_column: str | None,
        weight_column: str | None,
        absent_is_missing: bool = False,
    ) -> None:
        names = list(schema.names)
        if len(set(names)) != len(names):
            raise DataError("columns with different names", got=str(names), source=source)
        for wanted in (label_column, weight_column):
            if wanted is not None and wanted not in names:
                raise DataError(f"a column out of {names}", got=repr(wanted), source=source)
        self._source, self._n_rows, self._n_features_seen = source, 0, 0
        self._absent_is_missing = absent_is_missing
        self._is_sparse = {"indices", "values"} <= set(names)
        self._label = label_column or ("label" if "label" in names else None)
        self._weight = weight_column or ("weight" if self._is_sparse and "weight" in names else None)
        self._has_fields = self._is_sparse and "fields" in names
        self._features = [name for name in names if name not in (self._label, self._weight)]
        self._n_features = self._width(schema.metadata or {}, n_features)

    @property
    def columns(self) -> list[str]:
        """The columns that rows are made of."""
        sparse = ["indices", "values"] + (["fields"] if self._has_fields else [])
        features = sparse if self._is_sparse else self._features
        return features + [name for name in (self._label, self._weight) if name is not None]

    def read(self, batch: Any) -> RowBatch:
        """Take all rows of a record batch.

        Raises
        ------
        DataError
            With row and column, for a missing value, other things than numbers, a number that is not finite, an
            index out of range, or lists of different lengths.
        """
        rows = self._sparse(batch) if self._is_sparse else self._dense(batch)
        labels = None if self._label is None else self._numbers(batch, self._label)
        weights = None if self._weight is None else self._numbers(batch, self._weight)
        fields = self._fields(batch, rows.indptr) if self._has_fields else None
        self._n_rows += rows.n_rows
        return RowBatch(rows.indptr, rows.indices, rows.values, rows.n_features, labels, weights, fields)

    def _width(self, metadata: dict[bytes, bytes], n_features: int | None) -> int | None:
        stated = metadata.get(_WIDTH_KEY) if self._is_sparse else b"%d" % len(self._features)
        if stated is None:
            return n_features
        if not stated.isdigit() or len(stated) > 18:
            raise DataError("a width", got=repr(stated), source=self._source, field=_WIDTH_KEY.decode())
        if n_features is not None and int(stated) != n_features:
            raise DataError(f"{n_features} columns", got=stated.decode(), source=self._source)
        return int(stated)

    def _sparse(self, batch: Any) -> RowBatch:
        indptr, indices = self._lists(batch, "indices")
        ends, values = self._lists(batch, "values")
        self._check_lengths(indptr, ends, "values")
        if self._n_features is None and len(indices) > 0 and indices.dtype.kind in "iu":
            self._n_features_seen = max(self._n_features_seen, int(indices.max()) + 1)
        width = self._n_features_seen if self._n_features is None else self._n_features
        return rows_of_csr(indptr, indices, values, width, name=self._source, first_row=self._n_rows)

    def _dense(self, batch: Any) -> RowBatch:
        cells = np.empty((len(batch), len(self._features)), np.float32)
        for i, name in enumerate(self._features):
            cells[:, i] = self._numbers(batch, name, may_miss=self._absent_is_missing)
        if self._absent_is_missing:
            return present_rows_of_dense(cells)
        return rows_of_dense(cells, name=self._source)

    def _fields(self, batch: Any, indptr: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        ends, fields = self._lists(batch, "fields")
        self._check_lengths(indptr, ends, "fields")
        if fields.dtype.kind not in "iu" or (
            len(fields) > 0 and not 0 <= fields.min() <= fields.max() < 2**31
        ):
            raise DataError(
                "fields in [0, 2147483647]", got=str(fields.dtype), source=self._source, field="fields"
            )
        return np.ascontiguousarray(fields, np.int32)

    def _numbers(self, batch: Any, name: str, *, may_miss: bool = False) -> npt.NDArray[np.float32]:
        array = batch.column(name) if may_miss else self._present(batch.column(name), name)
        pa = pyarrow("Reading Arrow tables")
        types = pa.types
        if types.is_decimal(array.type):
            array = array.cast(pa.float64())
        if not (
            types.is_integer(array.type) or types.is_floating(array.type) or types.is_boolean(array.type)
        ):
            action = "Leave it out, or read tables and encode them"
            raise DataError(
                "a column of numbers", got=str(array.type), action=action, source=self._source, field=name
            )
        first_row = self._n_rows
        if may_miss and types.is_boolean(array.type):
            array = array.cast(pa.int8())
        numbers = array.to_numpy(zero_copy_only=False)
        if may_miss and numbers.dtype.kind == "f" and (missing := np.isnan(numbers)).any():
            whole = as_float32(np.where(missing, 0, numbers), lambda at: (first_row + at, name), self._source)
            return np.where(missing, np.float32(np.nan), whole)
        return as_float32(numbers, lambda at: (first_row + at, name), self._source)

    def _lists(self, batch: Any, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
        array = self._present(batch.column(name), name)
        types = pyarrow("Reading Arrow tables").types
        if not (types.is_list(array.type) or types.is_large_list(array.type)):
            raise DataError("a column of lists", got=str(array.type), source=self._source, field=name)
        offsets = array.offsets.to_numpy().astype(np.int64)
        numbers = array.flatten()
        if numbers.null_count > 0 or types.is_null(numbers.type):
            at = int(np.argmin(numbers.is_valid().to_numpy(zero_copy_only=False))) if len(numbers) > 0 else 0
            row = self._n_rows + int(np.searchsorted(offsets - offsets[0], at, side="right"))
            raise DataError("a number", got="a missing value", source=self._source, row=row, field=name)
        if not (types.is_integer(numbers.type) or types.is_floating(numbers.type)):
            raise DataError("lists of numbers", got=str(array.type), source=self._source, field=name)
        return offsets - offsets[0], numbers.to_numpy(zero_copy_only=False)

    def _present(self, array: Any, name: str) -> Any:
        if array.null_count > 0:
            row = self._n_rows + int(np.argmin(array.is_valid().to_numpy(zero_copy_only=False))) + 1
            raise DataError("a value", got="a missing one", source=self._source, row=row, field=name)
        return array

    def _check_lengths(self, indptr: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], name: str) -> None:
        if not np.array_equal(indptr, ends):
            row = int(np.argmax(indptr != ends))
            expected = f"as many {name} as indices ({indptr[row] - indptr[row - 1]})"
            got = str(ends[row] - ends[row - 1])
            raise DataError(expected, got=got, source=self._source, row=self._n_rows + row, field=name)


def record_batches(
    batches: Iterable[RowBatch], *, source: str, layout: str, n_features: int | None
) -> Iterator[Any]:
    """Yield record batches of one schema, in the layout ``"sparse"`` or ``"dense"``.

    Raises
    ------
    DataError
        For another layout, an index beyond the width, or labels, weights or fields that only some batches have.
    """
    pa = pyarrow("Writing Arrow tables")
    if layout not in ("sparse", "dense"):
        raise DataError("'sparse' or 'dense'", got=repr(layout), field="layout")
    schema = None
    for batch, width, n_rows in with_width(batches, n_features):
        check_indices(batch, width, source, n_rows)
        for made in (
            _sparse_batches(pa, batch, width) if layout == "sparse" else _dense_batches(pa, batch, width)
        ):
            schema = made.schema if schema is None else schema
            if made.schema != schema:
                raise DataError(
                    f"columns {schema.names}, as before",
                    got=str(made.schema.names),
                    source=source,
                    row=n_rows + 1,
                )
            yield made


def _sparse_batches(pa: Any, batch: RowBatch, width: int) -> Iterator[Any]:
    values = np.ones(len(batch.indices), np.float32) if batch.values is None else batch.values
    metadata = {_WIDTH_KEY: str(width).encode()}
    for start in range(0, batch.n_rows, _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, batch.n_rows)
        first, last = int(batch.indptr[start]), int(batch.indptr[stop])
        offsets = pa.array((batch.indptr[start : stop + 1] - first).astype(np.int32))
        columns = {
            "indices": pa.ListArray.from_arrays(offsets, pa.array(batch.indices[first:last])),
            "values": pa.ListArray.from_arrays(offsets, pa.array(values[first:last])),
        }
        if batch.fields is not None:
            columns["fields"] = pa.ListArray.from_arrays(offsets, pa.array(batch.fields[first:last]))
        columns |= _beside(pa, batch, start, stop)
        yield pa.record_batch(columns).replace_schema_metadata(metadata)


def _dense_batches(pa: Any, batch: RowBatch, width: int) -> Iterator[Any]:
    for start, block in dense_blocks(batch, width):
        columns = {f"f{i}": pa.array(np.ascontiguousarray(block[:, i])) for i in range(width)}
        yield pa.record_batch(columns | _beside(pa, batch, start, start + len(block)))


def _beside(pa: Any, batch: RowBatch, start: int, stop: int) -> dict[str, Any]:
    beside = {"label": batch.labels, "weight": batch.weights}
    return {name: pa.array(numbers[start:stop]) for name, numbers in beside.items() if numbers is not None}
