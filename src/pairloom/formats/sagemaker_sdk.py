"""The SageMaker SDK's functions for RecordIO-protobuf, under its names, which its third version dropped."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.formats import _native
from pairloom.formats.record_messages import Record
from pairloom.formats.recordio import read_recordio

__all__ = ["read_records", "write_numpy_to_dense_tensor", "write_spmatrix_to_sparse_tensor"]

_BLOCK_ROWS = 1 << 14
_SPARSE_BLOCK_ROWS = 1 << 16
_INT32 = np.iinfo(np.int32)


def read_records(file: BinaryIO) -> list[Record]:
    """Read all records of an open binary file; `pairloom.formats.read_rows` is the fast way to their rows.

    Returns
    -------
    list of Record
        With the attributes of SageMaker's protobuf class:
        ``records[0].features["values"].float32_tensor.values``.

    Raises
    ------
    DataError
        With record and byte offset, for damaged bytes.
    """
    return [Record.from_bytes(payload) for payload in read_recordio(file)]


def write_numpy_to_dense_tensor(
    file: BinaryIO, array: npt.NDArray[Any], labels: npt.NDArray[Any] | None = None
) -> None:
    """Write the rows of a matrix as dense tensors.

    Parameters
    ----------
    file : open binary file
    array : ndarray of shape (n_rows, n_features), float32, float64 or int64
        int64 is written as int32.
    labels : ndarray of shape (n_rows,), float32, float64 or int64, optional

    Raises
    ------
    DataError
        For another dtype or shape, or an integer beyond 32 bits.
    """
    _check_matrix(array, labels)
    array = _as_written(array, "array")
    labels = None if labels is None else _as_written(labels, "labels")
    for start in range(0, len(array), _BLOCK_ROWS):
        block = np.ascontiguousarray(array[start : start + _BLOCK_ROWS])
        some_labels = None if labels is None else labels[start : start + _BLOCK_ROWS]
        file.write(_native.write_dense_records(block, some_labels).data)


def write_spmatrix_to_sparse_tensor(
    file: BinaryIO, array: Any, labels: npt.NDArray[Any] | None = None
) -> None:
    """Write the rows of a scipy sparse matrix as sparse tensors.

    Parameters
    ----------
    file : open binary file
    array : sparse matrix or array of shape (n_rows, n_features), float32, float64 or int64
        int64 is written as int32. The non-zeros of a row are written in the order in which they are stored.
    labels : ndarray of shape (n_rows,), float32, float64 or int64, optional

    Raises
    ------
    DataError
        For what is no sparse matrix, another dtype or shape, or an integer beyond 32 bits.
    """
    if not hasattr(array, "tocsr"):
        raise DataError("a scipy sparse matrix", got=type(array).__name__, field="array")
    _check_matrix(array, labels)
    matrix = array.tocsr()
    values = _as_written(matrix.data, "array")
    labels = None if labels is None else _as_written(labels, "labels")
    indptr = np.asarray(matrix.indptr, np.int64)
    n_features = int(matrix.shape[1])
    for start in range(0, len(indptr) - 1, _SPARSE_BLOCK_ROWS):
        ends = indptr[start : start + _SPARSE_BLOCK_ROWS + 1]
        some_labels = None if labels is None else labels[start : start + _SPARSE_BLOCK_ROWS]
        data = _native.write_sparse_records(
            ends - ends[0],
            _as_int32(matrix.indices[ends[0] : ends[-1]], "array"),
            np.ascontiguousarray(values[ends[0] : ends[-1]]),
            n_features,
            some_labels,
        )
        file.write(data.data)


def _check_matrix(array: Any, labels: npt.NDArray[Any] | None) -> None:
    shape = getattr(array, "shape", None)
    if shape is None or len(shape) != 2:
        raise DataError("a matrix of 2 dimensions", got=f"shape {shape}", field="array")
    if labels is not None and np.shape(labels) != (shape[0],):
        raise DataError(f"labels of shape ({shape[0]},)", got=f"shape {np.shape(labels)}", field="labels")


def _as_written(numbers: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    match numbers.dtype.str[1:]:
        case "f4" | "f8":
            return np.ascontiguousarray(numbers, numbers.dtype.newbyteorder("="))
        case "i8":
            return _as_int32(numbers, name)
        case _:
            pass
    raise DataError(
        "numbers of dtype float32, float64 or int64",
        got=str(numbers.dtype),
        action="Convert with astype('float32')",
        field=name,
    )


def _as_int32(numbers: npt.NDArray[Any], name: str) -> npt.NDArray[np.int32]:
    if len(numbers) > 0 and not _INT32.min <= numbers.min() <= numbers.max() <= _INT32.max:
        widest = max(int(numbers.max()), int(numbers.min()), key=abs)
        raise DataError("integers that fit 32 bits", got=str(widest), field=name)
    return np.ascontiguousarray(numbers, np.int32)
