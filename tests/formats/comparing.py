"""What it means that two batches are equal."""

import dataclasses

import numpy as np

from pairloom.formats.batching import concatenate
from pairloom.rows import RowBatch


def with_values(batch: RowBatch) -> RowBatch:
    """The same batch with its values spelled out."""
    if batch.values is not None:
        return batch
    return dataclasses.replace(batch, values=np.ones(len(batch.indices), np.float32))


def assert_equal_rows(got: RowBatch, expected: RowBatch) -> None:
    for field in dataclasses.fields(RowBatch):
        a, b = getattr(with_values(got), field.name), getattr(with_values(expected), field.name)
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            assert a.dtype == b.dtype, field.name
            np.testing.assert_array_equal(a, b, err_msg=field.name)
        else:
            assert a == b, field.name


def joined(batches) -> RowBatch:
    """All batches as one."""
    return concatenate(list(batches))
