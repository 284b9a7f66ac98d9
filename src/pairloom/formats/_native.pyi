"""Native parsers of pairloom.formats."""

from typing import Annotated, Any

import numpy
from numpy.typing import NDArray


class ParseError(Exception):
    pass

def parse_libsvm(text: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], *, has_labels: bool, has_weights: bool, has_fields: bool, first_index: int, n_features: int) -> tuple[Any, ...]: ...

def format_libsvm(indptr: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], indices: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], values: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, labels: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, weights: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, fields: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, *, first_index: int) -> Annotated[NDArray[numpy.uint8], dict(shape=(None,))]: ...

def last_line_end(text: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> int: ...

class RecordLayout:
    """What the records of one input have in common so far."""

    def __init__(self, n_features: int) -> None: ...

    def copy(self) -> RecordLayout: ...

def whole_records(data: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> tuple[int, bool]: ...

def parse_records(data: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], layout: RecordLayout) -> tuple[Any, ...]: ...

def write_dense_records(values: NDArray[Any], labels: NDArray[Any] | None) -> NDArray[numpy.uint8]: ...

def write_sparse_records(indptr: NDArray[numpy.int64], indices: NDArray[numpy.int32], values: NDArray[Any] | None, n_features: int, labels: NDArray[Any] | None) -> NDArray[numpy.uint8]: ...
