"""libsvm text: ``label index:value index:value ...``, one row a line.

Labels stand first; a value may be any finite number. ``# comments`` are passed over, and ``qid:n`` unless it is
asked for, blank lines skipped. libFM's and xLearn's files are the same.

References
----------
Chang and Lin, "LIBSVM: a library for support vector machines", ACM TIST 2011.
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
    has_groups: bool | Literal["auto"] = False,
    chunk_bytes: int = CHUNK_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[RowBatch]:
    """Read libsvm text.

    Parameters
    ----------
    stream, source, n_threads, n_features
        See `pairloom.formats.protocols.ReadRows`.
    zero_based : bool or "auto"
        True keeps every index as the file has it: right for files that count from 0, and for those that
        count from 1 it leaves column 0 empty, the same in training and in prediction. False takes one off,
        and an index 0 is an error. "auto" takes one off unless index 0 occurs in the first `chunk_bytes`; an
        index 0 after that is an error. Not for files that belong together: each decides for itself.
    has_labels : bool
        Whether rows begin with a label.
    has_weights : bool
        Whether labels are written ``label:weight``.
    has_groups : bool or "auto"
        Whether every row has a ``qid:n`` behind its label, the group that it is ranked in; "auto" looks at the
        first row.
    chunk_bytes : int
        Text parsed at once, by one thread.
    max_line_bytes : int
        A longer line is an error; bounds the memory.

    Raises
    ------
    DataError
        With file, line and feature, for whatever is no libsvm text, an index out of range or a number that is
        not finite.
    """
    return read(
        stream,
        source=source,
        n_threads=n_threads,
        n_features=n_features,
        zero_based=zero_based,
        has_labels=has_labels,
        has_weights=has_weights,
        has_fields=False,
        has_groups=has_groups,
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
    """Write libsvm text that reads back equal to the last bit; fields are left out.

    Parameters
    ----------
    batches, stream, source
        See `pairloom.formats.protocols.WriteRows`.
    zero_based : bool
        Whether column 0 is written as 0 or as 1.
    has_labels : bool
        False leaves the labels out.
    has_weights : bool
        Write ``label:weight``.

    Raises
    ------
    DataError
        For rows without labels, weights that would get lost, or a number that is not finite.
    """
    write(
        batches,
        stream,
        source=source,
        zero_based=zero_based,
        has_labels=has_labels,
        has_weights=has_weights,
        has_fields=False,
    )
