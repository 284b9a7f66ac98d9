"""Small rows in every form that a channel takes."""

import gzip
import io

import numpy as np

from pairloom.formats import write_rows
from pairloom.formats.recordio import write_recordio
from pairloom.rows import RowBatch

RECORDIO, CSV, LIBSVM = "application/x-recordio-protobuf", "text/csv", "text/libsvm"
ACCEPTED = (RECORDIO, LIBSVM, CSV, "application/jsonlines")


def rows(n_rows=50, seed=0, n_features=7):
    random = np.random.default_rng(seed)
    indptr = np.arange(0, 2 * n_rows + 1, 2, dtype=np.int64)
    indices = np.stack([random.integers(0, 3, n_rows), random.integers(3, n_features, n_rows)], axis=1)
    values = random.integers(1, 9, 2 * n_rows).astype(np.float32)
    labels = random.integers(0, 5, n_rows).astype(np.float32)
    return RowBatch(indptr, indices.ravel().astype(np.int32), values, n_features, labels)


def as_bytes(batch, content_type=RECORDIO):
    buffer = io.BytesIO()
    write_rows([batch], buffer, content_type=content_type)
    return buffer.getvalue()


def wrapped(*objects):
    buffer = io.BytesIO()
    for content in objects:
        write_recordio(buffer, content)
    return buffer.getvalue()


def zipped(content):
    return gzip.compress(content, mtime=0)


def dense(batches):
    """Labels and features of every row, one after the other."""
    found = []
    for batch in batches:
        for row in range(batch.n_rows):
            line = np.zeros(batch.n_features, np.float32)
            part = slice(batch.indptr[row], batch.indptr[row + 1])
            line[batch.indices[part]] = 1 if batch.values is None else batch.values[part]
            found.append([None if batch.labels is None else float(batch.labels[row]), *line.tolist()])
    return found
