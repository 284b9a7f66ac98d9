"""libffm text: ``label field:index:value field:index:value ...``, one row a line, for field-aware models.

References
----------
Juan, Zhuang, Chin and Lin, "Field-aware factorization machines for CTR prediction", RecSys 2016.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Literal

from pairloom.formats.index_value_text import read, write
from pairloom.formats.pieces import CHUNK_BYTES, MAX_LINE_BYTES
from pairloom.rows import RowBatch

__all__ = ["read_rows", "write_rows"]


def read_rows(
    stream: BinaryIO,
    *,
    source: str,
    n_threads: int = 1,
    n_features: int | None = None,
    zero_based: bool | Literal["auto"] = True,
    has_labels: bool = True,
    has_weights: bool = False,
    chunk_bytes: int = CHUNK_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[RowBatch]:
    """Read libffm text; fields are always kept as the file has them, `zero_based` speaks of the indices.

    Parameters and errors as for `pairloom.formats.libsvm.read_rows`.
    """
    return read(
        stream,
        source=source,
        n_threads=n_threads,
        n_features=n_features,
        zero_based=zero_based,
        has_labels=has_labels,
        has_weights=has_weights,
        has_fields=True,
        chunk_bytes=chunk_bytes,
        max_line_bytes=max_line_bytes,
    )


def write_rows(
    batches: Iterable[RowBatch],
    stream: BinaryIO,
    *,
    source: str,
    zero_based: bool = True,
    has_labels: bool = True,
    has_weights: bool = False,
) -> None:
    """Write libffm text of rows that have fields.

    Parameters and errors as for `pairloom.formats.libsvm.write_rows`.
    """
    write(
        batches,
        stream,
        source=source,
        zero_based=zero_based,
        has_labels=has_labels,
        has_weights=has_weights,
        has_fields=True,
    )
